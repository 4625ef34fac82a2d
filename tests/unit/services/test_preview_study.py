"""Given a person's act on a study, then its preview changes nothing and tells what the act does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bridge.domain.delivery import EventKind
from bridge.domain.errors import BridgeError, UnknownKey
from bridge.domain.identifiers import Identifier
from bridge.domain.matching import Outcome
from bridge.domain.publication import (
    DecidedStudy,
    OrderNews,
    PublishedStudy,
    UnmatchedStudy,
    WithdrawnStudy,
)
from bridge.domain.rejection import RejectionNote
from bridge.domain.study_preview import Effect, StudyChange, StudyPreview, StudyStanding
from bridge.services.preview_study import Act
from bridge.services.read_images import ImageQuery, ReadImages
from bridge.services.tell_of_orders import is_of_order
from bridge.store.database import Database
from bridge.store.tables import delivery, metadata, study
from tests.unit.services.conftest import open_quickly
from tests.unit.services.core import (
    DESTINATIONS,
    SENT,
    Core,
    header,
    order,
    patient,
    procedure,
    step,
    updated,
)
from tests.unit.services.desk import Desk

UID, OTHER = "1.2.1", "9.9"
WHO, WHY = "dr.an", "seen on the request form"
Happening = Callable[[Core], None]


def its_order(core: Core) -> None:
    core.send(order())


def another_order(core: Core) -> None:
    what = procedure("1.2.7", "R7", step("S7"))
    core.send(order("NW", what, who=patient("P2"), accession="A7"))


def an_order_with_its_number(core: Core) -> None:
    core.send(order("NW", procedure("1.2.8", "R8", step("S8")), accession="A8"))


def its_image(core: Core) -> None:
    core.image("1.1", UID)
    core.settle()


def an_image_of_nobody(core: Core) -> None:
    core.image("1.2", UID, patient_id="X9", accession="")
    core.settle()


def an_image_of_another_study(core: Core) -> None:
    core.image("9.1", OTHER, patient_id="X9", accession="STUDY-1")
    core.settle()


def another_patient(core: Core) -> None:
    core.send(updated(patient("P2", PatientName="LE^OTHER", PatientBirthDate="19500505")))


def a_note(core: Core) -> None:
    note = RejectionNote("113001", frozenset({(UID, "1.1"), (OTHER, "9.1")}))
    arriving = replace(header("1.7", UID, series="1.7", modality="KO"), rejection=note)
    core.instances.receive(arriving, b"note", "note", "QA01")
    core.settle()


def deliveries(core: Core) -> None:
    for name in DESTINATIONS:
        while claimed := core.outbox.claim(name, "node", core.now, 60.0, 10):
            for each in claimed:
                core.outbox.delivered(each, replace(SENT, content_hash="held"), core.now)


ACTS: dict[str, Act] = {
    "link": lambda acts: acts.resolve.link(UID, [Identifier("A7")], WHO, WHY),
    "link both": lambda acts: acts.resolve.link(
        UID, [Identifier("A1"), Identifier("A7")], WHO, WHY
    ),
    "unlink": lambda acts: acts.resolve.unlink(UID, WHO, WHY),
    "move": lambda acts: acts.resolve.move(UID, Identifier("P2"), WHO, WHY),
    "reject": lambda acts: acts.resolve.reject(UID, WHO, WHY),
    "restore": lambda acts: acts.resolve.restore(UID, WHO, WHY),
    "undo": lambda acts: acts.resolve.undo(UID, WHO),
    "order": lambda acts: acts.ordering.order(UID, WHO, WHY),
}
HAPPENINGS: tuple[Happening, ...] = (
    its_order,
    another_order,
    an_order_with_its_number,
    its_image,
    an_image_of_nobody,
    an_image_of_another_study,
    another_patient,
    a_note,
    deliveries,
)


def done(act: Act) -> Happening:
    """An act that was done before, where it could be."""

    def happening(core: Core) -> None:
        try:
            act(Desk(core).acts)
        except BridgeError:
            return

    return happening


FURTHER = st.sampled_from((*HAPPENINGS, *map(done, ACTS.values())))
# Most pasts hold what the acts need; what else happened falls anywhere in between.
PASTS = st.lists(FURTHER, max_size=4).flatmap(
    lambda further: st.permutations((its_order, another_order, its_image, deliveries, *further))
)


def everything(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every row there is."""
    with database.read() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table))]
            for table in metadata.sorted_tables
        }


