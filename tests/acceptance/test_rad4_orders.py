"""RAD-4 and RAD-13, Procedure Scheduled and Updated; RAD-2, an order that only a HIS has placed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.acceptance.conftest import NewHospital
from tests.acceptance.hospital import Hospital
from tests.acceptance.orders import (
    FORMS,
    Order,
    Step,
    control_id,
    header,
    new_order,
    new_patient,
    omi,
    orm,
)
from tests.peers.hl7_node import Client

FORM = pytest.mark.parametrize("form", list(FORMS))


def described(order: Order, description: str) -> Order:
    return replace(order, description=description)


@FORM
@pytest.mark.parametrize("client", ["node-hl7-client", "@medplum/hl7"])
def test_given_an_order_when_the_modality_asks_then_it_sees_all_of_it(
    hospital: Hospital, form: str, client: Client
) -> None:
    order = new_order()
    hospital.place(FORMS[form](order), client)

    entry = hospital.entry(order)

    assert entry.AccessionNumber == order.accession
    assert entry.PatientID == order.patient.id
    assert entry.PatientName == order.patient.person_name
    assert entry.PatientBirthDate == order.patient.birth_date
    assert entry.PatientSex == order.patient.sex
    assert entry.StudyInstanceUID == order.study_uid
    assert entry.RequestedProcedureID == order.rp_id
    assert entry.RequestedProcedureDescription == order.description
    (code,) = entry.RequestedProcedureCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator) == (order.code, "99HOSP")
    (step,) = entry.ScheduledProcedureStepSequence
    assert step.ScheduledProcedureStepID == order.step.id
    assert step.Modality == "CT"
    assert step.ScheduledProcedureStepStartDate == order.date
    assert step.ScheduledProcedureStepStartTime.startswith(order.time)
    assert step.ScheduledStationAETitle == "CT01"
    assert step.ScheduledProcedureStepDescription


def test_given_an_order_of_several_steps_then_each_has_an_entry_of_its_own(
    hospital: Hospital,
) -> None:
    order = new_order(steps=3)
    hospital.place(omi(order))

    items = hospital.worklist(AccessionNumber=order.accession)

    assert [len(item.ScheduledProcedureStepSequence) for item in items] == [1, 1, 1]
    assert hospital.step_ids(order) == [step.id for step in order.steps]
    assert {item.StudyInstanceUID for item in items} == {order.study_uid}


@pytest.mark.parametrize("form", ["ORM^O01", "OMG^O19"])
def test_given_groups_that_share_a_study_then_they_are_steps_of_one_procedure(
    hospital: Hospital, form: str
) -> None:
    order = new_order(steps=2)
    hospital.place(FORMS[form](order))

    items = hospital.worklist(AccessionNumber=order.accession)

    assert hospital.step_ids(order) == [step.id for step in order.steps]
    assert {item.StudyInstanceUID for item in items} == {order.study_uid}


@FORM
def test_given_several_orders_in_one_message_then_every_one_of_them_is_on_the_worklist(
    hospital: Hospital, form: str
) -> None:
    patient = new_patient()
    orders = [new_order(patient) for _ in range(4)]
    hospital.place(FORMS[form](*orders))

    for order in orders:
        assert hospital.entry(order).StudyInstanceUID == order.study_uid
    assert len(hospital.worklist(PatientID=patient.id)) == len(orders)


@FORM
def test_given_a_change_then_the_worklist_shows_it(hospital: Hospital, form: str) -> None:
    order = new_order()
    hospital.place(FORMS[form](order))
    hospital.place(FORMS[form](described(replace(order, time="141500"), "CT neck"), control="XO"))

    entry = hospital.entry(order)

    assert entry.RequestedProcedureDescription == "CT neck"
    (step,) = entry.ScheduledProcedureStepSequence
    assert step.ScheduledProcedureStepStartTime.startswith("1415")
    assert entry.StudyInstanceUID == order.study_uid


def test_given_a_change_with_other_steps_then_it_is_the_whole_truth(hospital: Hospital) -> None:
    order = new_order(steps=2)
    hospital.place(omi(order))
    first, second = order.steps
    third = Step(id=f"{second.id}x"[:16], description="CT thorax")
    hospital.place(omi(replace(order, steps=(first, third)), control="XO"))

    assert hospital.step_ids(order) == sorted([first.id, third.id])


@FORM
def test_given_a_cancel_then_the_entry_is_gone(hospital: Hospital, form: str) -> None:
    order = new_order()
    hospital.place(FORMS[form](order))
    hospital.place(FORMS[form](order, control="CA", status="CA"))

    assert hospital.worklist(AccessionNumber=order.accession) == []


def test_given_a_cancel_that_names_only_the_order_then_the_entry_is_gone(
    hospital: Hospital,
) -> None:
    order = new_order()
    hospital.place(orm(order))
    bare = replace(order, study_uid="", accession="", rp_id="", steps=(Step(id=""),))
    hospital.place(orm(bare, control="CA", status="CA"))

    assert hospital.worklist(AccessionNumber=order.accession) == []


def test_given_one_order_of_several_cancelled_then_the_others_stay(hospital: Hospital) -> None:
    patient = new_patient()
    orders = [new_order(patient) for _ in range(3)]
    hospital.place(orm(*orders))
    hospital.place(orm(orders[1], control="CA", status="CA"))

    left = {item.AccessionNumber for item in hospital.worklist(PatientID=patient.id)}

    assert left == {orders[0].accession, orders[2].accession}


def test_given_one_step_of_several_cancelled_then_the_others_stay(hospital: Hospital) -> None:
    order = new_order(steps=3)
    hospital.place(omi(order))
    second = replace(order, steps=(order.steps[1],))
    hospital.place(omi(second, control="CA", status="CA"))

    assert hospital.step_ids(order) == [order.steps[0].id, order.steps[2].id]


def test_given_the_same_message_again_then_it_is_acknowledged_again_and_applied_once(
    hospital: Hospital,
) -> None:
    order = new_order()
    message = orm(order)
    first = hospital.send(message)
    hospital.place(orm(described(order, "CT neck"), control="XO"))

    again = hospital.send(message)

    assert (first["code"], again["code"]) == ("AA", "AA")
    assert first["id"] == again["id"]
    assert hospital.entry(order).RequestedProcedureDescription == "CT neck"


def test_given_a_control_id_used_twice_for_different_messages_then_both_are_applied(
    hospital: Hospital,
) -> None:
    control = control_id()
    orders = [new_order(), new_order()]
    for order in orders:
        hospital.place(orm(order, head=header("ORM^O01", "2.3.1", control=control)))

    for order in orders:
        assert hospital.entry(order).StudyInstanceUID == order.study_uid


def test_given_an_older_message_that_comes_late_then_newer_state_stays(hospital: Hospital) -> None:
    order = new_order()
    hospital.place(orm(order))
    late = header("ORM^O01", "2.3.1")
    then = late.split("|")
    then[6] = "20200101000000+0700"
    hospital.place(orm(described(order, "CT neck"), control="XO"))

    hospital.place(orm(described(order, "CT of long ago"), control="XO", head="|".join(then)))

    assert hospital.entry(order).RequestedProcedureDescription == "CT neck"


def test_given_a_cancelled_order_then_a_replay_of_its_birth_does_not_revive_it(
    hospital: Hospital,
) -> None:
    order = new_order()
    message = orm(order)
    hospital.place(message)
    hospital.place(orm(order, control="CA", status="CA"))
    hospital.place(message)

    assert hospital.worklist(AccessionNumber=order.accession) == []


def test_given_an_order_without_numbers_of_a_filler_then_the_bridge_mints_them_once(
    hospital: Hospital,
) -> None:
    """RAD-2 in `his_only` mode: the bridge is the order filler."""
    order = new_order(filler="", accession="", rp_id="", study_uid="", steps=1)
    order = replace(order, steps=(replace(order.step, id=""),))
    hospital.place(orm(order, status=""))

    (entry,) = hospital.worklist(PatientID=order.patient.id)
    (step,) = entry.ScheduledProcedureStepSequence
    minted = (entry.AccessionNumber, entry.RequestedProcedureID, entry.StudyInstanceUID)
    assert all((*minted, step.ScheduledProcedureStepID))
    assert max(len(number) for number in minted[:2]) <= 16

    hospital.place(orm(described(order, "CT neck"), control="XO", status=""))
    (changed,) = hospital.worklist(PatientID=order.patient.id)
    assert changed.RequestedProcedureDescription == "CT neck"
    kept = (changed.AccessionNumber, changed.RequestedProcedureID, changed.StudyInstanceUID)
    assert kept == minted


def test_given_a_ris_when_it_gives_no_study_uid_then_none_is_minted(
    new_hospital: NewHospital,
) -> None:
    """With a RIS, identifiers are received and never minted: the order waits for its UID."""
    hospital = new_hospital(site={"mode": "ris"})
    order = new_order()
    hospital.send(orm(replace(order, study_uid="")))
    assert hospital.worklist(AccessionNumber=order.accession) == []

    hospital.place(orm(order, control="XO"))
    assert hospital.entry(order).StudyInstanceUID == order.study_uid


def test_given_an_order_without_a_name_then_it_is_held_and_not_on_the_worklist(
    hospital: Hospital,
) -> None:
    """A type 1 attribute of the worklist cannot be filled."""
    order = new_order(new_patient(family="", given="", middle=""))
    hospital.send(orm(order).replace("|^^|", "||"))

    assert hospital.worklist(AccessionNumber=order.accession) == []


def test_given_a_held_order_when_the_missing_part_comes_then_it_is_on_the_worklist(
    hospital: Hospital,
) -> None:
    order = new_order()
    nameless = replace(order, patient=replace(order.patient, family="", given="", middle=""))
    hospital.send(orm(nameless).replace("|^^|", "||"))
    hospital.send(orm(order, control="XO"))

    assert hospital.entry(order).PatientName == order.patient.person_name


@FORM
def test_given_two_orders_of_one_accession_number_then_both_are_on_the_worklist(
    hospital: Hospital, form: str
) -> None:
    """A HIS that groups examinations; a known system keeps the last, and answers AA to both."""
    one = new_order()
    other = replace(new_order(one.patient), accession=one.accession)
    hospital.place(FORMS[form](one))
    hospital.place(FORMS[form](other))

    assert hospital.step_ids(one) == sorted([one.step.id, other.step.id])

    hospital.place(FORMS[form](other, control="CA", status="CA"))

    assert hospital.step_ids(one) == [one.step.id]
