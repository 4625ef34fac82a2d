"""Given a receiver that answers nothing, when is it to blame, and when the message?"""

from __future__ import annotations

from bridge.domain.delivery import TransportError
from bridge.hl7.silences import Silences


def silence() -> TransportError:
    return TransportError("no answer", permanent=False)


def is_outage(silences: Silences, delivery: int) -> bool:
    error = silence()
    silences.judge(delivery, error)
    assert error.doubtful is error.outage
    return error.outage


def test_given_nobody_is_answered_then_no_message_is_to_blame() -> None:
    silences = Silences()
    assert all(is_outage(silences, delivery) for delivery in (1, 1, 1, 2, 1, 2))


def test_given_others_are_answered_in_between_then_the_message_is_to_blame() -> None:
    silences = Silences()
    assert is_outage(silences, 1)
    silences.answered(2)
    assert not is_outage(silences, 1)
    assert not is_outage(silences, 1)
    assert is_outage(silences, 3)


def test_given_it_is_answered_at_last_then_it_is_forgotten() -> None:
    silences = Silences()
    assert is_outage(silences, 1)
    silences.answered(2)
    assert not is_outage(silences, 1)
    silences.answered(1)
    assert is_outage(silences, 1)


def test_given_a_refusal_or_garbage_then_that_is_an_answer() -> None:
    silences = Silences()
    assert is_outage(silences, 1)
    refusal = TransportError("AE", permanent=False, response=b"MSA|AE")
    silences.judge(2, refusal)
    assert not (refusal.outage or refusal.doubtful)
    assert not is_outage(silences, 1)


def test_given_nobody_is_there_then_that_is_left_as_it_is() -> None:
    error = TransportError("refused", permanent=False, unreachable=True)
    Silences().judge(1, error)
    assert not error.outage


def test_given_very_many_deliveries_then_memory_stays_bounded() -> None:
    silences = Silences()
    assert all(is_outage(silences, number) for number in range(10_050))
