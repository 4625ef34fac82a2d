"""Given a study that nobody ordered, when a person orders it, then it has an order as others do."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.domain.errors import (
    BridgeError,
    DuplicateKey,
    InvalidTransition,
    RequiredFieldMissing,
    UnknownKey,
)
from bridge.domain.identifiers import Identifier
from bridge.domain.matching import MatchDecision, Outcome
from bridge.domain.order import CodedConcept
from bridge.services.complete_order import Mode
from bridge.services.order_study import OrderStudy
from bridge.services.resolve_study import ResolveStudy
from tests.unit.services.core import HOSP, Core, order, patient, procedure, step, updated

UID = "1.2.1"
WHY = "trauma, scanned before anybody ordered"


def ordering(core: Core, mode: Mode = Mode.HIS_ONLY) -> OrderStudy:
    return OrderStudy(
        store=core.store,
        messages=core.messages,
        reconcile=core.reconcile,
        clock=core.clock,
        site=HOSP,
        mode=mode,
    )


def stray(core: Core, accession: str = "", patient_id: str = "X9", **said: Any) -> None:
    core.image(accession=accession, patient_id=patient_id, **said)
    core.settle()
    assert core.outcome() is Outcome.UNSCHEDULED


def ordered(core: Core, concept: CodedConcept | None = None) -> MatchDecision:
    return ordering(core).order(UID, "dr.an", WHY, concept)


def test_given_a_stray_study_when_ordered_then_it_is_matched_to_an_order_that_is_done(
    core: Core,
) -> None:
    stray(core, "A5", StudyDate="20260105", StudyTime="091500.12", StudyDescription="CT trauma")
    decision = ordered(core)
    assert (decision.outcome, decision.decided_by) == (Outcome.MATCHED, "operator dr.an")
    assert core.matched_accessions() == ["A5"]
    (done,) = core.held_order("A5").procedures
    (step,) = done.steps
    assert (done.study_instance_uid, step.status.value) == (UID, "COMPLETED")
    assert done.attributes["RequestedProcedureDescription"] == "CT trauma"
    assert (step.modality, step.start_date, step.start_time) == ("CT", "20260105", "091500")
    assert core.worklist() == []


def test_given_an_order_of_a_study_then_ehr_and_ris_are_told_and_the_journal_says_who_and_why(
    core: Core,
) -> None:
    stray(core, "A5")
    ordered(core)
    assert {uid for _, uid in core.told()} == {UID}
    assert core.told("ris")
    assert core.told("pager") == [("study.available", UID)]
    assert core.journal()[-1] == ("applied", "")
    study = core.store.read(lambda tx: tx.studies.find(UID))
    assert study is not None
    told = core.store.read(lambda tx: tx.resolutions.of_study(study.pk))
    assert [(each.who, each.reason) for each, _ in told] == [("dr.an", WHY)]


def test_given_images_without_accession_when_ordered_then_one_is_minted(core: Core) -> None:
    stray(core)
    ordered(core)
    (accession,) = core.matched_accessions()
    assert accession


def test_given_a_ris_that_assigns_accession_numbers_when_images_have_none_then_refused(
    core: Core,
) -> None:
    stray(core)
    with pytest.raises(RequiredFieldMissing, match="RIS assigns"):
        ordering(core, Mode.RIS).order(UID, "dr.an", WHY)


def test_given_a_known_patient_when_ordered_then_the_record_stays_as_it_was(core: Core) -> None:
    core.send(updated(patient("X9", PatientName="TRAN^X9", PatientAddress="Street 1")))
    stray(core, "A5", name="TRAN^X9")
    ordered(core)
    held = core.store.read(lambda tx: tx.patients.get(core.held_order("A5").patient_pk))
    assert held.attributes["PatientAddress"] == "Street 1"
    assert held.patient_id == Identifier("X9", HOSP)


def test_given_a_patient_id_of_somebody_else_when_ordered_then_refused(core: Core) -> None:
    core.send(updated(patient("X9", PatientName="LE^OTHER", PatientBirthDate="19500505")))
    stray(core, "A5")
    with pytest.raises(DuplicateKey, match="somebody else"):
        ordered(core)
    assert core.outcome() is Outcome.UNSCHEDULED


def test_given_a_procedure_when_ordered_then_the_order_names_it(core: Core) -> None:
    stray(core, "A5")
    ordered(core, CodedConcept("CTHEAD", "99HOSP", "CT of the head"))
    (done,) = core.held_order("A5").procedures
    assert done.code == CodedConcept("CTHEAD", "99HOSP", "CT of the head")


def test_given_a_matched_study_when_ordered_then_refused(core: Core) -> None:
    core.place(order("NW", procedure(UID)))
    core.image()
    core.settle()
    with pytest.raises(InvalidTransition, match="matched"):
        ordered(core)


def test_given_a_rejected_study_when_ordered_then_refused(core: Core) -> None:
    stray(core)
    resolve = ResolveStudy(store=core.store, reconcile=core.reconcile, clock=core.clock)
    resolve.reject(UID, "dr.an", "phantom")
    with pytest.raises(InvalidTransition, match="rejected"):
        ordered(core)


def test_given_a_study_that_still_arrives_when_ordered_then_refused(core: Core) -> None:
    core.image(accession="", patient_id="X9")
    with pytest.raises(InvalidTransition, match="arriving"):
        ordered(core)


def test_given_an_order_of_the_same_accession_number_when_ordered_then_it_is_to_be_linked(
    core: Core,
) -> None:
    core.place(order("NW", procedure("1.2.7"), accession="A5", who=patient("P1")))
    core.image(accession="A5", patient_id="X9")
    core.settle()
    assert core.outcome() is not Outcome.MATCHED
    with pytest.raises(DuplicateKey, match="link"):
        ordered(core)


@pytest.mark.parametrize("named", ["", "UNKNOWN"])
def test_given_images_that_name_nobody_when_ordered_then_refused(core: Core, named: str) -> None:
    stray(core, "A5", named)
    with pytest.raises(RequiredFieldMissing, match="no patient"):
        ordered(core)


def test_given_no_such_study_or_no_reason_then_refused(core: Core) -> None:
    with pytest.raises(UnknownKey):
        ordered(core)
    with pytest.raises(BridgeError, match="why"):
        ordering(core).order(UID, "dr.an", " ")


def undo(core: Core) -> MatchDecision:
    core.now += 60
    resolve = ResolveStudy(store=core.store, reconcile=core.reconcile, clock=core.clock)
    return resolve.undo(UID, "dr.binh")


def test_given_a_study_is_ordered_then_a_receiver_is_told_once_that_it_is_available(
    core: Core,
) -> None:
    stray(core, "A5")
    ordered(core)
    assert core.told() == core.told("pager") == [("study.available", UID)]


def test_given_an_order_of_a_study_when_undone_then_the_order_is_cancelled_and_told_so(
    core: Core,
) -> None:
    stray(core, "A5")
    ordered(core)
    assert undo(core).outcome is Outcome.UNSCHEDULED
    assert core.statuses("A5") == {"SPS1": "CANCELED"}
    assert core.told("ris")[-1][0] == "order.canceled"
    core.image("1.2.1.1.9", accession="A5", patient_id="X9")
    core.settle()
    assert core.outcome() is Outcome.UNSCHEDULED


def test_given_it_was_undone_when_ordered_again_then_the_same_order_is_done(core: Core) -> None:
    stray(core, "A5")
    ordered(core)
    undo(core)
    core.now += 60
    assert ordered(core, CodedConcept("CTHEAD", "99HOSP", "head")).outcome is Outcome.MATCHED
    assert core.matched_accessions() == ["A5"]
    assert core.statuses("A5") == {"SPS1": "COMPLETED"}


def test_given_the_real_order_comes_after_the_undoing_then_the_study_is_that_one_s(
    core: Core,
) -> None:
    stray(core, "A5")
    ordered(core)
    undo(core)
    core.place(order("NW", procedure(UID), who=patient("X9"), accession="A5", filler="F1"))
    assert core.outcome() is Outcome.MATCHED


def test_given_the_order_was_changed_since_when_undone_then_it_stays_and_the_rules_decide(
    core: Core,
) -> None:
    stray(core, "A5")
    ordered(core)
    core.now += 60
    changed = procedure(UID, "", step("SPS1"), code="CTNECK")
    core.place(order("XO", changed, accession="A5", who=patient("X9")))
    decision = undo(core)
    assert (decision.outcome, decision.decided_by) == (Outcome.MATCHED, "bridge")
    assert "COMPLETED" in core.statuses("A5").values()


def test_given_another_study_belongs_to_the_order_by_now_when_undone_then_it_stays(
    core: Core,
) -> None:
    stray(core, "A5")
    ordered(core)
    core.image("9.9.1", "9.9", accession="A5", patient_id="X9")
    core.settle()
    assert core.outcome("9.9") is Outcome.MATCHED
    undo(core)
    assert core.statuses("A5") == {"SPS1": "COMPLETED"}
    assert core.outcome("9.9") is Outcome.MATCHED
