"""The delivery queue, over the store: claims, and what became of each attempt with its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from bridge.domain.delivery import Delivery, EventKind, RetryDecision, Sent, TransportError
from bridge.domain.journal import Direction, Disposition, JournalEntry, Mention
from bridge.domain.publication import WITHDRAWN, StudyNews, WithdrawnStudy
from bridge.services.publish_study import gather, subject_of
from bridge.services.transaction import Store, Transaction

_STUDY = Mention.STUDY_INSTANCE_UID
_CORRELATED = {EventKind.ACKNOWLEDGEMENT: Mention.CONTROL_ID}
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

    def delivered(self, delivery: Delivery, sent: Sent, now: float) -> None:
        """The destination confirmed."""

        def work(tx: Transaction) -> None:
            message_pk = None
            if sent.request:
                entry = _entry(delivery, sent.request, sent.response, Disposition.SENT, "", now)
                message_pk = tx.journal.add(entry)
            tx.deliveries.finish(delivery, sent.content_hash, message_pk, now)

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
            tx.deliveries.fail(delivery, error.message, decision, message_pk, now)

        self._store.transact(work)

    def next_due(self, destination: str, now: float) -> float | None:
        """When the next delivery to this destination can be claimed."""
        return self._store.read(lambda tx: tx.deliveries.next_due(destination, now))


class Outbox(Claims):
    """The queue of what is told of studies."""

    def gather(self, delivery: Delivery) -> StudyNews | None:
        """The newest state of the delivery's study; that it is nobody's, if it was told of."""

        def work(tx: Transaction) -> StudyNews | None:
            confirmed = tx.deliveries.confirmed(delivery.destination, delivery.subject)
            published = gather(tx, delivery.subject, confirmed)
            if published is not None or confirmed in ("", WITHDRAWN):
                return published
            uid = delivery.subject.removeprefix(subject_of(""))
            return WithdrawnStudy(study_instance_uid=uid, last_content_hash=confirmed)

        return self._store.read(work)


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
        mentions=((_CORRELATED.get(delivery.kind, _STUDY), delivery.correlation),),
    )
