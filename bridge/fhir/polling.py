"""Ask FHIR servers for orders: what changed since, page by page, once for all nodes.

A timer row for each source says when to ask; whoever claims it asks and holds it meanwhile. How far
a source was read is kept, so that a restart goes on from there; questions overlap, and a version
that was applied is not applied again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Event, Lock
from typing import Generic, Protocol, TypeVar

from bridge.domain.errors import BridgeError, UnknownKey
from bridge.domain.source_cursor import SourceCursor
from bridge.fhir.identifiers import Json
from bridge.fhir.source_intake import SourceIntake
from bridge.fhir.source_server import SourceServer
from bridge.services.transaction import Clock, FiredTimer, Store, Transaction

POLL = "poll"
"""The kind of timer; its subject is the name of the source."""

HOLD_SECONDS = 120.0
"""How long a claimed timer is held at least: longer than any one request may take."""

LONGEST_WAIT = 300.0
"""Longest wait after failures, in seconds."""

_SECONDS_PER_DAY = 86_400.0
_MOST_DOUBLINGS = 20

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PollingPlan:
    """What a source is asked for and how often; times in seconds."""

    name: str
    kinds: tuple[str, ...] = ("ServiceRequest",)
    parameters: Mapping[str, str]
    interval: float = 15.0
    overlap: float = 60.0
    lookback: float = 7 * _SECONDS_PER_DAY
    page_size: int = 100
    timeout: float = 30.0


class PolledSource:
    """One server: asked by the clock, or because it says that there is something new."""

    def __init__(
        self,
        plan: PollingPlan,
        server: SourceServer,
        intake: SourceIntake,
        *,
        store: Store,
        clock: Clock,
    ) -> None:
        self._plan = plan
        self._server = server
        self._intake = intake
        self._store = store
        self._clock = clock
        self._asking = Lock()
        self._stopping = Event()

    @property
    def name(self) -> str:
        """The name that its messages carry."""
        return self._plan.name

    @property
    def interval(self) -> float:
        """Seconds between two questions."""
        return self._plan.interval

    def poll(self, hold: FiredTimer | None = None) -> None:
        """Read everything that changed; `hold` is the timer to hold meanwhile.

        Raises:
            BridgeError: the server failed, or something could not be applied now.
        """
        with self._asking:
            for kind in self._plan.kinds:
                self._poll(kind, hold)

    def _poll(self, kind: str, hold: FiredTimer | None) -> None:
        cursor = self._store.read(lambda tx: tx.sources.cursor(self.name, kind))
        cursor = replace(cursor, asked_at=self._clock())
        try:
            newest = self._read(kind, cursor, hold)
        except BridgeError as error:
            failed = replace(cursor, failures=cursor.failures + 1, problem=error.message[:500])
            self._store.transact(lambda tx: tx.sources.move(failed))
            raise
        if newest is None:
            return
        done = replace(
            cursor,
            since=max(cursor.since, newest, key=_moment),
            answered_at=self._clock(),
            failures=0,
            problem="",
        )
        self._store.transact(lambda tx: self._finish(tx, done))

    def _finish(self, tx: Transaction, done: SourceCursor) -> None:
        """Keep how far it was read; what is older than any further question is forgotten."""
        tx.sources.move(done)
        if done.since:
            before = _moment(done.since) - timedelta(seconds=self._plan.overlap + _SECONDS_PER_DAY)
            tx.sources.forget(self.name, _instant(before))

    def _read(self, kind: str, cursor: SourceCursor, hold: FiredTimer | None) -> str | None:
        """When the newest of what was read changed; None when there is no time to go on."""
        newest = ""
        plan, resolver = self._plan, self._server.resolver()
        parameters = plan.parameters.get(kind, "")
        for page in self._server.changed(kind, self._since(cursor), plan.page_size, parameters):
            if self._stopping.is_set():
                return None
            if hold is not None:
                self.hold(hold)
            newest = max(newest, self._intake.take(page, resolver), key=_moment)
        return newest

    def hold(self, fired: FiredTimer) -> None:
        """Keep a claimed timer for as long as a page may take to be read and applied."""
        until = self._clock() + max(HOLD_SECONDS, 4 * self._plan.timeout)
        self._store.transact(lambda tx: tx.timers.hold(fired, until))

    def stop(self) -> None:
        """Read no further page."""
        self._stopping.set()

    def _since(self, cursor: SourceCursor) -> str:
        """Where the next question begins: by the server's clock, once it has answered."""
        last = _moment(cursor.since)
        if last is not _NEVER:
            begin = last - timedelta(seconds=self._plan.overlap)
        else:
            now = datetime.fromtimestamp(self._clock(), UTC)
            begin = now - timedelta(seconds=self._plan.lookback)
        return _instant(begin)

    def fetch(self, references: Iterable[str]) -> int:
        """Read the resources of these references, and say how many there were.

        Raises:
            BridgeError: the server failed, or something could not be applied now.
        """
        resolver, count = self._server.resolver(), 0
        for key in dict.fromkeys(filter(None, map(self._server.local, references))):
            resource = self._server.get(*key)
            if resource is not None:
                self._intake.take(_page(resource), resolver)
            else:
                self._intake.withdraw(*key)
            count += 1
        return count

    def check(self) -> str:
        """What the server says it is. Raises TransportError when nobody is there."""
        return self._server.check()

    def close(self) -> None:
        """Close the connections."""
        self._server.close()


