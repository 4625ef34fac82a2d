"""Given images under another's identity, when moved, then they are the patient's a person named."""

from __future__ import annotations

import pytest

from bridge.domain.errors import InvalidTransition, RequiredFieldMissing, UnknownKey
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.matching import MatchDecision, Outcome
from bridge.services.present_study import presentation
from bridge.services.resolve_study import ResolveStudy
from tests.unit.services.core import HOSP, Core, merge, order, patient, procedure, updated

UID = "1.2.1"


def resolve(core: Core) -> ResolveStudy:
    return ResolveStudy(store=core.store, reconcile=core.reconcile, clock=core.clock)


def moved(core: Core, to: str = "P2") -> MatchDecision:
    return resolve(core).move(UID, Identifier(to), "dr.an", "the wristband says so")


def shown(core: Core) -> str:
    """The Patient ID the images are shown under; nothing for their own."""
    found = core.store.read(lambda tx: presentation(tx, UID))
    return found.coercion.patient_id.value if found else ""


@pytest.fixture
def wrong(core: Core) -> Core:
    """P2's order, whose images name P1, who is somebody else."""
    core.send(updated(patient("P1", PatientName="LE^OTHER", PatientBirthDate="19500505")))
    core.place(order("NW", procedure(UID), who=patient("P2")))
    core.image(patient_id="P1", name="LE^OTHER", PatientBirthDate="19500505")
    core.settle()
    assert core.outcome() is Outcome.CONFLICT
    return core


def test_given_a_conflict_of_patients_when_moved_then_the_rules_match_it_and_it_is_told(
    wrong: Core,
) -> None:
    assert moved(wrong).outcome is Outcome.MATCHED
    assert wrong.matched_accessions() == ["A1"]
    assert shown(wrong) == "P2"
    assert ("study.available", UID) in wrong.told()


def test_given_it_was_moved_when_undone_then_it_is_as_it_was_and_withdrawn(wrong: Core) -> None:
    moved(wrong)
    wrong.deliver()
    assert resolve(wrong).undo(UID, "dr.binh").outcome is Outcome.CONFLICT
    assert shown(wrong) == ""
    assert ("study.withdrawn", UID) in wrong.told()


def test_given_a_match_when_moved_to_another_then_it_is_that_order_s_no_more(core: Core) -> None:
    core.send(updated(patient("P2", PatientName="LE^OTHER", PatientBirthDate="19500505")))
    core.place(order("NW", procedure(UID)))
    core.image()
    core.settle()
    core.deliver()
    assert moved(core).outcome is not Outcome.MATCHED
    assert shown(core) == "P2"
    assert ("study.withdrawn", UID) in core.told()


def test_given_a_move_when_it_is_then_linked_and_unlinked_then_the_move_still_stands(
    wrong: Core,
) -> None:
    moved(wrong)
    resolve(wrong).unlink(UID, "dr.an", "another order")
    assert shown(wrong) == "P2"


def test_given_a_move_when_further_images_come_then_they_count_as_moved(wrong: Core) -> None:
    moved(wrong)
    wrong.image("1.2.1.1.2", patient_id="P1", name="LE^OTHER", PatientBirthDate="19500505")
    wrong.settle()
    assert wrong.outcome() is Outcome.MATCHED


def test_given_a_move_to_nobody_s_order_when_that_patient_s_order_comes_then_it_is_matched(
    core: Core,
) -> None:
    core.send(updated(patient("P2")))
    core.image(accession="A7", patient_id="P1", name="LE^OTHER")
    core.settle()
    assert moved(core).outcome is Outcome.UNSCHEDULED
    assert shown(core) == "P2"
    core.place(order("NW", procedure("1.2.7"), accession="A7", who=patient("P2")))
    assert core.matched_accessions() == ["A7"]


def test_given_the_record_is_merged_away_then_it_is_the_survivor_s(core: Core) -> None:
    core.send(updated(patient("P2")))
    core.image(accession="", patient_id="X9")
    core.settle()
    moved(core)
    core.place(merge(patient("P3"), "P2"))
    assert shown(core) == "P3"


def test_given_nobody_or_several_of_that_name_when_moved_then_refused(wrong: Core) -> None:
    with pytest.raises(UnknownKey, match="no patient"):
        moved(wrong, "P8")
    wrong.send(updated(patient("P2", Authority("OTHER"))))
    with pytest.raises(UnknownKey, match="several"):
        moved(wrong, "P2")
    named = Identifier("P2", HOSP)
    assert resolve(wrong).move(UID, named, "dr.an", "why").outcome is Outcome.MATCHED


def test_given_a_rejected_study_or_no_reason_when_moved_then_refused(wrong: Core) -> None:
    with pytest.raises(RequiredFieldMissing):
        resolve(wrong).move(UID, Identifier("P2"), "dr.an", "")
    resolve(wrong).reject(UID, "dr.an", "phantom")
    with pytest.raises(InvalidTransition, match="rejected"):
        moved(wrong)
