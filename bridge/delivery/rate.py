"""How often a destination may be sent to."""

from __future__ import annotations

_BURST_SECONDS = 0.1
"""What was not used may be made up for within this time: a claim, which costs a commit, serves
several sends."""


class Rate:
    """At most so many sends a second (no limit when None). For one thread."""

    def __init__(self, per_second: float | None) -> None:
        self._per_second = per_second
        self._most = max(1.0, (per_second or 0.0) * _BURST_SECONDS)
        self._left = self._most
        self._looked_at = 0.0

    def available(self, now: float) -> float:
        """Sends that may begin now."""
        if self._per_second is None:
            return float("inf")
        passed = max(0.0, now - self._looked_at) if self._looked_at else 0.0
        self._left = min(self._most, self._left + passed * self._per_second)
        self._looked_at = now
        return self._left

    def pause(self, now: float) -> float:
        """Seconds until one may begin; 0 when it may now."""
        missing = 1.0 - self.available(now)
        return missing / self._per_second if self._per_second and missing > 0 else 0.0

    def take(self, count: float) -> None:
        """So many begin."""
        self._left -= count
