"""The life of a scheduled step: every event in every state has an answer, and none goes back."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.step_status import (
    FINAL,
    ON_WORKLIST,
    TRANSITIONS,
    StepEvent,
    StepStatus,
    after,
)

S, E = StepStatus, StepEvent
EVENTS = st.lists(st.sampled_from(StepEvent), max_size=12)
# How far a step has come. A hold is a pause before the start, so it counts as not begun.
PROGRESS = {
    S.HELD: 0,
    S.SCHEDULED: 0,
    S.ARRIVED: 1,
    S.READY: 2,
    S.STARTED: 3,
    S.DEPARTED: 4,
    S.COMPLETED: 5,
    S.DISCONTINUED: 5,
    S.CANCELED: 5,
}

_REVIVING = (E.START, E.COMPLETE, E.WRONG_ENTRY, E.REORDER)


def run(status: StepStatus, events: Iterable[StepEvent]) -> StepStatus:
    for event in events:
        status = after(status, event)
    return status


def test_every_event_in_every_state_has_an_answer() -> None:
    assert set(TRANSITIONS) == set(StepEvent)
    assert all(set(row) == set(StepStatus) for row in TRANSITIONS.values())


@pytest.mark.parametrize("status", StepStatus)
@pytest.mark.parametrize(
    "event", sorted(set(StepEvent) - {E.WRONG_ENTRY, E.HOLD, E.UNSCHEDULE, E.REORDER})
)
def test_nothing_but_a_hold_a_new_order_and_the_modalitys_word_moves_a_step_backwards(
    status: StepStatus, event: StepEvent
) -> None:
    if status is S.CANCELED and event in (E.START, E.COMPLETE):
        return  # the modality did what the order no longer asked for: see below
    assert PROGRESS[after(status, event)] >= PROGRESS[status]


@pytest.mark.parametrize(
    "event", [E.SCHEDULE, E.ARRIVE, E.HOLD, E.RELEASE, E.CANCEL, E.REORDER, E.UNSCHEDULE]
)
@pytest.mark.parametrize("status", [S.STARTED, S.DEPARTED, S.COMPLETED, S.DISCONTINUED])
def test_an_order_message_leaves_a_step_that_began_as_it_is(
    status: StepStatus, event: StepEvent
) -> None:
    assert after(status, event) is status


@given(EVENTS)
def test_a_replayed_order_never_revives_a_cancelled_step(events: list[StepEvent]) -> None:
    ordered = [e for e in events if e not in _REVIVING]
    assert run(S.CANCELED, ordered) is S.CANCELED


@given(EVENTS)
def test_a_completed_step_stays_completed_whatever_comes(events: list[StepEvent]) -> None:
    """But a person may take back the order that a person made of a study."""
    events = [each for each in events if each is not StepEvent.ANNUL]
    assert run(S.COMPLETED, events) is S.COMPLETED


@pytest.mark.parametrize("status", StepStatus)
@pytest.mark.parametrize("event", StepEvent)
def test_the_same_event_again_changes_nothing(status: StepStatus, event: StepEvent) -> None:
    once = after(status, event)
    assert after(once, event) is once


@pytest.mark.parametrize(
    ("status", "event", "expected"),
    [
        (S.SCHEDULED, E.ARRIVE, S.ARRIVED),
        (S.SCHEDULED, E.HOLD, S.HELD),
        (S.HELD, E.RELEASE, S.SCHEDULED),
        (S.HELD, E.ARRIVE, S.HELD),
        (S.SCHEDULED, E.START, S.STARTED),
        (S.CANCELED, E.START, S.STARTED),
        (S.CANCELED, E.COMPLETE, S.COMPLETED),
        (S.STARTED, E.COMPLETE, S.COMPLETED),
        (S.STARTED, E.DISCONTINUE, S.DISCONTINUED),
        (S.DISCONTINUED, E.COMPLETE, S.COMPLETED),
        (S.SCHEDULED, E.CANCEL, S.CANCELED),
        (S.STARTED, E.WITHDRAW, S.CANCELED),
        (S.COMPLETED, E.WITHDRAW, S.COMPLETED),
        (S.CANCELED, E.REORDER, S.SCHEDULED),
        (S.DISCONTINUED, E.REORDER, S.DISCONTINUED),
        (S.ARRIVED, E.UNSCHEDULE, S.HELD),
        (S.STARTED, E.WRONG_ENTRY, S.SCHEDULED),
        (S.DISCONTINUED, E.WRONG_ENTRY, S.SCHEDULED),
        (S.COMPLETED, E.WRONG_ENTRY, S.COMPLETED),
    ],
)
def test_what_happens(status: StepStatus, event: StepEvent, expected: StepStatus) -> None:
    assert after(status, event) is expected


def test_a_modality_sees_what_can_still_be_done() -> None:
    assert {S.SCHEDULED, S.ARRIVED, S.READY, S.STARTED} == ON_WORKLIST
    assert not ON_WORKLIST & FINAL
