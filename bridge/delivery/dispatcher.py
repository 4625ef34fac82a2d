"""The dispatcher: one worker per destination, started, woken and stopped together."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from secrets import SystemRandom
from typing import TypeVar

from bridge.delivery.worker import UNLIMITED, Limits, LinkState, Pace, Worker
from bridge.services.deliver import DeliveryQueue, Destination
from bridge.services.watch_links import LinkTally

T = TypeVar("T")

log = logging.getLogger(__name__)

LOOKS = 6
"""How often within a lease is looked for what is to be renewed."""

_PACE = Pace()
_JITTER = SystemRandom().random


class Dispatcher:
    """Drives the delivery rows to their destinations.

    `owner` names this node in claims. `clock` gives unix time, `jitter` numbers in [0, 1).
    `limits` are what destinations bear, by name; `tally` is told what passed.
    A destination that hangs or is away holds up nobody but itself.
    """

    def __init__(  # noqa: PLR0913 - what a destination is worked by
        self,
        queue: DeliveryQueue[T],
        destinations: Iterable[Destination[T]],
        clock: Callable[[], float],
        owner: str,
        *,
        jitter: Callable[[], float] = _JITTER,
        pace: Pace = _PACE,
        limits: Mapping[str, Limits] | None = None,
        tally: LinkTally | None = None,
    ) -> None:
        self._workers = {
            destination.name: Worker(
                queue,
                destination,
                clock=clock,
                jitter=jitter,
                owner=owner,
                pace=pace,
                limits=(limits or {}).get(destination.name, UNLIMITED),
                tally=tally,
            )
            for destination in destinations
        }

        self._ended = threading.Event()
        self._look = pace.lease / LOOKS
        self._heart = threading.Thread(target=self._renew_leases, name="leases", daemon=True)

    def start(self) -> None:
        """Start working. Rows that were due before are sent at once."""
        if self._workers:
            self._heart.start()
        for worker in self._workers.values():
            worker.start()

    def wake(self) -> None:
        """Call after a commit that wrote delivery rows; cheap, from any thread."""
        for worker in self._workers.values():
            worker.wake()

    def request_stop(self) -> None:
        """Claim nothing more from here on."""
        for worker in self._workers.values():
            worker.request_stop()

    def stop(self, grace: float) -> bool:
        """Claim nothing more and finish the sends in hand within `grace` seconds.

        False when sends were still going on then: their rows are claimable when the lease ends.
        """
        self.request_stop()
        deadline = time.monotonic() + grace
        finished = [
            worker.join(max(0.0, deadline - time.monotonic())) for worker in self._workers.values()
        ]
        self._ended.set()
        return all(finished)

    def states(self) -> Mapping[str, LinkState]:
        """How each destination fares, by name; for health and metrics."""
        return {name: worker.state for name, worker in self._workers.items()}

    def _renew_leases(self) -> None:
        while not self._ended.wait(self._look):
            for worker in self._workers.values():
                try:
                    worker.renew_leases()
                except Exception:  # the database is away, perhaps: the next look is soon
                    log.exception("delivery.lease_not_renewed")
