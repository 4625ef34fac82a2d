"""What happened to a step, whenever it was told: the status does not hang on who came first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.step_history import (
    ENDINGS,
    History,
    can_be_ordered_again,
    history_of,
    is_unscheduled,
    recorded,
    status_of,
)
from bridge.domain.step_status import ON_WORKLIST, StepEvent, StepStatus

S, E = StepStatus, StepEvent
T1, T2, T3 = "20260105110000", "20260105120000", "20260105130000"
TOLD = sorted(set(StepEvent) - {E.WRONG_ENTRY, E.REORDER, E.SCHEDULE})
EVENTS = st.lists(st.sampled_from(TOLD), max_size=6)


def told(*happened: tuple[str, StepEvent]) -> History:
    history: History = ()
    for at, event in happened:
        history = recorded(history, at, event) or history
    return history


def numbered(events: list[StepEvent]) -> list[tuple[str, StepEvent]]:
    return [(f"202601051200{number:02}", event) for number, event in enumerate(events)]


@given(events=EVENTS.filter(lambda events: not ENDINGS & set(events)), data=st.data())
def test_given_no_end_and_no_hold_then_the_order_of_arrival_does_not_matter(
    events: list[StepEvent], data: st.DataObject
) -> None:
    """A hold is left out as well: nothing older shows again what it took off the worklist."""
    happened = [e for e in numbered(events) if e[1] not in (E.HOLD, E.UNSCHEDULE)]
    arrived = data.draw(st.permutations(happened))
    assert status_of(told(*arrived)) is status_of(told(*happened))


@given(events=EVENTS, end=st.sampled_from(sorted(ENDINGS - {E.CANCEL})), data=st.data())
def test_given_one_end_as_the_newest_then_it_ends_however_they_arrive(
    events: list[StepEvent], end: StepEvent, data: st.DataObject
) -> None:
    """Which end it is may differ: the first that was acknowledged is not taken back.

    A cancel alone is no end of what has begun.
    """
    happened = [*numbered(events), ("20260106", end)]
    arrived = data.draw(st.permutations(happened))
    assert status_of(told(*arrived)) not in ON_WORKLIST


@given(before=EVENTS, end=st.sampled_from(sorted(ENDINGS)), late=EVENTS)
def test_nothing_older_undoes_an_end(
    before: list[StepEvent], end: StepEvent, late: list[StepEvent]
) -> None:
    ended = told(*numbered(before), ("20260106", end))
    if ended[-1][0] != "20260106":
        return  # it came too late itself
    assert all(recorded(ended, at, event) is None for at, event in numbered(late))


@given(before=EVENTS, hold=st.sampled_from([E.HOLD, E.UNSCHEDULE]), late=EVENTS)
def test_nothing_older_shows_again_what_a_hold_took_away(
    before: list[StepEvent], hold: StepEvent, late: list[StepEvent]
) -> None:
    held = told(*numbered(before), ("20260106", hold))
    if status_of(held) is S.HELD:
        assert status_of(told(*held, *numbered(late))) not in ON_WORKLIST


@given(events=EVENTS, data=st.data())
def test_the_same_event_twice_is_the_same_as_once(
    events: list[StepEvent], data: st.DataObject
) -> None:
    happened = numbered(events)
    arrived = data.draw(st.permutations(happened)) if happened else []
    again = [data.draw(st.sampled_from(arrived))] if arrived else []
    assert status_of(told(*arrived, *again)) is status_of(told(*arrived))


def test_what_has_no_time_is_the_newest() -> None:
    assert status_of(told((T2, E.HOLD), ("", E.RELEASE))) is S.SCHEDULED
    assert recorded(told((T2, E.CANCEL), ("", E.START)), T1, E.HOLD) is None


def test_a_cancel_that_overtook_a_release_still_cancels() -> None:
    assert status_of(told((T1, E.HOLD), (T3, E.RELEASE), (T2, E.CANCEL))) is S.CANCELED


@given(late=st.sampled_from([E.CANCEL, E.DISCONTINUE, E.HOLD, E.WITHDRAW]))
def test_what_a_newer_order_wants_is_not_taken_off_by_anything_older(late: StepEvent) -> None:
    assert recorded(told((T1, E.SCHEDULE), (T3, E.SCHEDULE)), T2, late) is None
    assert recorded(told((T1, E.SCHEDULE)), T2, late) is not None


def test_what_has_happened_counts_though_a_newer_order_does_not_know_of_it() -> None:
    assert status_of(told((T1, E.SCHEDULE), (T3, E.SCHEDULE), (T2, E.COMPLETE))) is S.COMPLETED


def test_a_start_older_than_the_cancel_does_not_bring_the_step_back() -> None:
    assert status_of(told((T2, E.CANCEL), (T1, E.START))) is S.CANCELED


def test_only_what_is_surely_newer_than_the_cancel_orders_again() -> None:
    cancelled = told((T2, E.CANCEL))
    assert can_be_ordered_again(cancelled, T3)
    assert not can_be_ordered_again(cancelled, T2)
    assert not can_be_ordered_again(cancelled, "")
    assert not can_be_ordered_again(told(("", E.CANCEL)), T3)
    assert not can_be_ordered_again(told((T1, E.COMPLETE)), T3)


def test_a_cancel_that_came_too_late_leaves_no_trace() -> None:
    started = told((T1, E.START))
    assert recorded(started, T3, E.CANCEL) == started
    assert status_of(told(*started, (T3, E.CANCEL), (T2, E.COMPLETE))) is S.COMPLETED


def test_a_step_without_a_time_is_told_from_one_on_hold() -> None:
    assert is_unscheduled(told((T1, E.UNSCHEDULE)))
    assert not is_unscheduled(told((T1, E.UNSCHEDULE), (T2, E.HOLD)))
    assert not is_unscheduled(told((T1, E.UNSCHEDULE), (T2, E.RELEASE)))
    assert not is_unscheduled(())


def test_every_status_has_a_history_or_needs_none() -> None:
    for status in set(StepStatus) - {S.READY, S.DEPARTED}:
        assert status_of(history_of(status)) is status
