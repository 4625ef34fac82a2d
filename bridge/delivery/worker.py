"""One destination's worker: a thread that claims, and lanes that send in parallel."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from queue import SimpleQueue
from threading import Condition, Thread
from typing import Generic, TypeVar

from bridge.delivery.circuit import Circuit
from bridge.delivery.rate import Rate
from bridge.domain.delivery import (
    Delivery,
    NotYet,
    RetryDecision,
    Sent,
    TransportError,
    decide_retry,
)
from bridge.domain.errors import ResourceBusy
from bridge.domain.link import Link, LinkKind
from bridge.services.deliver import DeliveryQueue, Destination
from bridge.services.fence import TakenOver, holding
from bridge.services.watch_links import LinkTally

_log = logging.getLogger(__name__)

T = TypeVar("T")

NOTHING_TO_TELL = Sent(unchanged=True)
_RENEWALS = 3
"""A lease is renewed after this part of it, so that a slow database does not lose it."""
_LOOKS_FOR_OUTAGE = 30.0
"""Seconds between two looks of a node whose sends succeed for an outage that another one noted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a destination bears: sends a second, and at once; None is as `Pace` says.

    They hold for each node.
    """

    per_second: float | None = None
    at_once: int | None = None


UNLIMITED = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a destination is worked: `lanes` sends at once, rows claimed for `lease` seconds.

    A lease is renewed while its row is being sent; what a killed node was sending waits for the end
    of its lease. `poll` is the longest time, in seconds,
    before rows that another node committed are looked for. `linger` is how long a free lane waits
    for others to become free, too, so that one claim, which costs a commit, serves several.
    """

    lanes: int = 8
    lease: float = 60.0
    poll: float = 1.0
    linger: float = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkState:
    """How a destination fares. `last_answer` is a unix time; None before the first."""

    paused: bool
    in_hand: int
    last_answer: float | None


