"""Everything that happened to an order or a study, in the order of time, with how long it took."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol, TypeVar

from bridge.domain.access import SignedIn
from bridge.domain.audit import AuditAction, AuditEventId, AuditObject
from bridge.domain.errors import UnknownKey
from bridge.domain.matching import Outcome
from bridge.services.audit import AuditTransaction, audit_event
from bridge.services.find_anything import FoundOrder, FoundStudy
from bridge.services.transaction import Clock

T = TypeVar("T")
MOST = 300
"""Events of a timeline; further ones are left out, the middle first."""


class LaneKind(StrEnum):
    """Whose doing events are, in the order of their lanes."""

    SENDER = "sender"
    BRIDGE = "bridge"
    DEVICE = "device"
    DESTINATION = "destination"


class Happening(StrEnum):
    """What happened."""

    MESSAGE = "message"
    LISTED = "on the worklist"
    HELD = "held"
    PERFORMED_STEP = "performed step"
    IMAGES = "images"
    DECISION = "decision"
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEvent:
    """One thing that happened, at a unix time; `until` is when it was over, where it took long.

    `message_pk`, `delivery_pk` and `instance_uid` lead to what was said; at most one is set.
    """

    at: float
    kind: LaneKind
    lane: str
    what: Happening
    title: str
    detail: str = ""
    is_bad: bool = False
    until: float | None = None
    message_pk: int | None = None
    delivery_pk: int | None = None
    instance_uid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """How long a stretch of the way took, or takes so far (`is_open`); times in seconds."""

    name: str
    seconds: float
    allowed: float
    is_open: bool = False

    @property
    def is_late(self) -> bool:
        """Whether it took longer than it may."""
        return self.seconds > self.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePolicy:
    """How long stretches may take, in seconds.

    `matched` counts from the end of the examination, or the last image of a modality that reports
    none, and holds the settle time; `delivered` from the moment there was something to tell.
    """

    listed: float = 5.0
    matched: float = 60.0
    delivered: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What happened, with the orders and studies it happened to. `left_out` events are not shown.

    `at` is when it was looked at.
    """

    orders: Sequence[FoundOrder]
    studies: Sequence[FoundStudy]
    events: Sequence[TimelineEvent]
    legs: Sequence[Leg]
    at: float
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """The rows a timeline is about, and every identifier by which messages speak of them."""

    orders: Sequence[FoundOrder]
    studies: Sequence[FoundStudy]
    listed_at: Sequence[float | None]
    accessions: frozenset[str]
    order_numbers: frozenset[str]
    study_instance_uids: frozenset[str]


class Timelines(Protocol):
    """The questions to what is kept."""

    def of_order(self, pk: int) -> Subjects | None:
        """An order with its studies."""

    def of_study(self, uid: str) -> Subjects | None:
        """A study with its orders."""

    def messages(self, about: Subjects, limit: int) -> Sequence[TimelineEvent]:
        """Messages that speak of them, ways out included."""

    def images(self, about: Subjects) -> Sequence[TimelineEvent]:
        """One event for each series received."""

    def decisions(self, about: Subjects) -> Sequence[TimelineEvent]:
        """What was decided of the studies."""

    def deliveries(self, about: Subjects) -> Sequence[TimelineEvent]:
        """What was, or is still, to be told of them."""


class TimelineTransaction(Protocol):
    """A transaction in which timelines can be read."""

    @property
    def timelines(self) -> Timelines:
        """The questions."""


class TimelineStore(Protocol):
    """Reads, and writes down that somebody read."""

    def read(self, work: Callable[[TimelineTransaction], T]) -> T:
        """Run what only reads."""

    def transact(self, work: Callable[[AuditTransaction], T]) -> T:
        """Run and commit."""


