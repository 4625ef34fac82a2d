"""Subscriptions that others hold at the bridge: to whom what is told, and how far they were told.

The life of FHIR's Subscription: requested until the receiver answered, active, error while it does
not answer, off for good. Event numbers count from 1 without gaps, each given once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.domain.delivery import EventKind


class SubscriptionState(StrEnum):
    """Subscription.status."""

    REQUESTED = "requested"
    ACTIVE = "active"
    ERROR = "error"
    OFF = "off"


LIVE = frozenset({SubscriptionState.REQUESTED, SubscriptionState.ACTIVE, SubscriptionState.ERROR})
"""Those whose events are numbered: what happens while a receiver is away is told later."""


class PayloadContent(StrEnum):
    """How much a notification says of what it is about."""

    EMPTY = "empty"
    ID_ONLY = "id-only"
    FULL_RESOURCE = "full-resource"


class NotificationForm(StrEnum):
    """R4's own (a ping, or the resource), R4 with the backport guide, or R5."""

    PLAIN = "plain"
    BACKPORT = "backport"
    R5 = "r5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Where notifications go. `headers` are sent with each; `content_type` empty: no body (R4).

    `heartbeat` and `timeout` are in seconds, 0 for none and for the usual; `most_events` is how
    many one notification tells of at most.
    """

    endpoint: str
    form: NotificationForm = NotificationForm.BACKPORT
    content: PayloadContent = PayloadContent.ID_ONLY
    content_type: str = "application/fhir+json"
    headers: Mapping[str, str] = field(default_factory=dict)
    heartbeat: int = 0
    timeout: int = 0
    most_events: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedSubscription:
    """A subscription as held.

    `filters` are search criteria of the topic's type, all of which must hold. `document` is what
    its owner wrote, in `release`. `events` is the number of the newest event, `sent` of the newest
    that the receiver took. Times are unix times; `ends_at` 0 is never.
    """

    pk: int = 0
    id: str
    owner: str = ""
    topic: str
    kinds: frozenset[EventKind]
    filters: tuple[tuple[str, str], ...] = ()
    channel: Channel
    document: str
    release: str
    state: SubscriptionState = SubscriptionState.REQUESTED
    error: str = ""
    version: int = 1
    events: int = 0
    sent: int = 0
    started_at: float = 0.0
    sent_at: float = 0.0
    updated_at: float = 0.0
    ends_at: float = 0.0

    @property
    def is_live(self) -> bool:
        """Whether its events are numbered."""
        return self.state in LIVE

    def has_ended(self, now: float) -> bool:
        """Whether its time is over."""
        return bool(self.ends_at) and now >= self.ends_at


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionEvent:
    """Something that a subscriber is told of, with its number.

    `subject` is the order or study, `said` what was to be told of it: the same again is no event.
    `cause` is the delivery that brought it about, once. `focus` and `context` are references.
    """

    number: int = 0
    at: float
    subject: str
    said: str
    cause: int
    focus: str
    context: tuple[str, ...] = ()
