"""What a look at the bridge should tell: how far today's work got, what waits, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol, TypeVar

from bridge.services.transaction import Clock

T = TypeVar("T")
LISTED = 20
"""How many rows of a kind are listed at most."""

FOUND = 100
"""How many messages a search gives at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """How far things got since a point in time.

    `scheduled` and `started` count among the `orders` of the period, `matched` and `delivered`
    among the `studies` of it.
    """

    orders: int
    scheduled: int
    started: int
    studies: int
    matched: int
    delivered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOrders:
    """How many orders are held for one reason, and a number of the newest of them."""

    reason: str
    count: int
    newest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingStudy:
    """A study that belongs to no order so far; `outcome` is empty before the first decision."""

    study_instance_uid: str
    accession_number: str
    updated_at: float
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedMessage:
    """A row of the journal without its bytes."""

    pk: int
    received_at: float
    direction: str
    protocol: str
    type: str
    peer: str
    disposition: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeMessage:
    """A row of the journal with the bytes of the wire, both ways."""

    listed: ListedMessage
    control_id: str
    warnings: tuple[str, ...]
    raw: bytes
    reply: bytes


class Overviews(Protocol):
    """Counts and lists over everything that is kept. Times are unix times in seconds."""

    def funnel(self, since: float) -> Funnel: ...
    def held_orders(self, limit: int) -> Sequence[HeldOrders]: ...
    def studies_by_outcome(self) -> Mapping[str, int]: ...
    def waiting_studies(self, limit: int) -> Sequence[WaitingStudy]: ...
    def deliveries_by_state(self) -> Mapping[tuple[str, str], int]: ...
    def oldest_unsent(self) -> Mapping[str, float]: ...
    def worklist_size(self) -> int: ...
    def messages_since(self, since: float) -> Mapping[tuple[str, str, str], int]: ...
    def newest_messages(self, limit: int) -> Sequence[ListedMessage]: ...
    def mentioning(self, value: str, limit: int) -> Sequence[ListedMessage]: ...
    def message(self, pk: int) -> WholeMessage | None: ...


class OverviewTransaction(Protocol):
    """A transaction in which such questions can be asked."""

    @property
    def overview(self) -> Overviews: ...


class OverviewStore(Protocol):
    """Runs work that only reads."""

    def read(self, work: Callable[[OverviewTransaction], T]) -> T: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The state of the bridge at `at`; the funnel and the messages count since `since`.

    `studies` maps outcomes to counts, `deliveries` (destination, state) to counts,
    `oldest_unsent` destinations to the time since which something waits, and `messages`
    (direction, protocol, disposition) to counts.
    """

    at: float
    since: float
    funnel: Funnel
    held: Sequence[HeldOrders]
    studies: Mapping[str, int]
    waiting: Sequence[WaitingStudy]
    deliveries: Mapping[tuple[str, str], int]
    oldest_unsent: Mapping[str, float]
    worklist_size: int
    messages: Mapping[tuple[str, str, str], int]
    newest: Sequence[ListedMessage]


class ReadOverview:
    """Answers the console. Raises ResourceBusy when the database cannot be reached."""

    def __init__(self, *, store: OverviewStore, clock: Clock, zone: tzinfo) -> None:
        self._store = store
        self._clock = clock
        self._zone = zone

    def today(self) -> Overview:
        """The state now, counted since midnight at the site."""
        return self._store.read(self._today)

    def mentioning(self, value: str) -> Sequence[ListedMessage]:
        """The newest messages that mention an accession, order, patient or study identifier."""
        return self._store.read(lambda tx: tx.overview.mentioning(value, FOUND))

    def message(self, pk: int) -> WholeMessage | None:
        """One message with its bytes."""
        return self._store.read(lambda tx: tx.overview.message(pk))

    def midnight(self) -> float:
        """When the day began at the site (unix time)."""
        now = datetime.fromtimestamp(self._clock(), self._zone)
        return now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()

    def _today(self, tx: OverviewTransaction) -> Overview:
        now, since, asked = self._clock(), self.midnight(), tx.overview
        return Overview(
            at=now,
            since=since,
            funnel=asked.funnel(since),
            held=asked.held_orders(LISTED),
            studies=asked.studies_by_outcome(),
            waiting=asked.waiting_studies(LISTED),
            deliveries=asked.deliveries_by_state(),
            oldest_unsent=asked.oldest_unsent(),
            worklist_size=asked.worklist_size(),
            messages=asked.messages_since(since),
            newest=asked.newest_messages(LISTED),
        )
