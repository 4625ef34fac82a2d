"""RAD-12, Patient Update, and the rest of ADT: who is who, and in which visit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.acceptance.hospital import Hospital
from tests.acceptance.orders import (
    Order,
    adt,
    adt_merge,
    adt_update,
    new_order,
    new_patient,
    omi,
    orm,
    pid,
)


def test_given_a_rename_then_every_entry_of_the_patient_shows_the_new_name(
    hospital: Hospital,
) -> None:
    patient = new_patient()
    orders = [new_order(patient), new_order(patient)]
    hospital.place(orm(*orders))
    hospital.place(adt_update(replace(patient, family="LE", birth_date="19811231", sex="M")))

    for order in orders:
        entry = hospital.entry(order)
        assert entry.PatientName == "LE^BINH^THI"
        assert (entry.PatientBirthDate, entry.PatientSex) == ("19811231", "M")
    assert len(hospital.worklist(PatientID=patient.id, PatientName="LE*")) == len(orders)
    assert hospital.worklist(PatientID=patient.id, PatientName="TRAN*") == []


def test_given_a_merge_then_the_worklist_shows_the_survivor(hospital: Hospital) -> None:
    survivor, retired = new_patient(family="NGO"), new_patient(family="DO")
    order = new_order(retired)
    hospital.place(omi(order))
    hospital.place(adt_merge(survivor, [retired]))

    entry = hospital.entry(order)

    assert entry.PatientID == survivor.id
    assert entry.PatientName == survivor.person_name
    assert hospital.worklist(PatientID=survivor.id) != []


def test_given_several_merges_in_one_message_then_all_of_them_count(hospital: Hospital) -> None:
    survivor = new_patient()
    retired = [new_patient(), new_patient()]
    orders = [new_order(patient) for patient in retired]
    for order in orders:
        hospital.place(orm(order))
    hospital.place(adt_merge(survivor, retired))

    found = {item.AccessionNumber for item in hospital.worklist(PatientID=survivor.id)}

    assert found == {order.accession for order in orders}


def test_given_a_merge_when_an_order_names_the_retired_number_then_it_is_the_survivors(
    hospital: Hospital,
) -> None:
    survivor, retired = new_patient(), new_patient()
    hospital.place(orm(new_order(retired)))
    hospital.place(adt_merge(survivor, [retired]))
    late = new_order(retired)
    hospital.place(orm(late))

    assert hospital.entry(late).PatientID == survivor.id


def test_given_a_merge_of_a_patient_nobody_knew_then_later_orders_follow_it(
    hospital: Hospital,
) -> None:
    survivor, retired = new_patient(), new_patient()
    hospital.place(adt_merge(survivor, [retired]))
    order = new_order(retired)
    hospital.place(orm(order))

    assert hospital.entry(order).PatientID == survivor.id


def test_given_a_merge_of_a_patient_with_himself_then_it_is_refused(hospital: Hospital) -> None:
    patient = new_patient()
    answer = hospital.send(adt_merge(patient, [patient]))

    assert answer["code"] == "AE"
    assert "MRG" in answer["errors"]


def test_given_a_merge_when_asked_by_the_retired_number_then_the_survivors_steps_are_found(
    hospital: Hospital,
) -> None:
    """The console still knows the old number: STANDARDS 3.3 keeps aliases resolvable."""
    survivor, retired = new_patient(), new_patient()
    order = new_order(retired)
    hospital.place(orm(order))
    hospital.place(adt_merge(survivor, [retired]))

    (entry,) = hospital.worklist(PatientID=retired.id)

    assert (entry.PatientID, entry.AccessionNumber) == (survivor.id, order.accession)


@pytest.mark.parametrize("event", ["A18", "A34", "A36", "A39", "A40"])
@pytest.mark.parametrize("version", ["2.3.1", "2.5.1"])
def test_given_a_merge_of_any_age_then_the_order_is_the_survivors(
    hospital: Hospital, event: str, version: str
) -> None:
    survivor, retired = new_patient(), new_patient()
    order = new_order(retired)
    hospital.place(orm(order))
    mrg = f"MRG|{retired.id}^^^HOSP^MR||||||DOE^JOHN"
    hospital.place(adt(event, pid(survivor), mrg, version=version))

    assert hospital.entry(order).PatientID == survivor.id


def test_given_a_merge_by_the_numbers_of_before_v2_3_then_it_counts(hospital: Hospital) -> None:
    """PID-2 and MRG-4 only, without any authority."""
    survivor, retired = new_patient(), new_patient()
    order = new_order(retired)
    hospital.place(orm(order).replace(f"PID|1||{retired.id}^^^HOSP^MR", f"PID|1|{retired.id}|"))
    hospital.place(adt("A34", f"PID|1|{survivor.id}|||NGO^LAN", f"MRG||||{retired.id}"))

    assert hospital.entry(order).PatientID == survivor.id


def test_given_an_unlink_of_merged_patients_then_each_has_what_is_his_again(
    hospital: Hospital,
) -> None:
    survivor, retired = new_patient(), new_patient()
    orders = [new_order(survivor), new_order(retired)]
    hospital.place(orm(orders[0]))
    hospital.place(orm(orders[1]))
    hospital.place(adt_merge(survivor, [retired]))
    late = new_order(retired)
    hospital.place(orm(late))
    hospital.place(adt("A37", pid(survivor), pid(retired)))

    assert hospital.entry(orders[0]).PatientID == survivor.id
    assert hospital.entry(orders[1]).PatientID == retired.id
    assert hospital.entry(late).PatientID == retired.id


def test_given_linked_patients_then_they_stay_two(hospital: Hospital) -> None:
    one, other = new_patient(), new_patient()
    orders = [new_order(one), new_order(other)]
    for order in orders:
        hospital.place(orm(order))
    hospital.place(adt("A24", pid(one), pid(other)))

    assert [hospital.entry(order).PatientID for order in orders] == [one.id, other.id]


# --- identifiers, accounts and visits


def test_given_another_number_for_a_patient_then_the_entry_shows_it(hospital: Hospital) -> None:
    before, after = new_patient(), new_patient()
    order = new_order(before)
    hospital.place(orm(order))
    hospital.place(adt("A47", pid(after), f"MRG|{before.id}^^^HOSP^MR"))

    assert hospital.entry(order).PatientID == after.id
    assert len(hospital.worklist(PatientID=before.id)) == 1


def test_given_a_number_that_somebody_has_then_the_change_is_refused(hospital: Hospital) -> None:
    one, other = new_patient(), new_patient()
    orders = [new_order(one), new_order(other)]
    for order in orders:
        hospital.place(orm(order))
    answer = hospital.send(adt("A47", pid(other), f"MRG|{one.id}^^^HOSP^MR"))

    assert (answer["code"], "^205" in answer["errors"] or "|205^" in answer["errors"]) == (
        "AE",
        True,
    )
    assert [hospital.entry(order).PatientID for order in orders] == [one.id, other.id]


def test_given_identifiers_that_move_then_the_orders_under_them_do(hospital: Hospital) -> None:
    wrong, right = new_patient(), new_patient()
    order = new_order(wrong)
    hospital.place(orm(order))
    hospital.place(adt("A43", pid(right), f"MRG|{wrong.id}^^^HOSP^MR"))

    assert hospital.entry(order).PatientID == right.id


STATUS = "ScheduledProcedureStepSequence[0].ScheduledProcedureStepStatus"


def seen(hospital: Hospital, order: Order) -> tuple[str, str, str]:
    """Where the patient is, the Admission ID and the status of the step, as a modality sees it."""
    keys = {"AccessionNumber": order.accession, "CurrentPatientLocation": "", "AdmissionID": ""}
    (item,) = hospital.worklist(**keys, **{STATUS: ""})
    step = item.ScheduledProcedureStepSequence[0]
    return item.CurrentPatientLocation, item.AdmissionID, step.ScheduledProcedureStepStatus


def in_visit(message: str, number: str, account: str = "", location: str = "CDHA") -> str:
    """The message of an order with PV1-3, PV1-19 and PID-18."""
    lines = message.split("\r")
    lines = [f"PV1|1|I|{location}{'|' * 16}{number}" if x.startswith("PV1") else x for x in lines]
    return "\r".join(f"{x}{'|' * 10}{account}" if x.startswith("PID") else x for x in lines)


def test_given_an_account_that_moves_then_only_its_orders_do(hospital: Hospital) -> None:
    wrong, right = new_patient(), new_patient()
    orders = [new_order(wrong), new_order(wrong)]
    for order, account in zip(orders, ("ACC1", "ACC2"), strict=True):
        hospital.place(in_visit(orm(order), f"V{account}", account))
    hospital.place(adt("A44", pid(right) + "|" * 10 + "ACC1", f"MRG|{wrong.id}^^^HOSP^MR||ACC1"))

    assert [hospital.entry(order).PatientID for order in orders] == [right.id, wrong.id]


def test_given_a_visit_that_moves_then_only_its_orders_do(hospital: Hospital) -> None:
    wrong, right = new_patient(), new_patient()
    orders = [new_order(wrong), new_order(wrong)]
    for order, visit in zip(orders, ("V1", "V2"), strict=True):
        hospital.place(in_visit(orm(order), visit))
    mrg = f"MRG|{wrong.id}^^^HOSP^MR||||V2"
    hospital.place(adt("A45", pid(right), mrg, f"PV1|1|I|W{'|' * 16}V2"))

    assert [hospital.entry(order).PatientID for order in orders] == [wrong.id, right.id]


def test_given_another_visit_number_then_the_entry_shows_it(hospital: Hospital) -> None:
    patient = new_patient()
    order = new_order(patient)
    hospital.place(in_visit(orm(order), "V1"))
    hospital.place(adt("A50", pid(patient), "MRG|||||V1", f"PV1|1|I|W{'|' * 16}V7"))

    (entry,) = hospital.worklist(AccessionNumber=order.accession, AdmissionID="V7")
    assert entry.AdmissionID == "V7"


# --- where the patient is


def test_given_a_transfer_then_the_entry_says_where_the_patient_is(hospital: Hospital) -> None:
    patient = new_patient()
    order = new_order(patient)
    hospital.place(in_visit(orm(order), "V1", location="WARD1"))
    hospital.place(adt("A02", pid(patient), f"PV1|1|I|WARD2^12^A{'|' * 16}V1"))
    assert seen(hospital, order)[:2] == ("WARD2 12 A", "V1")

    hospital.place(adt("A12", pid(patient), f"PV1|1|I|WARD1{'|' * 16}V1"))
    assert seen(hospital, order)[:2] == ("WARD1", "V1")


def test_given_an_admission_when_an_order_comes_without_pv1_then_it_takes_place_and_number(
    hospital: Hospital,
) -> None:
    patient = new_patient()
    hospital.place(adt("A01", pid(patient), f"PV1|1|I|WARD3{'|' * 16}V3"))
    order = new_order(patient)
    hospital.place(orm(order).replace("PV1|1|O|CDHA\r", ""))

    assert seen(hospital, order)[:2] == ("WARD3", "V3")


@pytest.mark.parametrize("event", ["A03", "A13", "A11", "A38", "A09"])
def test_given_the_end_of_a_visit_then_its_orders_stand(hospital: Hospital, event: str) -> None:
    patient = new_patient()
    order = new_order(patient)
    hospital.place(in_visit(orm(order), "V1"))
    hospital.place(adt(event, pid(patient), f"PV1|1|I|{'|' * 16}V1"))

    assert seen(hospital, order) == ("CDHA", "V1", "SCHEDULED")


def test_given_an_arrival_then_the_steps_of_today_have_arrived(hospital: Hospital) -> None:
    patient = new_patient()
    today, another_day = new_order(patient), new_order(patient, date="20991231")
    hospital.place(orm(today, another_day))
    hospital.place(adt("A10", pid(patient), "PV1|1|O|RAD"))

    assert [seen(hospital, order)[2] for order in (today, another_day)] == [
        "ARRIVED",
        "SCHEDULED",
    ]


# --- records that go


def test_given_a_record_with_an_open_order_then_its_removal_is_refused(
    hospital: Hospital,
) -> None:
    patient = new_patient()
    order = new_order(patient)
    hospital.place(orm(order))
    answer = hospital.send(adt("A29", pid(patient)))

    assert answer["code"] == "AE"
    assert "206" in answer["errors"]
    assert "order" in answer["errors"]
    hospital.place(orm(order, control="CA", status="CA"))
    hospital.place(adt("A29", pid(patient)))


def test_given_a_further_identifier_of_somebody_else_then_the_answer_warns(
    hospital: Hospital,
) -> None:
    one, other = new_patient(), new_patient()
    hospital.place(adt_update(one))
    hospital.place(adt_update(other))
    both = pid(one).replace("^^^HOSP^MR", f"^^^HOSP^MR~{other.id}^^^HOSP^MR")
    answer = hospital.send(adt("A08", both))

    assert answer["code"] == "AA"
    assert "another patient" in answer["errors"]
