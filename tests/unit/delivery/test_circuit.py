import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.delivery.circuit import PROBE_CEILING, Circuit
from bridge.domain.delivery import DeliveryState, RetryPolicy, TransportError

GONE = TransportError("connection refused", permanent=False, unreachable=True)


def test_given_nobody_was_there_when_it_trips_then_no_attempt_is_burned_and_it_is_news_once() -> (
    None
):
    circuit = Circuit(RetryPolicy(base=1, ceiling=300))

    decision, onset = circuit.trip(GONE, circuit.generation, now=100.0, jitter=0.0)
    again, onset_again = circuit.trip(GONE, circuit.generation, now=101.0, jitter=0.0)

    assert (decision.state, decision.counts) == (DeliveryState.PENDING, False)
    assert again.delay > decision.delay
    assert (onset, onset_again) == (True, False)
    assert circuit.close() is True
    assert circuit.close() is False
    assert circuit.pause(100.0) == 0


def test_given_sends_in_flight_together_when_all_fail_then_the_pause_grows_once() -> None:
    circuit = Circuit(RetryPolicy(base=1, ceiling=300))
    generation = circuit.generation

    decisions = [circuit.trip(GONE, generation, now=100.0, jitter=0.0)[0] for _ in range(8)]

    assert {decision.delay for decision in decisions} == {1.0}


def test_given_a_receiver_names_a_time_when_it_trips_then_it_is_kept() -> None:
    circuit = Circuit(RetryPolicy(base=1, ceiling=300))
    busy = TransportError("HTTP 503", permanent=False, unreachable=True, retry_after=120)

    decision, _ = circuit.trip(busy, circuit.generation, now=0.0, jitter=0.0)

    assert decision.delay == 120


@given(
    trips=st.integers(1, 60),
    jitter=st.floats(0, 1, exclude_max=True),
    ceiling=st.floats(0.1, 10_000),
)
def test_given_any_outage_when_it_goes_on_then_probes_never_become_rare(
    trips: int, jitter: float, ceiling: float
) -> None:
    circuit = Circuit(RetryPolicy(base=0.1, ceiling=ceiling))

    for _ in range(trips):
        decision, _ = circuit.trip(GONE, circuit.generation, now=50.0, jitter=jitter)

    assert 0 <= decision.delay <= min(ceiling, PROBE_CEILING) + 1e-6


def test_given_a_late_failure_from_before_the_recovery_when_it_trips_then_it_is_old_news() -> None:
    circuit = Circuit(RetryPolicy())
    before = circuit.generation
    circuit.trip(GONE, before, now=0.0, jitter=0.0)
    circuit.close()

    decision, onset = circuit.trip(GONE, before, now=1.0, jitter=0.0)

    assert (circuit.is_open, onset, decision.delay) == (False, False, 0.0)


SILENT = TransportError("no answer in time", permanent=False)
FAULT = TransportError("HTTP 500", permanent=False, response=b"oops", doubtful=True)
BUSY = TransportError("HTTP 409", permanent=False, response=b"conflict")
REFUSED = TransportError("HTTP 422", permanent=True)


@pytest.mark.parametrize("error", [SILENT, FAULT])
def test_given_several_subjects_meet_the_same_trouble_in_a_row_then_the_destination_is_to_blame(
    error: TransportError,
) -> None:
    circuit = Circuit(RetryPolicy())

    blamed = [circuit.is_to_blame(error, subject) for subject in ("a", "b", "b", "a", "c")]

    assert blamed == [False, False, False, False, True]


@pytest.mark.parametrize("error", [BUSY, REFUSED])
def test_given_answers_about_what_was_told_then_the_destination_is_not_to_blame(
    error: TransportError,
) -> None:
    circuit = Circuit(RetryPolicy())

    assert not any(circuit.is_to_blame(error, subject) for subject in "abcdef")


def test_given_an_answer_in_between_when_others_fail_then_the_count_begins_anew() -> None:
    circuit = Circuit(RetryPolicy())
    assert [circuit.is_to_blame(FAULT, subject) for subject in "ab"] == [False, False]

    assert circuit.close() is False

    assert [circuit.is_to_blame(FAULT, subject) for subject in "cd"] == [False, False]


def test_given_it_is_down_with_errors_when_one_has_asked_then_another_asks_next() -> None:
    circuit = Circuit(RetryPolicy(base=1, ceiling=300))
    for subject in "abc":
        circuit.is_to_blame(FAULT, subject)

    decision, _ = circuit.trip(FAULT, circuit.generation, now=100.0, jitter=0.0)

    assert decision.counts is False
    assert decision.delay > circuit.pause(100.0) > 0


def test_given_a_receiver_asks_for_a_week_when_it_trips_then_it_is_asked_again_within_a_day() -> (
    None
):
    circuit = Circuit(RetryPolicy())
    error = TransportError("503", permanent=False, unreachable=True, retry_after=7 * 86_400.0)

    decision, _ = circuit.trip(error, circuit.generation, now=0.0, jitter=0.5)

    assert decision.delay == 86_400.0
