"""Whether a destination can be reached at all, and when to ask again if not."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock

from bridge.domain.delivery import (
    DeliveryState,
    RetryDecision,
    RetryPolicy,
    TransportError,
    backoff,
)

PROBE_CEILING = 30.0
"""Longest pause, in seconds, before asking again whether somebody is there.

A probe costs one connection and burns no attempt, and work waits for its outcome: so it is asked
more often than a delivery that was refused is repeated. A receiver's own Retry-After is kept.
"""


SUBJECTS_IN_DOUBT = 3
"""So many subjects that fail in a row, for reasons that are not theirs, are the destination's."""


class Circuit:
    """Closed while the destination answers; open while it is down.

    It is down from the first failure to reach it, or once several subjects in a row met silence
    or an error of its own (5xx). Then one send at a time asks whether it is back; none burns an
    attempt. Several sends in flight fail together when a destination goes away. Each carries the
    `generation` in which it began, so that together they lengthen the pause once.
    """

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._lock = Lock()
        self._failures = 0
        self._generation = 0
        self._not_before = 0.0
        self._doubted: set[str] = set()

    @property
    def generation(self) -> int:
        """Counts openings and closings; to be noted when a send begins."""
        return self._generation

    @property
    def is_open(self) -> bool:
        """Whether the destination was last found to be out of reach."""
        return self._failures > 0

    def pause(self, now: float) -> float:
        """Seconds until the next probe is due; 0 when closed or due."""
        return max(0.0, self._not_before - now) if self.is_open else 0.0

    def is_to_blame(self, error: TransportError, subject: str) -> bool:
        """Whether a failure is the destination's, rather than of this subject or this moment."""
        if error.unreachable or error.outage:
            return True
        if error.permanent or not error.doubtful:
            return False
        with self._lock:
            self._doubted.add(subject)
            return self.is_open or len(self._doubted) >= SUBJECTS_IN_DOUBT

    def trip(
        self, error: TransportError, generation: int, now: float, jitter: float
    ) -> tuple[RetryDecision, bool]:
        """Note that nobody was there: what becomes of the delivery, and whether that is news."""
        with self._lock:
            onset = not self.is_open
            if generation == self._generation:
                delay = backoff(self._patience(error), error, self._failures, jitter)
                self._failures += 1
                self._generation += 1
                self._not_before = now + delay
            # Whoever met silence or an error of the destination's lets another ask next time.
            delay = self.pause(now) + (0.0 if error.unreachable else self._policy.base)
            return RetryDecision(DeliveryState.PENDING, delay, counts=False), onset and self.is_open

    def close(self) -> bool:
        """Note that somebody answered, be it with a refusal. Tells whether that is news."""
        if not self.is_open and not self._doubted:
            return False
        with self._lock:
            self._doubted.clear()
            was_open, self._failures = self.is_open, 0
            self._generation += was_open
            return was_open

    def _patience(self, error: TransportError) -> RetryPolicy:
        if error.retry_after is not None:
            return self._policy
        return replace(self._policy, ceiling=min(self._policy.ceiling, PROBE_CEILING))
