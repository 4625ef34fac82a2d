"""Given studies that wait on both databases, when a person looks, then each tells what it lacks."""

from __future__ import annotations

from bridge.domain.identifiers import Identifier
from bridge.domain.matching import Key, Outcome
from bridge.services.find_records import Position
from bridge.services.resolve_study import ResolveStudy
from bridge.services.review_studies import QueueFilter, ReviewStudies
from tests.unit.services.core import Core, order, patient, procedure


def reviews(core: Core) -> ReviewStudies:
    return ReviewStudies(store=core.store, lists=core.store)


def wait_for_a_person(core: Core) -> None:
    """One study without an order, then one whose accession is another patient's."""
    core.place(order())
    core.place(order("NW", procedure("1.2.7", "R7"), who=patient("P7"), accession="A7"))
    core.image("1.2.9.1.1", "1.2.9", accession="", patient_id="P9", modality="MR")
    core.settle()
    core.now += 100
    core.image(
        "1.2.8.1.1",
        "1.2.8",
        patient_id="P7",
        StudyDescription="Head",
        StudyDate="20260105",
        Rows="512",
    )
    core.image("1.2.8.1.2", "1.2.8", patient_id="P7", series="1.2.8.2", modality="SR")
    core.settle()


def test_given_studies_that_wait_then_the_queue_has_the_newest_first_with_its_likeliest_order(
    core: Core,
) -> None:
    wait_for_a_person(core)
    queue = reviews(core).queue(QueueFilter())

    newest, older = queue.rows
    assert (newest.study_instance_uid, newest.outcome) == ("1.2.8", "conflict")
    assert (newest.modalities, newest.instances, newest.sources) == (("CT", "SR"), 2, ("CT01",))
    assert (newest.patient_id, newest.description) == ("P7", "Head")
    assert (newest.best_number, newest.candidates) == ("A1", 1)
    assert newest.reason
    assert (older.study_instance_uid, older.outcome) == ("1.2.9", "unscheduled")
    assert queue.counts == {"conflict": 1, "unscheduled": 1}
    assert queue.beyond is None


def test_given_a_filter_or_a_place_then_only_those_studies_are_listed(core: Core) -> None:
    wait_for_a_person(core)
    asked = reviews(core)
    newest = asked.queue(QueueFilter()).rows[0]

    def listed(chosen: QueueFilter) -> list[str]:
        return [each.study_instance_uid for each in asked.queue(chosen).rows]

    assert listed(QueueFilter(outcome="conflict")) == ["1.2.8"]
    assert listed(QueueFilter(outcome="matched")) == []
    assert listed(QueueFilter(modality="MR")) == ["1.2.9"]
    beyond = Position(newest.updated_at, newest.pk)
    assert listed(QueueFilter(beyond=beyond)) == ["1.2.9"]


def test_given_a_conflict_then_the_study_shows_its_order_its_pictures_and_what_can_be_done(
    core: Core,
) -> None:
    wait_for_a_person(core)
    study = reviews(core).study("1.2.8")

    assert study is not None
    (found,) = study.orders
    assert (found.number, found.patient_id, found.description) == ("A1", "P1", "cthead")
    assert Key.ACCESSION_NUMBER in found.keys
    assert not found.is_linked
    assert [(each.modality, each.instances) for each in study.series] == [("CT", 1), ("SR", 1)]
    assert [each.picture for each in study.series] == ["1.2.8.1.1", ""], "a report has no picture"
    assert study.possible.link
    assert study.possible.order
    assert not study.possible.unlink
    assert not study.possible.undo
    assert reviews(core).study("1.2.404") is None


def test_given_an_order_linked_by_hand_then_it_is_shown_with_who_did_it_and_can_be_undone(
    core: Core,
) -> None:
    wait_for_a_person(core)
    core.place(order("NW", procedure("1.2.5", "R5"), who=patient("P5"), accession="A5"))
    resolve = ResolveStudy(store=core.store, reconcile=core.reconcile, clock=core.clock)
    resolve.link("1.2.8", [Identifier("A5")], "mai", "the technician said so")

    study = reviews(core).study("1.2.8")
    assert study is not None
    assert study.outcome == Outcome.MATCHED.value
    assert [each.number for each in study.orders if each.is_linked] == ["A5"]
    assert [(a.action, a.who, a.orders, a.undone_by) for a in study.acts] == [
        ("link", "mai", ("A5",), "")
    ]
    assert study.possible.undo
    assert study.possible.unlink
    assert not study.possible.order
    assert [each.outcome for each in study.decisions] == ["matched", "conflict"]

    resolve.reject("1.2.8", "mai", "phantom")
    study = reviews(core).study("1.2.8")
    assert study is not None
    assert not any(each.picture for each in study.series), "what is rejected is shown to nobody"
    resolve.undo("1.2.8", "an")
    resolve.undo("1.2.8", "an")
    study = reviews(core).study("1.2.8")
    assert study is not None
    assert [each.undone_by for each in study.acts] == ["an", "an"]
    assert not study.possible.undo


def test_given_an_image_that_came_twice_with_other_bytes_then_the_study_says_so(core: Core) -> None:
    core.image(content=b"one")
    core.image(content=b"two")

    study = reviews(core).study("1.2.1")
    assert study is not None
    assert study.conflicts == 1
