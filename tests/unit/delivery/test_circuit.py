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

    assert {decision.delay for decision in decisions} == {0.5}


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

    assert 0 < decision.delay <= min(ceiling, PROBE_CEILING) + 1e-6


def test_given_a_late_failure_from_before_the_recovery_when_it_trips_then_it_is_old_news() -> None:
    circuit = Circuit(RetryPolicy())
    before = circuit.generation
    circuit.trip(GONE, before, now=0.0, jitter=0.0)
    circuit.close()

    decision, onset = circuit.trip(GONE, before, now=1.0, jitter=0.0)

    assert (circuit.is_open, onset, decision.delay) == (False, False, 0.0)