def queue(core: Core) -> dict[int, tuple[str, str]]:
    """Destination and kind of every delivery, by row."""
    with core.database.read() as connection:
        rows = connection.execute(select(delivery.c.pk, delivery.c.destination, delivery.c.kind))
        return {row.pk: (row.destination, row.kind) for row in rows}


def seen(core: Core, uid: str) -> dict[str, object]:
    """How a study stands, by other ways than the preview's."""
    images = ReadImages(store=core.store, objects=core.objects)
    shown = images.studies(ImageQuery(study_instance_uids=(uid,)))
    found = [
        (each.patient_id and each.patient_id.value, each.accession and each.accession.value)
        for each in shown
    ]
    return {
        "outcome": core.outcome(uid),
        "orders": core.matched_accessions(uid),
        "found": found,
        "images": sum(each.instance_count for each in shown),
    }


def previewed(standing: StudyStanding) -> dict[str, object]:
    said = standing.identity
    shown = (said["PatientID"] or None, said["AccessionNumber"] or None)
    return {
        "outcome": standing.outcome,
        "orders": sorted(standing.orders),
        "found": [shown] if standing.images else [],
        "images": standing.images,
    }


def news(core: Core) -> dict[tuple[str, str, EventKind], Effect]:
    """What everybody would be told now, by what is really sent."""
    effects = {
        PublishedStudy: Effect.PUBLISHED,
        WithdrawnStudy: Effect.WITHDRAWN,
        UnmatchedStudy: Effect.UNMATCHED,
        OrderNews: Effect.ORDER,
        DecidedStudy: Effect.DECISION,
    }
    told: dict[tuple[str, str, EventKind], Effect] = {}
    for name in DESTINATIONS:
        while claimed := core.outbox.claim(name, "node", core.now, 60.0, 10):
            for each in claimed:
                found = core.outbox.gather(each)
                about = "order" if is_of_order(each.subject) else each.subject.partition(":")[2]
                told[name, about, each.kind] = effects.get(type(found), Effect.NOTHING)
                core.outbox.delivered(each, SENT, core.now)
    return told


def carried(
    really: dict[tuple[str, str, EventKind], Effect], promised: tuple[str, str, EventKind]
) -> Effect:
    """What was promised, told by itself or by the earlier news that it rides with."""
    riding = (EventKind.STUDY_AVAILABLE, EventKind.ORDER_SCHEDULED)
    keys = [promised, *((promised[0], promised[1], kind) for kind in riding)]
    return next(really[key] for key in keys if key in really)


def told_of(preview: StudyPreview) -> dict[tuple[str, str, EventKind], Effect]:
    return {
        (each.destination, each.study_instance_uid or "order", each.kind): each.effect
        for each in preview.told
    }


def worklist_before_and_after(preview: StudyPreview) -> tuple[set[str], set[str]]:
    """The step IDs that change, as the worklist has them before and after."""
    before, after = (
        {each.sps_id for each in steps if each is not None and not each.hidden_because}
        for steps in (
            [each.before for each in preview.steps],
            [each.after for each in preview.steps],
        )
    )
    return before, after


