"""The delivery queue, over the store: claims, and what became of each attempt with its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from bridge.domain.delivery import (
    LONGEST_OF_SUCCESS,
    ORDER_KINDS,
    Delivery,
    EventKind,
    Exchange,
    RetryDecision,
    Sent,
    TransportError,
    in_short,
)
from bridge.domain.journal import Direction, Disposition, JournalEntry, Mention
from bridge.domain.publication import News
from bridge.domain.subscription import Subscription
from bridge.services.gather_study import gather_study
from bridge.services.tell_of_orders import gather_order, is_of_order
from bridge.services.transaction import Store, Transaction

_STUDY = Mention.STUDY_INSTANCE_UID
_CORRELATED = {
    EventKind.ACKNOWLEDGEMENT: Mention.CONTROL_ID,
    EventKind.PERFORMED_STEP: Mention.CONTROL_ID,
    EventKind.SUBSCRIPTION_HANDSHAKE: Mention.CONTROL_ID,
    EventKind.SUBSCRIPTION_EVENT: Mention.CONTROL_ID,
    EventKind.SUBSCRIPTION_HEARTBEAT: Mention.CONTROL_ID,
    **dict.fromkeys(ORDER_KINDS, Mention.ACCESSION_NUMBER),
}
"""What the correlation of a delivery is, where it is no Study Instance UID."""


class Claims:
    """What is alike for everything that is delivered: implements `DeliveryQueue` but `gather`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def claim(
        self, destination: str, owner: str, now: float, lease: float, limit: int
    ) -> Sequence[Delivery]:
        """Heads of due lanes, held for `lease` seconds."""
        if not self._store.read(lambda tx: tx.deliveries.is_due(destination, now)):
            return ()  # do not take the writer's place to find that out
        return self._store.transact(
            lambda tx: tx.deliveries.claim(destination, owner, now, lease, limit)
        )

    def renew(self, pks: Sequence[int], owner: str, until: float) -> frozenset[int]:
        """Hold claims for longer; gives those that still are the owner's."""
        return self._store.transact(lambda tx: tx.deliveries.renew(pks, owner, until))

    def delivered(self, delivery: Delivery, sent: Sent, now: float) -> None:
        """The destination confirmed."""

        def work(tx: Transaction) -> None:
            message_pk = None
            if sent.request:
                entry = _entry(delivery, sent.request, sent.response, Disposition.SENT, "", now)
                message_pk = tx.journal.add(entry)
            said = Exchange(
                request=in_short(sent.request, LONGEST_OF_SUCCESS),
                answered=sent.answered,
                response=in_short(sent.response, LONGEST_OF_SUCCESS),
            )
            tx.deliveries.finish(delivery, sent.content_hash, message_pk, now, said)

        self._store.transact(work)

    def failed(
        self, delivery: Delivery, error: TransportError, decision: RetryDecision, now: float
    ) -> None:
        """The destination did not confirm."""

        def work(tx: Transaction) -> None:
            message_pk = None
            if error.request and decision.counts:
                text = error.message
                failed = Disposition.FAILED
                entry = _entry(delivery, error.request, error.response, failed, text, now)
                message_pk = tx.journal.add(entry)
            said = Exchange(
                request=in_short(error.request),
                answered=error.answered,
                response=in_short(error.response),
                may_have_arrived=not error.unreachable,
            )
            tx.deliveries.fail(delivery, error.message, decision, message_pk, now, said)

        self._store.transact(work)

    def tell_again(self, delivery: Delivery, now: float) -> None:
        """Tell the newest state again: something older may have been written over it."""
        self._store.transact(lambda tx: tx.deliveries.tell_again(delivery, now))

    def next_due(self, destination: str, now: float) -> float | None:
        """When the next delivery to this destination can be claimed."""
        return self._store.read(lambda tx: tx.deliveries.next_due(destination, now))

    def went_down(self, destination: str, reason: str, now: float) -> bool:
        """A destination is down; false when that was known."""
        return self._store.transact(lambda tx: tx.outages.begin(destination, reason, now))

    def answers(self, destination: str) -> bool:
        """A destination answers; true when it was down."""
        if not self._store.read(lambda tx: tx.outages.is_down(destination)):
            return False
        return self._store.transact(lambda tx: tx.outages.end(destination))


class Outbox(Claims):
    """The queue of what is told of orders and studies."""

    def __init__(self, store: Store, destinations: Mapping[str, Subscription]) -> None:
        super().__init__(store)
        self._destinations = destinations

    def gather(self, delivery: Delivery) -> News | None:
        """The newest state of the delivery's order or study, where the destination wants it.

        That a study is nobody's is told where it was told to be somebody's.
        """
        wanted = self._destinations.get(delivery.destination)
        told = (delivery.destination, delivery.subject, delivery.kind)
        return self._store.read(lambda tx: news_of(tx, *told, wanted))


def news_of(
    tx: Transaction,
    destination: str,
    subject: str,
    kind: EventKind,
    wanted: Subscription | None,
) -> News | None:
    """What a destination is told upon an event, as it stands in a transaction; None for nothing."""
    confirmed = tx.deliveries.confirmed(destination, subject)
    if is_of_order(subject):
        news: News | None = gather_order(tx, subject, confirmed)
    else:
        news = gather_study(tx, subject, kind, confirmed)
    return news if news is None or wanted is None or wanted.covers(news) else None


def _mentions(delivery: Delivery) -> tuple[tuple[Mention, str], ...]:
    """What the delivery is about; a message that is passed on is in the journal already."""
    if delivery.kind is EventKind.MESSAGE:
        return ()
    return ((_CORRELATED.get(delivery.kind, _STUDY), delivery.correlation),)


def _entry(
    delivery: Delivery,
    request: bytes,
    response: bytes,
    disposition: Disposition,
    error: str,
    now: float,
) -> JournalEntry:
    return JournalEntry(
        direction=Direction.OUT,
        protocol="delivery",
        peer=delivery.destination,
        type=delivery.kind.value,
        control_id=str(delivery.pk),
        content_hash=hashlib.sha256(request).hexdigest(),
        received_at=now,
        disposition=disposition,
        raw=request,
        reply=response,
        error=error,
        mentions=_mentions(delivery),
    )
