"""What becomes of a delivery that failed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.delivery import (
    DeliveryState,
    RetryDecision,
    RetryPolicy,
    TransportError,
    decide_retry,
)

POLICY = RetryPolicy(base=1.0, ceiling=60.0, attempts=5)
BUSY = TransportError("busy", permanent=False)
GONE = TransportError("nobody there", permanent=False, unreachable=True)
REFUSED = TransportError("422", permanent=True)


def test_a_permanent_refusal_is_dead_at_once() -> None:
    assert decide_retry(POLICY, REFUSED, 0, 0.0) == RetryDecision(DeliveryState.DEAD)


@pytest.mark.parametrize(("attempts", "delay"), [(0, 0.5), (1, 1.0), (2, 2.0), (3, 4.0)])
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
        RetryDecision(DeliveryState.PENDING, 2.0)
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
