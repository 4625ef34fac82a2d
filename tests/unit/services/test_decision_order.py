"""Whatever comes first, decisions, worklist and what the EHR holds are the same in the end.

One set of events (orders, changes, cancels, ADT, merges, performed steps, images, rejection notes,
acts of persons) is played in two sequences, with quiet and deliveries anywhere in between.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from bridge.domain.identifiers import Identifier
from bridge.domain.publication import PublishedStudy, WithdrawnStudy
from bridge.domain.rejection import RejectionNote
from bridge.domain.study import RequestAttributes
from bridge.services.preview_study import Act
from bridge.services.publish_study import subject_of
from tests.unit.services.conftest import open_quickly
from tests.unit.services.core import (
    SENT,
    Core,
    header,
    merge,
    order,
    patient,
    procedure,
    scheduled,
    step,
    updated,
)
from tests.unit.services.desk import Desk

EARLY, LATE, LATER, LATEST = (f"202601051{hour}0000" for hour in range(4))
LE = {"PatientName": "LE^OTHER", "PatientBirthDate": "19500505", "PatientSex": "M"}
WHO, WHY = "dr.an", "seen on the request form"


@dataclass(frozen=True)
class Event:
    """Something that happens, and what has to have happened before it."""

    name: str
    happen: Callable[[Core], object]
    after: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return self.name


def sends(name: str, *events: Any, after: tuple[str, ...] = ()) -> Event:
    return Event(name, lambda core: core.send(*events), after)


def image(name: str, sop: str, uid: str, /, **said: Any) -> Event:
    return Event(name, lambda core: core.image(sop, uid, **said))


def noted(core: Core) -> None:
    note = RejectionNote("113001", frozenset({("1.2.1", "1.1")}))
    arriving = replace(header("1.7", "1.2.1", series="1.7", modality="KO"), rejection=note)
    core.instances.receive(arriving, b"note", "note", "QA01")


def person(name: str, uid: str, act: Act, *after: str) -> Event:
    """A person acts on a settled study."""

    def happen(core: Core) -> None:
        core.settle()
        act(Desk(core).acts)

    return Event(name, happen, after)


# One patient R who turns out to be S, one P2, two orders of R, one of P2, one for the other two.
HEAD = procedure("1.2.1", "R1", step("S1"))
NECK = procedure("1.2.2", "R2", step("S2", modality="MR"))
BOTH = (scheduled(), scheduled("1.2.2", "S2", "A2", "R2"))
EVENTS = (
    sends("order A1", order("NW", HEAD, who=patient("R"), at=EARLY)),
    sends("order A2", order("NW", NECK, who=patient("R"), accession="A2", at=EARLY)),
    sends(
        "order A7",
        order("NW", procedure("1.2.7", "R7"), who=patient("P2", **LE), accession="A7", at=EARLY),
    ),
    sends(
        "change A1",
        order("XO", HEAD, procedure("1.2.3", "R3", step("S3")), who=patient("R"), at=LATE),
    ),
    sends("cancel A2", order("CA", NECK, who=patient("R"), accession="A2", at=LATER)),
    sends("rename R", updated(patient("R", PatientName="NGUYEN^AN", PatientSex="M"), at=LATEST)),
    sends("P2 is known", updated(patient("P2", **LE), at=EARLY)),
    sends("X9 is known", updated(patient("X9"), at=EARLY)),
    sends("merge", merge(patient("S"), "R", at=LATEST)),
    image("image of A1", "1.1", "1.2.1", patient_id="R"),
    image("2nd image of A1", "1.2", "1.2.1", patient_id="R", accession="", performed=["1.9.1"]),
    image("image of A1 as X9", "1.3", "1.2.1", patient_id="X9", name="TRAN^R", accession=""),
    image("image of A1 with A2", "1.4", "1.2.1", patient_id="R", accession="A2"),
    image("own UID, A1", "9.1", "9.9", patient_id="R"),
    image(
        "own UID, A2", "9.2", "9.9", patient_id="R", accession="A2", modality="MR", series="9.9.2"
    ),
    image(
        "own UID, request",
        "8.1",
        "8.8",
        patient_id="R",
        accession="",
        requests=[RequestAttributes(rp_id="R1", sps_id="S1")],
    ),
    image("own UID, step", "7.1", "7.7", patient_id="R", accession="", performed=["1.9.1"]),
    image("own UID, A7", "6.1", "6.6", patient_id="P2", name="LE^OTHER", accession="A7"),
    image("wrong UID of P2", "5.1", "1.2.7", patient_id="R", accession="A7"),
    Event(
        "step starts",
        lambda core: core.start_step("1.9.1", "IN PROGRESS", *BOTH, patient_id="R"),
    ),
    Event("step ends", lambda core: core.end_step("1.9.1", "COMPLETED"), ("step starts",)),
    Event("note", noted),
    person(
        "link 9.9",
        "9.9",
        lambda acts: acts.resolve.link("9.9", [Identifier("A7")], WHO, WHY),
        "order A7",
        "own UID, A1",
    ),
    person(
        "reject 8.8",
        "8.8",
        lambda acts: acts.resolve.reject("8.8", WHO, WHY),
        "own UID, request",
    ),
    person(
        "move 1.2.7",
        "1.2.7",
        lambda acts: acts.resolve.move("1.2.7", Identifier("P2"), WHO, WHY),
        "P2 is known",
        "wrong UID of P2",
    ),
)
NAMED = {each.name: each for each in EVENTS}
STUDIES = ("1.2.1", "1.2.2", "9.9", "8.8", "7.7", "6.6", "1.2.7")
QUIET = Event("quiet", lambda core: core.settle())


class Ehr:
    """What a receiver holds, by what it is sent."""

    def __init__(self) -> None:
        self.held: dict[str, object] = {}

    def take(self, core: Core) -> None:
        while claimed := core.outbox.claim("ehr", "node", core.now, 60.0, 10):
            for each in claimed:
                found = core.outbox.gather(each)
                uid = each.subject.removeprefix(subject_of(""))
                if isinstance(found, PublishedStudy):
                    self.held[uid] = _published(found)
                elif isinstance(found, WithdrawnStudy):
                    self.held.pop(uid, None)
                core.outbox.delivered(each, replace(SENT, content_hash="held"), core.now)


def _published(found: PublishedStudy) -> object:
    numbers = sorted(
        (each.order.numbers.accession.value, each.procedure.rp_id)
        for each in found.requests
        if each.order.numbers.accession
    )
    who = (found.patient.patient_id.value, found.patient.attributes.get("PatientName"))
    return who, numbers, sorted(found.study.instance_uids)


def result(core: Core, ehr: Ehr) -> dict[str, object]:
    core.settle()
    ehr.take(core)
    return {
        "decisions": {uid: found for uid in STUDIES if (found := decided(core, uid))},
        "worklist": sorted((i["sps_id"], i["patient_id"], i["name"]) for i in core.worklist()),
        "steps": sorted(steps(core)),
        "ehr": ehr.held,
    }


def decided(core: Core, uid: str) -> object:
    """Outcome, reason and orders of the last decision on a study."""

    def work(tx: Any) -> object:
        study = tx.studies.find(uid)
        if study is None:
            return None
        decision, _ = tx.studies.decisions(study.pk)[0]
        named = sorted(
            (each.number, each.agreement, each.keys, each.score) for each in decision.candidates
        )
        linked = tx.orders.with_procedures(tx.studies.procedures_of(study.pk))
        matched = sorted(each.numbers.accession.value for each in linked)
        return decision.outcome, decision.reason, decision.decided_by, matched, named

    return core.store.read(work)


def steps(core: Core) -> Iterable[tuple[str, str]]:
    numbers = ("A1", "A2", "A7")
    for found in core.store.read(lambda tx: tx.orders.with_accession_numbers(numbers)):
        for part in found.procedures:
            yield from ((each.sps_id, each.status.value) for each in part.steps)


def play(events: Sequence[Event | None], migrated: Path) -> dict[str, object]:
    """Play events; None delivers what is due."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bridge.db"
        shutil.copy(migrated, path)
        database = open_quickly(path)
        try:
            core, ehr = Core(database), Ehr()
            for each in events:
                if each is None:
                    ehr.take(core)
                else:
                    each.happen(core)
            return result(core, ehr)
        finally:
            database.close()


