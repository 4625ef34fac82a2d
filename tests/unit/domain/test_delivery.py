"""What becomes of a delivery that failed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.delivery import (
    DeliveryState,
    EventKind,
    RetryDecision,
    RetryPolicy,
    TransportError,
    Waiting,
    carrier_of,
    decide_retry,
    in_short,
)

POLICY = RetryPolicy(base=1.0, ceiling=60.0, attempts=5)
BUSY = TransportError("busy", permanent=False)
GONE = TransportError("nobody there", permanent=False, unreachable=True)
REFUSED = TransportError("422", permanent=True)


def test_a_permanent_refusal_is_dead_at_once() -> None:
    assert decide_retry(POLICY, REFUSED, 0, 0.0) == RetryDecision(DeliveryState.DEAD)


@pytest.mark.parametrize(("attempts", "delay"), [(0, 1.0), (1, 2.0), (2, 4.0), (3, 8.0)])
def test_each_failure_doubles_the_wait(attempts: int, delay: float) -> None:
    decision = decide_retry(POLICY, BUSY, attempts, 0.0)
    assert decision == RetryDecision(DeliveryState.PENDING, delay)


def test_the_last_attempt_parks() -> None:
    assert decide_retry(POLICY, BUSY, 4, 0.0).state is DeliveryState.PARKED


def test_an_absent_receiver_burns_no_attempt_however_long_it_is_away() -> None:
    decision = decide_retry(POLICY, GONE, 10_000, 0.5)
    assert (decision.state, decision.counts) == (DeliveryState.PENDING, False)
    assert decision.delay <= POLICY.ceiling


def test_a_receiver_that_names_a_time_is_left_alone_until_then() -> None:
    error = TransportError("503", permanent=False, retry_after=120.0)
    assert decide_retry(POLICY, error, 0, 0.0).delay == 120.0
    assert decide_retry(POLICY, TransportError("x", permanent=False, retry_after=0.0), 2, 0.0) == (
        RetryDecision(DeliveryState.PENDING, 4.0)
    )


@given(
    st.integers(0, 10_000),
    st.floats(0, 1, exclude_max=True),
    st.booleans(),
    st.booleans(),
)
def test_a_wait_is_never_negative_nor_above_the_ceiling(
    attempts: int, jitter: float, permanent: bool, unreachable: bool
) -> None:
    error = TransportError("x", permanent=permanent, unreachable=unreachable)
    decision = decide_retry(POLICY, error, attempts, jitter)
    assert 0.0 <= decision.delay <= POLICY.ceiling
    assert decision.state is not DeliveryState.DELIVERED
    assert (decision.state is DeliveryState.DEAD) == permanent


@given(st.integers(0, 20), st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_those_that_failed_together_come_again_at_any_time_up_to_the_longest_wait(
    attempts: int, one: float, other: float
) -> None:
    policy = RetryPolicy(base=1.0, ceiling=60.0, attempts=100)
    longest = decide_retry(policy, BUSY, attempts, 0.0).delay

    waits = [decide_retry(policy, BUSY, attempts, jitter).delay for jitter in (one, other)]

    assert waits == [longest * (1.0 - one), longest * (1.0 - other)]


def waiting(*kinds: EventKind, touched: EventKind | None = None) -> list[Waiting]:
    """A lane, oldest first as it was queued, turned newest first."""
    rows = [Waiting(pk=n, kind=kind, untouched=kind != touched) for n, kind in enumerate(kinds)]
    return rows[::-1]


AVAILABLE, CHANGED, WITHDRAWN = (
    EventKind.STUDY_AVAILABLE,
    EventKind.STUDY_CHANGED,
    EventKind.STUDY_WITHDRAWN,
)
CORRECTED, REJECTED, EXPIRED, DECIDED, FIRST = (
    EventKind.STUDY_CORRECTED,
    EventKind.STUDY_REJECTED,
    EventKind.STUDY_EXPIRED,
    EventKind.MATCH_DECIDED,
    EventKind.STUDY_FIRST_IMAGE,
)
SCHEDULED, MOVED, ARRIVED, CANCELED = (
    EventKind.ORDER_SCHEDULED,
    EventKind.ORDER_CHANGED,
    EventKind.PATIENT_ARRIVED,
    EventKind.ORDER_CANCELED,
)


@pytest.mark.parametrize(
    ("lane", "kind", "carrier"),
    [
        ((), CHANGED, None),
        ((CHANGED,), CHANGED, 0),
        ((AVAILABLE,), CHANGED, 0),
        ((AVAILABLE, CHANGED), CHANGED, 1),
        ((SCHEDULED, ARRIVED), MOVED, 0),
        ((MOVED, ARRIVED), MOVED, 0),
        ((AVAILABLE, WITHDRAWN), CHANGED, None),
        ((SCHEDULED, CANCELED), MOVED, None),
        ((SCHEDULED, CANCELED), SCHEDULED, None),
        ((SCHEDULED, CANCELED, SCHEDULED), MOVED, 2),
        ((CHANGED,), AVAILABLE, None),
        ((AVAILABLE,), AVAILABLE, 0),
        ((ARRIVED,), ARRIVED, 0),
        ((ARRIVED, SCHEDULED), ARRIVED, None),
        ((EventKind.MESSAGE,), EventKind.MESSAGE, None),
        ((CORRECTED,), CHANGED, 0),
        ((CHANGED,), CORRECTED, None),
        ((AVAILABLE,), CORRECTED, 0),
        ((CORRECTED, CHANGED), CORRECTED, 0),
        ((CHANGED, REJECTED), CHANGED, None),
        ((CORRECTED, EXPIRED), CORRECTED, None),
        ((CHANGED,), REJECTED, None),
        ((REJECTED,), REJECTED, 0),
        ((REJECTED,), EXPIRED, None),
        ((REJECTED, CHANGED), REJECTED, None),
        ((FIRST,), FIRST, 0),
        ((FIRST,), CHANGED, None),
        ((DECIDED, AVAILABLE), DECIDED, 0),
        ((DECIDED, EventKind.STUDY_UNMATCHED), DECIDED, 0),
        ((AVAILABLE,), DECIDED, None),
    ],
)
def test_an_event_rides_only_with_what_tells_it_too_and_in_its_place(
    lane: tuple[EventKind, ...], kind: EventKind, carrier: int | None
) -> None:
    assert carrier_of(kind, waiting(*lane)) == carrier


def test_what_the_receiver_may_have_carries_nothing() -> None:
    assert carrier_of(CHANGED, waiting(AVAILABLE, CHANGED, touched=CHANGED)) == 0
    assert carrier_of(AVAILABLE, waiting(AVAILABLE, touched=AVAILABLE)) is None
    assert carrier_of(CHANGED, waiting(CHANGED, touched=CHANGED)) is None


@given(st.binary(max_size=9000), st.integers(2, 300))
def test_what_was_said_is_kept_in_short_whatever_it_is(content: bytes, most: int) -> None:
    text = in_short(content, most)
    assert len(text) <= most
    assert "\0" not in text
