"""Given a failure that is an outage for certain, then the first of it opens the circuit."""

from __future__ import annotations

from bridge.delivery.circuit import Circuit
from bridge.domain.delivery import RetryPolicy, TransportError


def test_given_an_outage_for_certain_then_no_attempt_is_burnt_and_another_asks_next() -> None:
    circuit = Circuit(RetryPolicy(base=1.0))
    error = TransportError("silence", permanent=False, outage=True)
    assert circuit.is_to_blame(error, "order:1")
    decision, onset = circuit.trip(error, circuit.generation, 100.0, 0.5)
    assert onset
    assert not decision.counts
    assert decision.delay > circuit.pause(100.0)