def closed(chosen: Iterable[Event]) -> list[Event]:
    """With what has to come before."""
    found = dict.fromkeys(chosen)
    for each in list(found):
        found.update(dict.fromkeys(NAMED[name] for name in each.after))
    return list(found)


def sequence(events: Sequence[Event | None]) -> list[Event | None]:
    """The same events with each after what it needs: as soon as that is there."""
    waiting, played = [*events], list[Event | None]()
    present = {each.name for each in events if each}
    while waiting:
        done = {each.name for each in played if each}
        ready = next(
            e for e in waiting if e is None or all(n in done or n not in present for n in e.after)
        )
        waiting.remove(ready)
        played.append(ready)
    return played


SETS = st.lists(st.sampled_from(EVENTS), min_size=3, max_size=9, unique=True).map(closed)
PAIRS = SETS.flatmap(
    lambda events: st.tuples(
        st.permutations([*events, QUIET, QUIET, None]).map(sequence),
        st.permutations([*events, QUIET, None]).map(sequence),
    )
)


@settings(max_examples=settings().max_examples // 4)
@given(PAIRS)
def test_given_two_sequences_of_the_same_events_then_everything_ends_alike(
    migrated: Path, pair: tuple[list[Event | None], list[Event | None]]
) -> None:
    one, other = pair
    note(f"{one}\n{other}")
    assert play(one, migrated) == play(other, migrated)


WENT_WRONG = (
    "own UID, step|quiet|order A1|step starts",
    "own UID, A2|quiet|cancel A2|step starts",
    "image of A1|quiet|order A1|quiet|order A2|image of A1 with A2",
    "order A1|image of A1 as X9|quiet|X9 is known",
    "order A1|image of A1|quiet|rename R|change A1",
    "order A1|image of A1 with A2|quiet|order A2|quiet|cancel A2",
)


@pytest.mark.parametrize("names", WENT_WRONG)
def test_given_what_once_went_wrong_then_it_ends_as_its_reverse(migrated: Path, names: str) -> None:
    events = [NAMED.get(name, QUIET) for name in names.split("|")]
    assert play([*events, None], migrated) == play([*sequence(events[::-1]), None], migrated)
