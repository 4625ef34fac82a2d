"""Given a rejection note (IHE RAD IOCM), what it rejects is kept, and shown to nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.domain.errors import InvalidTransition
from bridge.domain.publication import PublishedStudy
from bridge.domain.rejection import REJECTIONS, RejectionNote
from bridge.services.publish_study import gather, subject_of
from bridge.services.read_images import ImageQuery, ReadImages
from bridge.services.resolve_study import ResolveStudy
from bridge.store.repositories import SqlTransaction
from tests.unit.services.core import Core, header, order

UID, NOTE = "1.2.1", "1.7.1"


def note(core: Core, *rejected: str, sop: str = NOTE, code: str = "113001", uid: str = UID) -> None:
    references = frozenset((UID, each) for each in rejected)
    arriving = replace(
        header(sop, uid, series=f"{uid}.99", modality="KO"),
        rejection=RejectionNote(code, references),
    )
    core.instances.receive(arriving, sop.encode(), sop, "QA01")


def shown(core: Core) -> list[str]:
    found = ReadImages(store=core.store, objects=core.objects).instances(ImageQuery())
    return [each.sop_instance_uid for each in found]


def published(core: Core) -> PublishedStudy | None:
    return core.store.read(lambda tx: gather(tx, subject_of(UID), ""))


def counts(core: Core) -> tuple[int, int, int]:
    """Studies, series and instances as queries find them."""
    images = ReadImages(store=core.store, objects=core.objects)
    studies = images.studies(ImageQuery())
    series = images.series(ImageQuery())
    assert sum(each.instance_count for each in studies) == sum(e.instance_count for e in series)
    return len(studies), len(series), sum(each.instance_count for each in series)


@pytest.fixture
def told(core: Core) -> Core:
    """A study of two series, matched and told of."""
    core.place(order())
    core.image("1.1")
    core.image("1.2")
    core.image("1.3", series="1.2.1.2")
    core.settle()
    core.deliver()
    assert counts(core) == (1, 2, 3)
    return core


@pytest.mark.parametrize("code", REJECTIONS)
def test_given_an_instance_is_rejected_then_it_is_neither_shown_nor_counted(
    told: Core, code: str
) -> None:
    note(told, "1.1", code=code)
    assert shown(told) == ["1.2", "1.3"]
    assert counts(told) == (1, 2, 2)
    told.settle()
    assert told.told() == [("study.changed", UID)]
    found = published(told)
    assert found is not None
    assert [each.count for each in found.study.series] == [1, 1]


def test_given_a_whole_series_is_rejected_then_nobody_finds_the_series(told: Core) -> None:
    note(told, "1.3")
    assert counts(told) == (1, 1, 2)


def test_given_everything_is_rejected_then_the_study_is_withdrawn(told: Core) -> None:
    note(told, "1.1", "1.2", "1.3")
    assert counts(told) == (0, 0, 0)
    images = ReadImages(store=told.store, objects=told.objects)
    assert images.patients(ImageQuery()) == ()
    told.settle()
    assert published(told) is None
    assert told.told() == [("study.changed", UID)]


def test_given_the_note_comes_first_then_what_it_rejects_is_hidden_when_it_comes(
    core: Core,
) -> None:
    core.place(order())
    note(core, "1.1")
    core.image("1.1")
    core.image("1.2")
    core.settle()
    assert shown(core) == ["1.2"]


def test_given_a_rejected_instance_is_sent_again_then_it_stays_hidden(told: Core) -> None:
    note(told, "1.1")
    told.image("1.1")
    assert shown(told) == ["1.2", "1.3"]


def test_given_a_note_is_taken_back_then_everything_is_shown_again(told: Core) -> None:
    note(told, "1.1", sop="1.7.1")
    note(told, "1.1", "1.2", sop="1.7.2")

    def undo(tx: SqlTransaction, place: int) -> frozenset[str]:
        return tx.rejections.undo(tx.rejections.standing(UID)[place], "dr.an", "wrong", told.now)

    assert told.store.transact(lambda tx: undo(tx, -1)) == {UID}
    assert shown(told) == ["1.2", "1.3", "1.7.2"]
    told.store.transact(lambda tx: undo(tx, 0))
    assert shown(told) == ["1.1", "1.2", "1.3", "1.7.1", "1.7.2"]


def test_given_a_note_of_another_study_then_only_what_it_names_is_hidden(told: Core) -> None:
    note(told, "1.2", uid="1.2.8")
    assert shown(told) == ["1.1", "1.3"]


def test_given_a_person_restores_a_study_then_it_is_shown_and_told_of_again(told: Core) -> None:
    resolve = ResolveStudy(store=told.store, reconcile=told.reconcile, clock=told.clock)
    note(told, "1.1")
    told.settle()
    told.deliver()
    resolve.restore(UID, "dr.an", "the image is the only one of the fracture")
    assert shown(told) == ["1.1", "1.2", "1.3", NOTE]
    assert told.told() == [("study.changed", UID)]
    with pytest.raises(InvalidTransition, match="no rejection note"):
        resolve.restore(UID, "dr.an", "again")


def test_given_other_archives_then_they_get_the_note_and_not_what_it_rejects(told: Core) -> None:
    note(told, "1.1", "1.2", "1.3")
    images = ReadImages(store=told.store, objects=told.objects)
    found = images.instances(ImageQuery(study_instance_uids=(UID,), with_notes=True))
    assert [each.sop_instance_uid for each in found] == [NOTE]
