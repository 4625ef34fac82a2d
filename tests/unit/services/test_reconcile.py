"""Studies find their orders by each key, whichever came first, and never a wrong patient's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.matching import Outcome
from bridge.domain.order import OrderNumbers
from bridge.domain.study import RequestAttributes
from bridge.services.publish_study import PublishStudy
from bridge.services.read_images import ImageQuery, ReadImages
from bridge.services.reconcile import Reconcile
from tests.unit.services.core import RULES, Core, merge, order, patient, procedure, scheduled, step

OWN_UID = "9.9"
ITEM = RequestAttributes(rp_id="R1", sps_id="S1")


def by_study_uid(core: Core) -> None:
    core.image(accession="")


def by_accession(core: Core) -> None:
    core.image("9.9.1", OWN_UID)


def by_request_attributes(core: Core) -> None:
    core.image("9.9.1", OWN_UID, accession="", requests=[ITEM])


def by_requested_study_uid(core: Core) -> None:
    item = replace(ITEM, sps_id="", study_instance_uid="1.2.1")
    core.image("9.9.1", OWN_UID, accession="", requests=[item])


def by_requested_accession(core: Core) -> None:
    item = replace(ITEM, sps_id="", accession=Identifier("A1"))
    core.image("9.9.1", OWN_UID, accession="", requests=[item])


def by_performed_step(core: Core) -> None:
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    core.image("9.9.1", OWN_UID, accession="", performed=["1.9.1"])


KEYS = [
    by_study_uid,
    by_accession,
    by_request_attributes,
    by_requested_study_uid,
    by_requested_accession,
    by_performed_step,
]


@pytest.mark.parametrize("order_first", [True, False], ids=["order first", "images first"])
@pytest.mark.parametrize("send", KEYS)
def test_given_a_key_then_the_study_is_matched_and_told_once(
    core: Core, send: Callable[[Core], None], order_first: bool
) -> None:
    uid = "1.2.1" if send is by_study_uid else OWN_UID
    if order_first:
        core.place(order())
    send(core)
    core.settle()
    if not order_first:
        assert core.outcome(uid) is Outcome.UNSCHEDULED
        assert core.told() == []
        core.place(order())
    assert core.outcome(uid) is Outcome.MATCHED
    assert core.matched_accessions(uid) == ["A1"]
    assert core.told() == [("study.available", uid)]


def test_given_a_procedure_id_of_another_order_of_the_same_number_then_the_accession_tells(
    core: Core,
) -> None:
    """A Requested Procedure ID is unique only inside its accession."""
    core.place(order(), order("NW", procedure("1.2.2", "R1"), accession="A2"))
    item = replace(ITEM, accession=Identifier("A2"))
    core.image("9.9.1", OWN_UID, accession="", requests=[item])
    core.settle()
    assert core.matched_accessions(OWN_UID) == ["A2"]


def test_given_a_procedure_id_alone_then_it_leads_nowhere(core: Core) -> None:
    core.place(order())
    core.image("9.9.1", OWN_UID, accession="", requests=[RequestAttributes(rp_id="R1")])
    core.settle()
    assert core.outcome(OWN_UID) is Outcome.UNSCHEDULED


def test_given_the_number_of_another_patient_then_it_is_a_conflict_and_stays_one(
    core: Core,
) -> None:
    core.place(order(), order("NW", procedure("1.2.2"), who=patient("P2"), accession="A2"))
    core.image(patient_id="P2")
    core.settle()
    assert core.outcome() is Outcome.CONFLICT
    core.place(order("XO", procedure(code="CTNECK")))
    assert core.outcome() is Outcome.CONFLICT
    assert core.told() == []


def test_given_images_without_a_patient_then_a_person_has_to_say(core: Core) -> None:
    core.place(order())
    core.image(patient_id="", name="", PatientBirthDate="", PatientSex="")
    core.settle()
    assert core.outcome() is Outcome.CANDIDATES
    assert core.told() == []


def test_given_a_typing_error_in_the_patient_id_then_name_and_birth_date_confirm(
    core: Core,
) -> None:
    core.place(order())
    core.image(patient_id="P11", name="TRAN^P1")
    core.settle()
    assert core.outcome() is Outcome.MATCHED


def test_given_one_accession_number_of_two_issuers_then_the_patient_tells(core: Core) -> None:
    theirs = OrderNumbers(accession=Identifier("A1", Authority("CLINIC")))
    elsewhere = order("NW", procedure("1.2.2"), who=patient("P2"))
    core.place(order(), replace(elsewhere, numbers=theirs))
    core.image("9.9.1", OWN_UID, patient_id="P2")
    core.settle()
    assert core.outcome(OWN_UID) is Outcome.MATCHED
    linked = core.store.read(lambda tx: tx.orders.with_procedures(tx.studies.procedures_of(1)))
    assert [each.numbers for each in linked] == [theirs]


def test_given_images_of_two_requests_then_they_serve_both_and_wait_for_the_second(
    core: Core,
) -> None:
    items = [
        replace(ITEM, accession=Identifier("A1")),
        RequestAttributes(rp_id="R2", accession=Identifier("A2")),
    ]
    core.place(order(), order("NW", procedure("1.2.2", "R2"), accession="A2"))
    core.image(requests=items)
    core.settle()
    assert core.matched_accessions() == ["A1", "A2"]


def test_given_several_procedures_of_one_accession_then_the_modality_tells(core: Core) -> None:
    core.place(
        order(
            "NW",
            procedure("1.2.1", "R1", step(modality="MR")),
            procedure("1.2.2", "R2", step(modality="CT")),
        )
    )
    core.image("9.9.1", OWN_UID)
    core.settle()
    assert core.outcome(OWN_UID) is Outcome.MATCHED


def test_given_two_procedures_that_fit_alike_then_a_person_has_to_say_until_one_is_left(
    core: Core,
) -> None:
    core.place(order("NW", procedure("1.2.1", "R1"), procedure("1.2.2", "R2")))
    core.image("9.9.1", OWN_UID)
    core.settle()
    assert core.outcome(OWN_UID) is Outcome.CANDIDATES
    core.place(order("XO", procedure("1.2.1", "R1", step(modality="MR"))))
    assert core.outcome(OWN_UID) is Outcome.MATCHED


def test_given_a_held_order_then_its_images_are_matched_all_the_same(ris: Core) -> None:
    ris.place(order("NW", procedure("", "", step(""))))
    ris.image("9.9.1", OWN_UID)
    ris.settle()
    assert ris.outcome(OWN_UID) is Outcome.MATCHED


def test_given_a_cancelled_order_then_images_of_it_are_linked(core: Core) -> None:
    core.place(order(), order("CA"))
    core.image()
    core.settle()
    assert core.outcome() is Outcome.MATCHED


def test_given_an_order_of_another_study_then_a_waiting_one_is_left_alone(core: Core) -> None:
    core.image(accession="")
    core.settle()
    core.place(order("NW", procedure("1.2.2"), who=patient("P2"), accession="A2"))
    assert len(core.reasons()) == 1


def test_given_a_study_that_is_still_arriving_then_an_order_decides_nothing(core: Core) -> None:
    core.image()
    core.place(order())
    assert core.outcome() is None
    core.settle()
    assert core.outcome() is Outcome.MATCHED


@pytest.mark.parametrize("first", ["P1", "P2"])
def test_given_images_of_two_patients_in_one_study_then_it_is_a_conflict(
    core: Core, first: str
) -> None:
    core.place(order())
    second = "P2" if first == "P1" else "P1"
    core.image("1.1", patient_id=first, name="TRAN^P1")
    core.image("1.2", patient_id=second, name="TRAN^P1")
    core.image("1.3", patient_id=second, name="TRAN^P1")
    core.settle()
    assert core.outcome() is Outcome.CONFLICT
    assert core.told() == []
    core.place(merge(patient("P1"), "P2"))
    assert core.outcome() is Outcome.MATCHED


def test_given_a_late_image_of_a_waiting_study_then_the_order_waits_for_the_rest_too(
    core: Core,
) -> None:
    core.image("1.1")
    core.settle()
    core.image("1.2")
    core.place(order())
    assert core.told() == []
    core.settle()
    assert core.told() == core.told("pager") == [("study.available", "1.2.1")]


def test_given_messages_that_change_no_decision_then_it_is_written_down_once(core: Core) -> None:
    core.place(order())
    core.image(patient_id="", name="", PatientBirthDate="", PatientSex="")
    core.settle()
    for code in ("CTNECK", "CTHEAD", "CTNECK"):
        core.place(order("XO", procedure(code=code)))
    assert core.reasons() == ["the images do not identify the patient"]
    core.place(order("XO", procedure(), who=patient(PatientSex="M")))
    assert len(core.reasons()) == 2  # what the order says of the patient is evidence too


def test_given_a_decision_then_its_evidence_is_kept_field_by_field(core: Core) -> None:
    core.place(order())
    core.image(name="TRAN^X")
    core.settle()
    evidence = core.evidence()
    assert evidence["StudyInstanceUID"] == ("1.2.1", "1.2.1", True)
    assert evidence["PatientID"] == ("P1", "P1", True)
    assert evidence["PatientName"] == ("TRAN^X", "TRAN^P1", False)


def test_given_a_performed_step_for_two_orders_then_the_study_serves_both(core: Core) -> None:
    """The group case of STANDARDS 6.3: the images carry the numbers of one of them."""
    core.place(order(), order("NW", procedure("1.2.2", "R2"), accession="A2"))
    core.start_step("1.9.1", "IN PROGRESS", scheduled(), scheduled("1.2.2", "S1", "A2", "R2"))
    core.image()
    core.end_step("1.9.1", "COMPLETED")
    core.settle()
    assert core.outcome() is Outcome.MATCHED
    assert core.matched_accessions() == ["A1", "A2"]


def test_given_a_withdrawn_step_for_another_order_then_it_leads_nowhere(core: Core) -> None:
    core.place(order(), order("NW", procedure("1.2.2", "R2"), accession="A2"))
    core.start_step("1.9.1", "IN PROGRESS", scheduled("1.2.2", "S1", "A2", "R2"))
    core.end_step("1.9.1", "DISCONTINUED", reason="110514")
    core.start_step("1.9.2", "IN PROGRESS", scheduled("1.2.2", "S1", "A2", "R2"), scheduled())
    core.image(performed=["1.9.2"])
    core.end_step("1.9.2", "COMPLETED")
    core.settle()
    assert core.matched_accessions() == ["A1", "A2"]


def test_given_a_device_whose_images_stay_as_they_came_then_they_are_found_under_what_they_say(
    core: Core,
) -> None:
    core.reconcile = Reconcile(
        PublishStudy({}), lambda: RULES, presents_orders=lambda title: title != "CT01"
    )
    images = ReadImages(store=core.store, objects=core.objects)
    core.place(order())
    core.image(name="TRAN^X")
    core.settle()
    (usual,) = images.studies(ImageQuery())
    assert usual.patient_name == "TRAN^P1"
    core.store.transact(lambda tx: core.reconcile.study(tx, "1.2.1", core.now))
    (as_it_came,) = images.studies(ImageQuery())
    assert as_it_came.patient_name == "TRAN^X"


def test_given_images_that_only_their_request_leads_on_when_the_order_comes_then_it_is_found(
    core: Core,
) -> None:
    """Whatever leads to an order that is there leads to one that comes later, too."""
    item = replace(ITEM, accession=Identifier("A1"))
    core.image("9.9.1", OWN_UID, accession="", patient_id="", name="TRAN^P1", requests=[item])
    core.settle()
    assert core.outcome(OWN_UID) is Outcome.UNSCHEDULED
    core.place(order())
    assert core.outcome(OWN_UID) is Outcome.CANDIDATES


def test_given_two_patients_under_one_study_uid_and_no_order_then_it_is_a_conflict(
    core: Core,
) -> None:
    core.image("1.1", patient_id="X1")
    core.image("1.2", patient_id="X2")
    core.settle()
    assert core.outcome() is Outcome.CONFLICT
