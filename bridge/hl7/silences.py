"""Whose fault it is that a receiver answers nothing: its own, or that of one message.

A receiver whose application hangs takes connections and messages and says nothing, for hours: that
is an outage, and no message is to blame. But a message may also be one that it chokes on: then it
answers the others.
"""

from __future__ import annotations

from typing import Final

from bridge.domain.delivery import TransportError

_MOST: Final = 10_000
"""Deliveries that are remembered; they are told apart while they are tried, and no longer."""


class Silences:
    """What one receiver answered, and which deliveries it did not."""

    def __init__(self) -> None:
        self._answers = 0
        self._met: dict[int, int] = {}
        self._at_fault: set[int] = set()

    def answered(self, delivery_pk: int) -> None:
        """The receiver said something to a delivery, be it a refusal."""
        self._answers += 1
        self._met.pop(delivery_pk, None)
        self._at_fault.discard(delivery_pk)

    def judge(self, delivery_pk: int, error: TransportError) -> None:
        """Say of an error whether it is an outage, or an attempt of this delivery that failed."""
        if error.unreachable:
            return
        if error.response:
            self.answered(delivery_pk)
            return
        before = self._met.get(delivery_pk)
        if before is not None and self._answers > before:  # since then it answered others
            self._at_fault.add(delivery_pk)
        if len(self._met) >= _MOST:
            self._met.clear()
            self._at_fault.clear()
        self._met[delivery_pk] = self._answers
        error.outage = delivery_pk not in self._at_fault
        error.doubtful = error.outage
