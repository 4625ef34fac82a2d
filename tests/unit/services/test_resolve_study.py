"""Given a person's word on a study, then it stands against every rule until it is taken back."""

from __future__ import annotations

import pytest

from bridge.domain.errors import InvalidTransition, RequiredFieldMissing, UnknownKey
from bridge.domain.identifiers import Identifier
from bridge.domain.matching import Outcome
from bridge.services.content import Source
from bridge.services.read_images import ImageQuery, ReadImages
from bridge.services.resolve_study import ResolveStudy
from tests.unit.services.core import Core, order, patient, procedure, step

UID = "1.2.1"


def resolve(core: Core) -> ResolveStudy:
    return ResolveStudy(store=core.store, reconcile=core.reconcile, clock=core.clock)


def numbers(*values: str) -> list[Identifier]:
    return [Identifier(value) for value in values]


def place(core: Core, accession: str, uid: str, who: str = "P1") -> None:
    what = procedure(uid, f"R{accession}", step(f"S{accession}"))
    core.place(order("NW", what, accession=accession, who=patient(who)))


@pytest.fixture
def stray(core: Core) -> Core:
    """A settled study of nobody's order, and an order of another Study Instance UID."""
    core.image(accession="", patient_id="X9")
    core.settle()
    place(core, "A7", "1.2.7")
    assert core.outcome() is Outcome.UNSCHEDULED
    return core


def test_given_a_stray_study_when_it_is_linked_then_it_is_matched_and_told_of(stray: Core) -> None:
    decision = resolve(stray).link(UID, numbers("A7"), "dr.an", "wrong Patient ID at the console")
    assert (decision.outcome, decision.decided_by) == (Outcome.MATCHED, "operator dr.an")
    assert stray.matched_accessions() == ["A7"]
    assert ("study.available", UID) in stray.told()


def test_given_it_was_linked_when_images_and_orders_come_then_it_stays_linked(stray: Core) -> None:
    resolve(stray).link(UID, numbers("A7"), "dr.an", "seen on the request form")
    stray.image("1.2.1.1.2", accession="", patient_id="X9")
    stray.settle()
    place(stray, "A1", UID, who="X9")
    assert stray.matched_accessions() == ["A7"]


def test_given_a_link_is_taken_back_then_the_rules_decide_again(stray: Core) -> None:
    resolve(stray).link(UID, numbers("A7"), "dr.an", "seen on the request form")
    stray.deliver()
    decision = resolve(stray).undo(UID, "dr.binh")
    assert (decision.outcome, decision.decided_by) == (Outcome.UNSCHEDULED, "bridge")
    assert ("study.withdrawn", UID) in stray.told()


@pytest.fixture
def matched(core: Core) -> Core:
    """A study that the rules matched."""
    place(core, "A1", UID)
    core.image()
    core.settle()
    assert core.outcome() is Outcome.MATCHED
    return core


def test_given_a_wrong_match_when_it_is_unlinked_then_the_rules_do_not_make_it_again(
    matched: Core,
) -> None:
    matched.deliver()
    decision = resolve(matched).unlink(UID, "dr.an", "the patient left before the scan")
    assert decision.outcome is Outcome.UNSCHEDULED
    matched.image("1.2.1.1.2")
    matched.settle()
    assert matched.outcome() is Outcome.UNSCHEDULED
    assert ("study.withdrawn", UID) in matched.told()


def test_given_it_was_unlinked_from_one_then_the_rules_may_find_another(matched: Core) -> None:
    resolve(matched).unlink(UID, "dr.an", "another examination")
    place(matched, "A2", UID)
    assert matched.matched_accessions() == ["A2"]


def test_given_it_is_rejected_then_it_is_found_by_nobody_and_waits_for_nothing(
    matched: Core,
) -> None:
    images = ReadImages(store=matched.store, objects=NoObjects())
    resolve(matched).reject(UID, "dr.an", "test images of a phantom")
    assert matched.outcome() is Outcome.REJECTED
    assert images.studies(ImageQuery()) == ()
    matched.image("1.2.1.1.2")
    matched.settle()
    assert matched.outcome() is Outcome.REJECTED
    resolve(matched).undo(UID, "dr.an")
    assert matched.matched_accessions() == ["A1"]
    assert len(images.studies(ImageQuery())) == 1


def test_given_several_decisions_then_each_is_taken_back_in_turn(matched: Core) -> None:
    place(matched, "A7", "1.2.7")
    resolve(matched).unlink(UID, "dr.an", "one")
    resolve(matched).link(UID, numbers("A7"), "dr.an", "two")
    assert resolve(matched).undo(UID, "dr.an").outcome is Outcome.UNSCHEDULED
    assert resolve(matched).undo(UID, "dr.an").outcome is Outcome.MATCHED
    with pytest.raises(InvalidTransition, match="nobody decided"):
        resolve(matched).undo(UID, "dr.an")


def test_given_two_orders_then_a_study_may_be_linked_to_both(stray: Core) -> None:
    place(stray, "A8", "1.2.8")
    resolve(stray).link(UID, numbers("A7", "A8"), "dr.an", "one acquisition for two requests")
    assert sorted(stray.matched_accessions()) == ["A7", "A8"]


def test_given_what_cannot_be_done_then_it_says_why_and_nothing_changes(stray: Core) -> None:
    with pytest.raises(UnknownKey, match="no order has the number A404"):
        resolve(stray).link(UID, numbers("A404"), "dr.an", "typed wrong")
    with pytest.raises(UnknownKey, match=r"there is no study 1\.9"):
        resolve(stray).reject("1.9", "dr.an", "typed wrong")
    with pytest.raises(InvalidTransition, match="matched to no order"):
        resolve(stray).unlink(UID, "dr.an", "it is not linked")
    with pytest.raises(RequiredFieldMissing, match="who decides, and why"):
        resolve(stray).reject(UID, "dr.an", " ")
    assert stray.outcome() is Outcome.UNSCHEDULED


class NoObjects:
    def open(self, key: str) -> Source:
        raise FileNotFoundError(key)
