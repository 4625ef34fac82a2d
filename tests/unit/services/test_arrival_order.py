"""Whatever comes first: order, change, images, performed step, merge. The end is the same.

One exam of a patient who is registered under a temporary number R and turns out to be S.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.matching import Outcome
from tests.unit.services.conftest import open_quickly
from tests.unit.services.core import Core, merge, order, patient, procedure, scheduled, step

NEW, CHANGE = "20260105110000", "20260105120000"
Event = Callable[[Core], None]


def place(core: Core) -> None:
    core.send(order(who=patient("R"), at=NEW))


def change(core: Core) -> None:
    changed = procedure("1.2.1", "R1", step("S1"), step("S2"), code="CTNECK")
    core.send(order("XO", changed, who=patient("R"), at=CHANGE))


def join(core: Core) -> None:
    core.place(merge(patient("S"), "R"))


def start(core: Core) -> None:
    core.start_step("1.9.1", "IN PROGRESS", scheduled(), patient_id="R")


def end(core: Core) -> None:
    core.end_step("1.9.1", "COMPLETED", instances=["1.1", "1.2"])


def first_image(core: Core) -> None:
    core.image("1.1", patient_id="R")


def second_image(core: Core) -> None:
    core.image("1.2", patient_id="R", performed=["1.9.1"])


def settle(core: Core) -> None:
    core.settle()


def send(core: Core) -> None:
    core.deliver()


EXAM: tuple[Event, ...] = (place, change, join, start, end, first_image, second_image)
# Time passes and deliveries go out somewhere in between.
SEQUENCES = st.permutations((*EXAM, settle, settle, send)).filter(
    lambda events: events.index(start) < events.index(end)
)


def run(events: list[Event], migrated: Path) -> dict[str, object]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bridge.db"
        shutil.copy(migrated, path)
        database = open_quickly(path)
        try:
            core = Core(database)
            for event in events:
                event(core)
            core.settle()
            return {
                "outcome": core.outcome(),
                "orders": core.matched_accessions(),
                "worklist": [(i["sps_id"], i["patient_id"], i["code"]) for i in core.worklist()],
                "steps": core.statuses(),
            }
        finally:
            database.close()


@settings(max_examples=settings().max_examples // 2)
@given(SEQUENCES)
def test_given_any_sequence_of_arrival_then_match_and_worklist_are_the_same(
    migrated: Path, events: list[Event]
) -> None:
    end_of_it = run(events, migrated)
    assert end_of_it["outcome"] is Outcome.MATCHED
    assert end_of_it["orders"] == ["A1"]
    assert end_of_it["steps"] == {"S1": "COMPLETED", "S2": "SCHEDULED"}
    assert end_of_it["worklist"] == [("S2", "S", "CTNECK")]


@pytest.mark.parametrize(
    "events",
    [
        [start, end, first_image, second_image, settle, join, place, change],
        [first_image, second_image, settle, change, place, join, start, end],
        [join, start, end, first_image, settle, place, second_image, change],
    ],
    ids=lambda events: " ".join(each.__name__ for each in events),
)
def test_sequences_that_once_went_wrong(migrated: Path, events: list[Event]) -> None:
    end_of_it = run(events, migrated)
    assert end_of_it["outcome"] is Outcome.MATCHED
    assert end_of_it["worklist"] == [("S2", "S", "CTNECK")]