class Worker(Generic[T]):
    """Sends the due deliveries of one destination, in order per subject, until stopped.

    Only as many rows are claimed as there are free lanes: a row claimed is a row being sent, and
    a lease never runs while its row waits.
    """

    def __init__(  # noqa: PLR0913 - what a destination is worked by
        self,
        queue: DeliveryQueue[T],
        destination: Destination[T],
        *,
        clock: Callable[[], float],
        jitter: Callable[[], float],
        owner: str,
        pace: Pace,
        limits: Limits = UNLIMITED,
        tally: LinkTally | None = None,
    ) -> None:
        self._queue = queue
        self._destination = destination
        self._clock = clock
        self._jitter = jitter
        self._owner = owner
        self._pace = pace if limits.at_once is None else replace(pace, lanes=limits.at_once)
        self._rate = Rate(limits.per_second)
        self._circuit = Circuit(destination.retry)
        self._changed = Condition()
        self._in_hand: dict[int, float] = {}  # when to renew the lease of each, unix time
        self._held_until: dict[int, float] = {}  # and when it ends
        self._woken = False
        self._stopping = False
        self._last_answer: float | None = None
        self._tally = tally
        self._link = Link(LinkKind.DESTINATION, destination.name)
        self._looked_for_outage = float("-inf")
        self._inbox: SimpleQueue[Delivery | None] = SimpleQueue()
        self._threads: list[Thread] = []

    def start(self) -> None:
        """Start the threads. They are daemons: a send that hangs cannot keep the process alive."""
        name = self._destination.name
        self._threads = [
            Thread(target=self._claim_until_stopped, name=f"claim-{name}", daemon=True),
            *(
                Thread(target=self._send_until_stopped, name=f"send-{name}-{lane}", daemon=True)
                for lane in range(self._pace.lanes)
            ),
        ]
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Say that rows were committed or lanes moved on: look for due rows now."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def request_stop(self) -> None:
        """Claim nothing more. What is in hand is finished."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def join(self, grace: float) -> bool:
        """Wait up to `grace` seconds for the sends in hand; false when some go on."""
        deadline = time.monotonic() + grace
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def renew_leases(self) -> None:
        """Keep what takes long to send from being taken over by another node."""
        now = self._clock()
        with self._changed:
            due = [pk for pk, at in self._in_hand.items() if at <= now]
        if not due:
            return
        kept = self._queue.renew(due, self._owner, now + self._pace.lease)
        with self._changed:
            held = [pk for pk in due if pk in self._in_hand]
            self._in_hand |= dict.fromkeys(held, now + self._pace.lease / _RENEWALS)
            self._held_until |= dict.fromkeys(kept.intersection(held), now + self._pace.lease)
        for pk in held:
            if pk not in kept:  # we were stopped for so long: what comes of it is not recorded
                _log.warning("delivery.lease_lost", extra=self._about() | {"delivery": pk})

    @property
    def state(self) -> LinkState:
        """How the destination fares now."""
        with self._changed:
            return LinkState(
                paused=self._circuit.is_open,
                in_hand=len(self._in_hand),
                last_answer=self._last_answer,
            )

    def _claim_until_stopped(self) -> None:
        while limit := self._await_room():
            try:
                self._claim(limit)
            except Exception:
                # The database is away, perhaps: the rows are safe in it, so the worker stays.
                _log.exception("delivery.claim_failed", extra=self._about())
                self._rest(self._pace.poll)
        for _ in range(self._pace.lanes):
            self._inbox.put(None)

    def _await_room(self) -> int:
        """Wait for free lanes and give their number, 1 for a probe; 0 when it is time to stop."""
        with self._changed:
            while not self._stopping:
                if self._circuit.is_open:
                    pause = self._circuit.pause(self._clock())
                    if not pause and not self._in_hand:
                        return 1
                    self._changed.wait(min(pause or self._pace.poll, self._pace.poll))
                elif pause := self._rate.pause(self._clock()):
                    self._changed.wait_for(lambda: self._stopping, min(pause, self._pace.poll))
                elif self._free_lanes:
                    self._changed.wait_for(self._has_much_room, self._pace.linger)
                    break
                else:
                    self._changed.wait()
            if self._stopping:
                return 0
            return int(min(self._free_lanes, max(1.0, self._rate.available(self._clock()))))

    @property
    def _free_lanes(self) -> int:
        return self._pace.lanes - len(self._in_hand)

    def _has_much_room(self) -> bool:
        return self._free_lanes * 2 >= self._pace.lanes or self._stopping

    def _claim(self, limit: int) -> None:
        with self._changed:
            self._woken = False  # before the look: whoever commits during it, wakes again
        name, now = self._destination.name, self._clock()
        rows = self._queue.claim(name, self._owner, now, self._pace.lease, limit)
        with self._changed:
            # A row still in hand here is one whose lease ran out: claimed anew, it is ours again.
            fresh = [row for row in rows if row.pk not in self._in_hand]
            self._in_hand |= {row.pk: now + self._pace.lease / _RENEWALS for row in fresh}
            self._held_until |= {row.pk: now + self._pace.lease for row in rows}
        self._rate.take(len(fresh))
        for row in fresh:
            self._inbox.put(row)
        if len(fresh) < limit:
            self._rest(self._pause_when_idle())

    def _pause_when_idle(self) -> float:
        if self._in_hand:
            return self._pace.poll  # finishing those will wake
        now = self._clock()
        due = self._queue.next_due(self._destination.name, now)
        # A row that is due and yet was not claimed is leased elsewhere: no reason to spin.
        return self._pace.poll if due is None or due <= now else min(due - now, self._pace.poll)

    def _rest(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._woken or self._stopping, seconds)

    def _send_until_stopped(self) -> None:
        while (delivery := self._inbox.get()) is not None:
            try:
                self._deliver(delivery)
            except Exception:
                # Unrecorded: its lease runs out and it is sent again, which receivers bear.
                _log.exception("delivery.not_recorded", extra=self._about(delivery))
            finally:
                with self._changed:
                    self._in_hand.pop(delivery.pk, None)
                    self._held_until.pop(delivery.pk, None)
                    self._woken = True
                    self._changed.notify_all()

    def _deliver(self, delivery: Delivery) -> None:
        generation = self._circuit.generation
        try:
            with holding(partial(self._is_held, delivery.pk)):
                sent = self._send(delivery)
        except TakenOver as error:
            _log.warning("delivery.taken_over", extra=self._about(delivery))
            if error.may_have_overwritten:
                self._record(delivery, lambda: self._queue.tell_again(delivery, self._clock()))
            return
        except TransportError as error:
            self._fail(delivery, error, generation)
            return
        except Exception as error:
            _log.exception("delivery.adapter_failed", extra=self._about(delivery))
            unexpected = TransportError(f"unexpected {type(error).__name__}", permanent=False)
            self._fail(delivery, unexpected, generation)
            return
        if not sent.unchanged:
            self._note_answer(delivery)
            if self._tally is not None:
                self._tally.succeeded(self._link)
        self._record(delivery, lambda: self._queue.delivered(delivery, sent, self._clock()))

    def _send(self, delivery: Delivery) -> Sent:
        if not self._destination.accepts(delivery.kind):
            return NOTHING_TO_TELL
        matter = self._queue.gather(delivery)
        return NOTHING_TO_TELL if matter is None else self._destination.send(delivery, matter)

    def _fail(self, delivery: Delivery, error: TransportError, generation: int) -> None:
        now = self._clock()
        if self._tally is not None and not isinstance(error, NotYet):
            self._tally.failed(self._link, error.message)
        if self._circuit.is_to_blame(error, delivery.subject):
            decision = self._trip(delivery, error, generation, now)
        else:
            policy = self._destination.retry
            decision = decide_retry(policy, error, delivery.attempts, self._jitter())
            outcome = {"reason": error.message, "state": decision.state.value}
            _log.warning("delivery.failed", extra=self._about(delivery) | outcome)
            if error.permanent or not error.doubtful:
                self._note_answer(delivery)  # a refusal is an answer, too
        self._record(delivery, lambda: self._queue.failed(delivery, error, decision, now))

    def _record(self, delivery: Delivery, write: Callable[[], None]) -> None:
        """Write down what came of it; while it is ours, a database that is away is waited for."""
        while True:
            try:
                write()
                return
            except ResourceBusy:
                if self._stopping or not self._is_held(delivery.pk):
                    raise
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping, self._pace.poll)

    def _is_held(self, pk: int) -> bool:
        """Whether a delivery in hand is still ours: by its lease nobody else may have it."""
        with self._changed:
            return self._clock() < self._held_until.get(pk, 0.0)

    def _trip(
        self, delivery: Delivery, error: TransportError, generation: int, now: float
    ) -> RetryDecision:
        decision, onset = self._circuit.trip(error, generation, now, self._jitter())
        if onset and self._queue.went_down(self._destination.name, error.message, now):
            reason = {"reason": error.message, "seconds": round(decision.delay, 1)}
            _log.warning("delivery.destination_paused", extra=self._about(delivery) | reason)
        return decision

    def _note_answer(self, delivery: Delivery) -> None:
        now = self._clock()
        self._last_answer = now
        is_news = self._circuit.close()
        if is_news or now - self._looked_for_outage > _LOOKS_FOR_OUTAGE:
            self._looked_for_outage = now
            if self._queue.answers(self._destination.name):
                _log.warning("delivery.destination_recovered", extra=self._about(delivery))

    def _about(self, delivery: Delivery | None = None) -> dict[str, object]:
        """Log keys. Nothing that was said, and no patient."""
        about: dict[str, object] = {"destination": self._destination.name}
        if delivery is not None:
            about |= {
                "delivery": delivery.pk,
                "kind": delivery.kind.value,
                "attempts": delivery.attempts,
                "correlation": delivery.correlation,
            }
        return about
