"""Performed steps that nobody ends: seen, warned of, and ended only where a site wants it."""

from __future__ import annotations

import pytest

from bridge.domain.performed_step import (
    PerformedStepFinal,
    PerformedStepReport,
    PerformedStepStatus,
)
from bridge.services.overdue_performed_steps import OPEN, OpenTooLong, OverduePerformedSteps
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.record_performed_step import RecordPerformedStep
from tests.unit.services.core import Core, PlainEncoder, order, report, scheduled

IN_PROGRESS, COMPLETED = "IN PROGRESS", "COMPLETED"
TWELVE_HOURS = 12 * 3600.0


def written(uid: str, status: PerformedStepStatus, at: float, why: str) -> PerformedStepReport:
    return report(uid, status.value)


def watched(core: Core, end: PerformedStepStatus | None = None) -> OverduePerformedSteps:
    rule = OpenTooLong(TWELVE_HOURS, end)
    core.performed = RecordPerformedStep(
        store=core.store,
        worklist=ProjectWorklist(PlainEncoder()),
        complete=core.complete,
        clock=core.clock,
        look_after=rule.seconds if end else None,
    )
    return OverduePerformedSteps(
        store=core.store, clock=core.clock, rule=rule, recorder=core.performed, write=written
    )


def fire(core: Core, overdue: OverduePerformedSteps) -> int:
    fired = core.store.transact(lambda tx: tx.timers.claim("node", core.now, 60.0, 10))
    mine = [each for each in fired if each.kind == OPEN]
    for each in mine:
        overdue.look(each, core.now)
    return len(mine)


def test_given_a_step_that_goes_on_then_it_is_warned_of_after_its_time(core: Core) -> None:
    overdue = watched(core)
    core.start_step("1.9.1")
    core.now += TWELVE_HOURS
    assert overdue.problem() == ""
    core.now += 3600.0
    core.start_step("1.9.2")
    problem = overdue.problem()
    assert problem.startswith("1 in progress for more than 12 h; the oldest, 1.9.1")
    assert problem.endswith("for 13 h")
    core.end_step("1.9.1", COMPLETED)
    assert overdue.problem() == ""


def test_given_nothing_is_configured_then_it_is_never_ended(core: Core) -> None:
    overdue = watched(core)
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.now += 10 * TWELVE_HOURS
    assert fire(core, overdue) == 0
    assert core.statuses() == {"S1": "STARTED"}


def test_given_it_is_to_be_discontinued_then_it_is(core: Core) -> None:
    overdue = watched(core, PerformedStepStatus.DISCONTINUED)
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.now += TWELVE_HOURS - 1
    assert fire(core, overdue) == 0
    core.now += 2
    assert fire(core, overdue) == 1
    assert core.statuses() == {"S1": "DISCONTINUED"}
    with pytest.raises(PerformedStepFinal):
        core.end_step("1.9.1", COMPLETED)


@pytest.mark.parametrize(
    ("listed", "stored", "expected"),
    [
        (["1.2.1.1.1"], True, "COMPLETED"),
        (["1.2.1.1.1"], False, "STARTED"),
        (["1.2.1.1.1", "1.2.1.1.2"], True, "STARTED"),
        ([], True, "STARTED"),
    ],
)
def test_given_it_is_to_be_completed_then_it_is_once_all_it_lists_is_held(
    core: Core, listed: list[str], stored: bool, expected: str
) -> None:
    overdue = watched(core, PerformedStepStatus.COMPLETED)
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.end_step("1.9.1", "", instances=listed)
    if stored:
        core.image(performed=["1.9.1"])
    core.now += TWELVE_HOURS + 1
    assert fire(core, overdue) == 1
    assert core.statuses() == {"S1": expected}
    assert bool(overdue.problem()) == (expected == "STARTED")


def test_given_it_ended_in_time_then_nothing_is_done(core: Core) -> None:
    overdue = watched(core, PerformedStepStatus.DISCONTINUED)
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.end_step("1.9.1", COMPLETED)
    core.now += TWELVE_HOURS + 1
    fire(core, overdue)
    assert core.statuses() == {"S1": "COMPLETED"}
    assert len(core.performed.messages("1.9.1")) == 2


def test_given_a_person_ends_it_then_the_journal_says_who(core: Core) -> None:
    overdue = watched(core)
    core.start_step("1.9.1")
    overdue.end("1.9.1", PerformedStepStatus.DISCONTINUED, "lan", "the scanner was switched off")
    rows = core.store.read(lambda tx: tx.journal.mentioning("1.9.1"))
    assert (rows[0].type, rows[0].peer) == ("MPPS N-SET DISCONTINUED", "lan")
