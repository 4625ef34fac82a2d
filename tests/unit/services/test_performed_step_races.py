"""Whatever comes first: order, cancel, N-CREATE, N-SET and images end in the same state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from bridge.domain.errors import BridgeError
from bridge.domain.matching import Outcome
from bridge.domain.performed_step import NoSuchPerformedStep
from bridge.store import schema
from bridge.store.database import Database
from tests.unit.services.conftest import open_quickly
from tests.unit.services.core import Core, order, patient, procedure, report, scheduled

IN_PROGRESS, COMPLETED, DISCONTINUED = "IN PROGRESS", "COMPLETED", "DISCONTINUED"
ORDER_TIME, CANCEL_TIME = "20260105080000", "20260105081000"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One for all orders of events: each of them is about a patient of its own."""
    folder: Path = tmp_path_factory.mktemp("races")
    opened = open_quickly(folder / "bridge.db")
    schema.upgrade(opened)
    yield opened
    opened.close()


class Examination:
    """One examination of one patient, told in pieces."""

    def __init__(self, core: Core, number: int) -> None:
        self.core = core
        self.study = f"1.2.{number}"
        self.step = f"1.9.{number}"
        self.accession = f"A{number}"
        self.patient = f"P{number}"

    def placed(self, control: str = "NW", at: str = ORDER_TIME) -> None:
        """The order, or its cancel; one that comes too late is refused, as it has to be."""
        self.core.send(
            order(
                control,
                procedure(self.study, self.accession),
                who=patient(self.patient),
                accession=self.accession,
                at=at,
            )
        )

    def cancelled(self) -> None:
        self.placed("CA", CANCEL_TIME)

    def created(self) -> None:
        named = scheduled(self.study, "S1", self.accession, self.accession)
        self.core.start_step(self.step, IN_PROGRESS, named, patient_id=self.patient)

    def ended(self, status: str = COMPLETED, reason: str = "") -> None:
        """An N-SET that comes before its N-CREATE is refused; the modality sends both again."""
        listed = {f"{self.study}.1.{n}": f"{self.study}.1" for n in (1, 2)}
        changes = replace(report(self.step, status, reason=reason), instances=listed)
        try:
            self.core.performed.update(changes, "CT01")
        except NoSuchPerformedStep:
            self.created()
            self.core.performed.update(changes, "CT01")

    def stored(self, number: int) -> None:
        self.core.image(
            f"{self.study}.1.{number}",
            self.study,
            patient_id=self.patient,
            accession=self.accession,
            series=f"{self.study}.1",
            performed=[self.step],
        )

    @property
    def result(self) -> tuple[str, str | None, list[str]]:
        outcome = self.core.outcome(self.study)
        status = self.core.statuses(self.accession)["S1"]
        on_worklist = self.core.worklist(study_instance_uids=(self.study,))
        return status, outcome and outcome.value, [item["status"] for item in on_worklist]


def told(
    core: Core, number: int, happenings: tuple[str, ...], end: str, reason: str
) -> Examination:
    examination = Examination(core, number)
    acts: dict[str, Callable[[], None]] = {
        "order": examination.placed,
        "cancel": examination.cancelled,
        "create": examination.created,
        "set": lambda: examination.ended(end, reason),
        "first": lambda: examination.stored(1),
        "second": lambda: examination.stored(2),
    }
    for happening in happenings:
        try:
            acts[happening]()
        except BridgeError as error:
            # The N-CREATE that comes after the N-SET has been told already.
            assert happening == "create", error
        core.wait(0.01)
    core.wait(1.0)  # less than the settle time
    return examination


@pytest.mark.parametrize(
    ("end", "reason", "expected"),
    [
        (COMPLETED, "", ("COMPLETED", Outcome.MATCHED.value, [])),
        (DISCONTINUED, "110514", ("SCHEDULED", Outcome.CONFLICT.value, ["SCHEDULED"])),
    ],
)
def test_given_any_order_of_events_then_step_and_study_end_the_same_without_settling(
    database: Database, end: str, reason: str, expected: tuple[str, str, list[str]]
) -> None:
    core = Core(database, node=f"{end} {reason}")
    base = 1 + 1000 * [COMPLETED, "110514"].index(reason or end)
    events = ("order", "create", "set", "first", "second")
    for number, happenings in enumerate(permutations(events), start=base):
        examination = told(core, number, happenings, end, reason)
        assert examination.result == expected, happenings


def test_given_a_cancel_among_them_then_what_was_done_counts(database: Database) -> None:
    """An order that is cancelled although it is being done: the images are there."""
    core = Core(database, node="cancels")
    events = ("order", "cancel", "create", "set", "first")
    for number, happenings in enumerate(permutations(events), start=5001):
        examination = told(core, number, (*happenings, "second"), COMPLETED, "")
        assert examination.result == ("COMPLETED", Outcome.MATCHED.value, []), happenings