def check(core: Core, act: Act) -> None:
    desk = Desk(core)
    with core.database.read() as connection:
        studies = connection.execute(select(study.c.study_instance_uid)).scalars().all()
    rows, before = everything(core.database), {uid: seen(core, uid) for uid in studies}
    try:
        preview = desk.preview.of(UID, act)
    except BridgeError as refused:
        assert everything(core.database) == rows
        with pytest.raises(type(refused), match="^" + str(refused.message)[:20]):
            act(desk.acts)
        return
    assert everything(core.database) == rows
    on_list = {item["sps_id"] for item in core.worklist()}
    waiting = queue(core)
    act(desk.acts)
    changes = (preview.study, *preview.others)
    for change in changes:
        assert change.before is not None
        assert previewed(change.before) == before[change.before.study_instance_uid]
        assert previewed(change.after) == seen(core, change.after.study_instance_uid)
    untouched = set(studies) - {each.after.study_instance_uid for each in changes}
    assert all(seen(core, uid) == before[uid] for uid in untouched)
    left, came = worklist_before_and_after(preview)
    assert {item["sps_id"] for item in core.worklist()} == (on_list - left) | came
    promised = told_of(preview)
    new = {(name, kind) for pk, (name, kind) in queue(core).items() if pk not in waiting}
    assert new <= {(name, kind.value) for name, _, kind in promised}
    really = news(core)
    assert {key: carried(really, key) for key in promised} == promised


@settings(max_examples=settings().max_examples // 2)
@given(PASTS, st.sampled_from(sorted(ACTS)))
def test_given_any_past_then_a_preview_is_what_the_act_then_does(
    migrated: Path, past: list[Happening], act: str
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bridge.db"
        shutil.copy(migrated, path)
        database = open_quickly(path)
        try:
            core = Core(database)
            for each in past:
                each(core)
            check(core, ACTS[act])
        finally:
            database.close()


@pytest.mark.parametrize(
    ("past", "act"),
    [
        ([an_image_of_nobody, another_order, deliveries], "link"),
        ([an_image_of_nobody, deliveries], "order"),
        ([an_image_of_another_study, an_image_of_nobody, deliveries], "order"),
        ([an_image_of_nobody, done(ACTS["order"]), deliveries], "undo"),
        ([its_order, its_image, an_image_of_another_study, a_note, deliveries], "restore"),
        ([its_order, its_image, done(ACTS["reject"]), deliveries], "undo"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_given_these_pasts_then_the_act_is_possible_and_previewed(
    core: Core, past: list[Happening], act: str
) -> None:
    for each in past:
        each(core)
    Desk(core).preview.of(UID, ACTS[act])
    check(core, ACTS[act])


def test_given_a_match_when_unlinking_is_previewed_then_it_says_whom_it_is_withdrawn_from(
    core: Core,
) -> None:
    its_order(core)
    its_image(core)
    deliveries(core)
    preview = Desk(core).preview.of(UID, ACTS["unlink"])
    change = preview.study
    assert isinstance(change, StudyChange)
    assert change.before is not None
    assert (change.before.outcome, change.before.orders) == (Outcome.MATCHED, ("A1",))
    assert (change.after.outcome, change.after.orders) == (Outcome.UNSCHEDULED, ())
    assert sorted((each.destination, each.kind, each.effect) for each in preview.told) == [
        ("analyst", "match.decided", "told of the decision"),
        ("analyst", "study.withdrawn", "withdrawn"),
        ("ehr", "study.withdrawn", "withdrawn"),
    ]
    assert core.outcome() is Outcome.MATCHED


def test_given_a_stray_study_when_ordering_is_previewed_then_it_shows_the_order_s_steps(
    core: Core,
) -> None:
    an_image_of_nobody(core)
    preview = Desk(core).preview.of(UID, ACTS["order"])
    (change,) = preview.steps
    assert change.before is None
    assert change.after is not None
    assert (change.after.status, bool(change.after.hidden_because)) == ("COMPLETED", True)
    assert ("ris", Effect.ORDER) in [(each.destination, each.effect) for each in preview.told]


def test_given_no_such_study_then_the_preview_says_so(core: Core) -> None:
    with pytest.raises(UnknownKey, match="there is no study"):
        Desk(core).preview.of(UID, ACTS["reject"])
