"""Fires timers: claims what is due and hands it to the use case its kind names."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping

from bridge.domain.errors import BridgeError
from bridge.services.transaction import Clock, FiredTimer, Store

log = logging.getLogger(__name__)

LEASE_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 1.0
BATCH = 20


class Timekeeper:
    """One thread that looks after the timers, on every node; the rows say who holds which."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        owner: str,
        actions: Mapping[str, Callable[[FiredTimer, float], None]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._owner = owner
        self._actions = actions
        self._wake = threading.Event()
        self._planning = threading.Lock()
        self._next_look = -math.inf
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="timers", daemon=True)

    def start(self) -> None:
        """Begin to fire timers, those left by an earlier run included."""
        self._thread.start()

    def stop(self) -> None:
        """End after the action in hand."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def wake(self, due_at: float) -> None:
        """A timer was set: look then, if that is sooner than the next look. Cheap, any thread."""
        with self._planning:
            if due_at < self._next_look:
                self._next_look = due_at
                self._wake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            # Whoever sets a timer from here on wakes us, whatever this look finds.
            self._next_look = math.inf
            try:
                due = self._fire_due()
            except BridgeError as error:
                log.warning("timers.store_unavailable", extra={"reason": error.message})
                due = math.inf
            except Exception:
                log.exception("timers.failed")
                due = math.inf
            latest = self._clock() + LONGEST_WAIT_SECONDS
            with self._planning:
                self._next_look = min(self._next_look, due, latest)
            while not self._stopping.is_set() and (wait := self._next_look - self._clock()) > 0:
                self._wake.wait(wait)
                self._wake.clear()

    def _fire_due(self) -> float:
        """Fire what is due; returns when the next timer is due (unix time)."""
        now = self._clock()
        due = self._store.read(lambda tx: tx.timers.next_due(now))
        if due is None or due > now:
            return math.inf if due is None else due
        claimed = self._store.transact(
            lambda tx: tx.timers.claim(self._owner, now, LEASE_SECONDS, BATCH)
        )
        for fired in claimed:
            self._fire(fired)
        return now

    def _fire(self, fired: FiredTimer) -> None:
        try:
            self._actions[fired.kind](fired, self._clock())
        except Exception:  # one bad study must not stop the clock for all the others
            log.exception("timers.action_failed", extra={"kind": fired.kind})