class Polled(Protocol):
    """Somebody who is asked by the clock."""

    @property
    def name(self) -> str:
        """The subject of the timer."""

    @property
    def interval(self) -> float:
        """Seconds between two questions."""

    def poll(self, hold: FiredTimer | None = None) -> None:
        """Ask. Raises BridgeError."""

    def hold(self, fired: FiredTimer) -> None:
        """Keep a claimed timer while it is asked."""

    def stop(self) -> None:
        """Ask for nothing further."""

    def close(self) -> None:
        """Close the connections."""


S = TypeVar("S", bound=Polled)


class Poller(Generic[S]):
    """Asks every source when its timer of `kind` fires, each in a thread of its own."""

    def __init__(
        self, sources: Sequence[S], *, store: Store, clock: Clock, kind: str = POLL
    ) -> None:
        self._kind = kind
        self._sources = {each.name: each for each in sources}
        self._store = store
        self._clock = clock
        self._threads = ThreadPoolExecutor(
            max_workers=max(len(self._sources), 1), thread_name_prefix="poll"
        )
        self._asked: Future[None] | None = None

    def start(self) -> None:
        """Let a timer run for each source; one that runs already, here or elsewhere, goes on."""
        if self._sources:
            self._store.transact(self._ensure_timers)

    def _ensure_timers(self, tx: Transaction) -> None:
        for name in self._sources:
            tx.timers.ensure(self._kind, name, self._clock())

    def stop(self) -> None:
        """End after the pages in hand."""
        for each in self._sources.values():
            each.stop()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for each in self._sources.values():
            each.close()

    def source(self, name: str) -> S:
        """A source by its name.

        Raises:
            UnknownKey: there is none.
        """
        if name not in self._sources:
            raise UnknownKey("no source of that name")
        return self._sources[name]

    def fire(self, fired: FiredTimer, _now: float) -> None:
        """A timer fired: ask its source, without keeping other timers from firing."""
        source = self._sources.get(fired.subject)
        if source is None:  # it was taken out of the configuration
            self._store.transact(lambda tx: tx.timers.finish(fired))
            return
        source.hold(fired)
        self._asked = self._threads.submit(self._ask, source, fired)

    def wait(self) -> None:
        """Wait until the question that was asked last is answered."""
        if self._asked is not None:
            self._asked.result()

    def _ask(self, source: S, fired: FiredTimer) -> None:
        try:
            source.poll(fired)
        except BridgeError as error:
            about = {"source": source.name, "reason": error.message}
            log.warning("source.failed", extra=about)
        except Exception:  # what nobody foresaw must not end the questions for good
            log.exception("source.failed_unexpectedly", extra={"source": source.name})
        try:
            self._set_again(source, fired)
        except BridgeError as error:  # its lease runs out, and it fires again
            log.warning("source.timer_not_set", extra={"reason": error.message})

    def _set_again(self, source: S, fired: FiredTimer) -> None:
        def work(tx: Transaction) -> None:
            cursors = [each for each in tx.sources.cursors() if each.source == source.name]
            failures = max((cursor.failures for cursor in cursors), default=0)
            longest = max(LONGEST_WAIT, source.interval)
            wait = min(source.interval * 2 ** min(failures, _MOST_DOUBLINGS), longest)
            if tx.timers.finish(fired):
                tx.timers.set(self._kind, source.name, self._clock() + wait)

        self._store.transact(work)

    def problem(self, name: str) -> str:
        """What is wrong with a source now, empty when nothing is. Raises BridgeError."""
        cursors = self._store.read(lambda tx: tx.sources.cursors())
        failing = (each for each in cursors if each.source == name and each.failures)
        return "; ".join(
            f"{each.kind}: {each.failures} in a row failed: {each.problem}" for each in failing
        )


_NEVER = datetime(1, 1, 2, tzinfo=UTC)


def _moment(instant: str) -> datetime:
    """An instant to compare and count with; servers write zones of their own."""
    try:
        found = datetime.fromisoformat(instant)
    except ValueError:
        return _NEVER
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _page(resource: Json) -> Json:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": resource}]}
