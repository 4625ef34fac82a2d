"""Subscriptions offered to others: the port to them, and which events any of them is told of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bridge.domain.delivery import EventKind
from bridge.domain.offered_subscription import OfferedSubscription, SubscriptionEvent

DESTINATION = "fhir subscriptions"
"""Under this name stand the deliveries of all subscribers: no destination can be called so."""

HEARTBEAT = "subscription heartbeat"
"""The kind of timer that keeps a silent channel alive."""

LONGEST_AGE = 2.0
"""Seconds for which it is believed that nobody else has subscribed, in another process say."""

_SUBJECT = "subscription:"


def subject_of(pk: int) -> str:
    """The lane of a subscriber."""
    return f"{_SUBJECT}{pk}"


def subscription_of(subject: str) -> int | None:
    """The subscription whose lane it is; None for the lane of an order or a study."""
    return int(subject.removeprefix(_SUBJECT)) if subject.startswith(_SUBJECT) else None


class OfferedSubscriptions(Protocol):
    """Subscriptions of others, and their events."""

    def wanted(self) -> frozenset[EventKind]:
        """The kinds of event that any of them is told of."""

    def live(self) -> Sequence[OfferedSubscription]:
        """Those whose events are numbered."""

    def of_owner(self, owner: str) -> Sequence[OfferedSubscription]:
        """Somebody's, the oldest first."""

    def find(self, id_: str) -> OfferedSubscription | None:
        """By logical id."""

    def get(self, pk: int) -> OfferedSubscription | None:
        """By row."""

    def lock(self, pk: int) -> OfferedSubscription | None:
        """By row, held until the transaction ends."""

    def add(self, new: OfferedSubscription) -> int:
        """Keep a new one; gives its pk."""

    def change(self, changed: OfferedSubscription) -> None:
        """Write everything of one."""

    def remove(self, pk: int) -> None:
        """Forget one and its events."""

    def last_said(self, pk: int, subject: str) -> str:
        """What its subscriber was to be told of a subject last; empty for nothing."""

    def was_caused_by(self, pk: int, cause: int) -> bool:
        """Whether a delivery has led to an event already."""

    def record(self, pk: int, event: SubscriptionEvent, keep: int) -> None:
        """Keep an event under its number, and of those taken before only the newest `keep`."""

    def recorded(self, pk: int, after: int, until: int, limit: int) -> Sequence[SubscriptionEvent]:
        """The events with numbers above `after` and up to `until`, in order."""


class Subscribing(Protocol):
    """What of a transaction is asked."""

    @property
    def subscriptions(self) -> OfferedSubscriptions:
        """Subscriptions of others."""


class Subscribers:
    """Which kinds of event anybody subscribes to, remembered for a moment.

    So that what happens costs nothing where nobody listens.
    """

    def __init__(self) -> None:
        self._kinds: frozenset[EventKind] = frozenset()
        self._read_at = float("-inf")

    def wanted(self, tx: Subscribing, now: float) -> frozenset[EventKind]:
        """The kinds, as they were at most `LONGEST_AGE` ago."""
        if not 0 <= now - self._read_at < LONGEST_AGE:
            self._kinds, self._read_at = tx.subscriptions.wanted(), now
        return self._kinds

    def forget(self) -> None:
        """Somebody subscribed or left: look again."""
        self._read_at = float("-inf")