class ShowTimeline:
    """Shows timelines; who looks stands in the audit trail first."""

    def __init__(self, store: TimelineStore, clock: Clock, policy: TimelinePolicy) -> None:
        self._store = store
        self._clock = clock
        self._policy = policy

    def of_order(self, pk: int, user: SignedIn) -> Timeline:
        """Of an order. Raises UnknownKey."""
        timeline = self._store.read(
            lambda tx: self._timeline(tx.timelines, tx.timelines.of_order(pk))
        )
        if timeline is None:
            raise UnknownKey("there is no such order")
        self._note(user, AuditEventId.ORDER_RECORD, AuditObject.ORDER, str(pk), timeline)
        return timeline

    def of_study(self, uid: str, user: SignedIn) -> Timeline:
        """Of a study. Raises UnknownKey."""
        timeline = self._store.read(
            lambda tx: self._timeline(tx.timelines, tx.timelines.of_study(uid))
        )
        if timeline is None:
            raise UnknownKey("there is no such study")
        self._note(user, AuditEventId.PROCEDURE_RECORD, AuditObject.STUDY, uid, timeline)
        return timeline

    def _note(
        self,
        user: SignedIn,
        event: AuditEventId,
        kind: AuditObject,
        name: str,
        timeline: Timeline,
    ) -> None:
        patients = [each.patient_id for each in timeline.orders]
        patients += [each.patient_id for each in timeline.studies]
        row = audit_event(
            user,
            event,
            AuditAction.READ,
            self._clock(),
            patient_id=patients[0] if patients else "",
            about=(kind, name),
        )
        self._store.transact(lambda tx: tx.audit.add(row))

    def _timeline(self, asked: Timelines, about: Subjects | None) -> Timeline | None:
        if about is None:
            return None
        now = self._clock()
        found = [
            *asked.messages(about, MOST),
            *asked.images(about),
            *asked.decisions(about),
            *asked.deliveries(about),
            *_listings(about),
        ]
        events = [self._judged(event, now) for event in sorted(found, key=lambda e: e.at)]
        shown = events if len(events) <= MOST else [*events[: MOST // 2], *events[-MOST // 2 :]]
        return Timeline(
            orders=about.orders,
            studies=about.studies,
            events=shown,
            legs=tuple(self._legs(about, events, now)),
            at=now,
            left_out=len(events) - len(shown),
        )

    def _judged(self, event: TimelineEvent, now: float) -> TimelineEvent:
        """The event, bad when what it is to tell comes late."""
        until = now if event.until is None else event.until
        late = event.what is Happening.QUEUED and until - event.at > self._policy.delivered
        return replace(event, is_bad=True) if late else event

    def _legs(self, about: Subjects, events: Sequence[TimelineEvent], now: float) -> Iterator[Leg]:
        yield from self._listing_legs(about, now)
        yield from self._matching_legs(events, now)
        yield from self._delivery_legs(events, now)

    def _listing_legs(self, about: Subjects, now: float) -> Iterator[Leg]:
        """From each order to its place on the worklist."""
        for order, listed_at in zip(about.orders, about.listed_at, strict=True):
            if listed_at is None and not order.held_reason:
                continue
            leg = Leg(
                name="order → worklist",
                seconds=max(0.0, (now if listed_at is None else listed_at) - order.created_at),
                allowed=self._policy.listed,
                is_open=listed_at is None,
            )
            yield leg

    def _matching_legs(self, events: Sequence[TimelineEvent], now: float) -> Iterator[Leg]:
        """From the end of the examination to the decision."""
        ends = [e.at for e in events if e.what is Happening.PERFORMED_STEP and _is_end(e)]
        images = [e.until or e.at for e in events if e.what is Happening.IMAGES]
        if not images:
            return
        began = max(images) if not ends else max(*ends, min(images))
        decided = [e for e in events if e.what is Happening.DECISION]
        matched = next((e for e in decided if e.title == Outcome.MATCHED.value), None)
        leg = Leg(
            name="last image → matched",
            seconds=max(0.0, (now if matched is None else matched.at) - began),
            allowed=self._policy.matched,
            is_open=matched is None,
        )
        yield leg

    def _delivery_legs(self, events: Sequence[TimelineEvent], now: float) -> Iterator[Leg]:
        """From what there is to tell to each destination's word that it has it."""
        for event in events:
            if event.what is Happening.QUEUED:
                until = now if event.until is None else event.until
                yield Leg(
                    name=f"{event.title} → {event.lane}",
                    seconds=max(0.0, until - event.at),
                    allowed=self._policy.delivered,
                    is_open=event.until is None,
                )


def _listings(about: Subjects) -> Iterator[TimelineEvent]:
    """When orders came on the worklist, or why they did not."""
    for order, listed_at in zip(about.orders, about.listed_at, strict=True):
        event = TimelineEvent(
            at=order.created_at if listed_at is None else listed_at,
            kind=LaneKind.BRIDGE,
            lane="bridge",
            what=Happening.LISTED,
            title=Happening.LISTED.value,
        )
        if listed_at is not None:
            yield event
        if order.held_reason:
            yield replace(
                event,
                at=order.created_at,
                what=Happening.HELD,
                title=Happening.HELD.value,
                detail=order.held_reason,
                is_bad=True,
            )


def _is_end(event: TimelineEvent) -> bool:
    return event.title.endswith(("COMPLETED", "DISCONTINUED"))
