"""Tell of orders: one look at what a transaction changed, before it is committed.

So no use case has to remember to tell, and what is told is what is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bridge.domain.delivery import ORDER_KINDS, EventKind
from bridge.domain.order import Order
from bridge.domain.order_news import news, notice
from bridge.domain.publication import OrderNews
from bridge.domain.subscription import Subscription
from bridge.services.expected_studies import expecting, studies_begun, tell
from bridge.services.offer_subscriptions import DESTINATION as SUBSCRIBERS
from bridge.services.offer_subscriptions import Subscribers
from bridge.services.transaction import Clock, Transaction

_SUBJECT = "order:"


def subject_of(order_pk: int) -> str:
    """The subject under which deliveries about an order are ordered."""
    return f"{_SUBJECT}{order_pk}"


def is_of_order(subject: str) -> bool:
    """Whether a delivery is about an order."""
    return subject.startswith(_SUBJECT)


def order_of(subject: str) -> int:
    """The pk of the order that a delivery is about."""
    return int(subject.removeprefix(_SUBJECT))


class TellOfOrders:
    """Compares each changed order with how it stood when it was told of, and queues the news.

    Costs nothing where no destination wants to know of orders, and little where they want to know
    only of studies that begin.
    """

    def __init__(
        self,
        destinations: Mapping[str, Subscription],
        clock: Clock,
        subscribers: Subscribers | None = None,
    ) -> None:
        wanted = {*ORDER_KINDS, EventKind.STUDY_SCHEDULED}
        self._destinations = {
            name: each for name, each in destinations.items() if each.kinds & wanted
        }
        self._expecting = expecting(destinations)
        self._clock = clock
        self._subscribers = subscribers

    def __call__(self, tx: Transaction, order_pks: Iterable[int], cause: str) -> None:
        """Queue the news of these orders, in the transaction that changed them.

        `cause` is the application whose message it was (`KIS|HAUS`), empty when it was none.
        """
        has_begun = bool(self._expecting) and bool(tx.orders.moved_steps)
        subscribed = self._subscribed(tx)
        compares = bool(self._destinations or subscribed)
        if not (compares or has_begun):
            return
        for pk in order_pks:
            order = tx.orders.get(pk)
            if compares:
                self._compare(tx, order, cause, subscribed)
            if has_begun:
                for uid in studies_begun(order, tx.orders.moved_steps):
                    tell(tx, self._expecting, uid, EventKind.STUDY_STARTED, self._clock())

    def _subscribed(self, tx: Transaction) -> frozenset[EventKind]:
        if self._subscribers is None:
            return frozenset()
        return self._subscribers.wanted(tx, self._clock()) & {*ORDER_KINDS}

    def _compare(
        self, tx: Transaction, order: Order, cause: str, subscribed: frozenset[EventKind]
    ) -> None:
        before, now = tx.order_notices.of(order.pk), notice(order)
        if before == now:
            return
        tx.order_notices.keep(order.pk, now)
        kinds, at = news(before, now), self._clock()
        for kind in kinds:
            self._tell(tx, order, kind, cause, at)
            if kind in subscribed:
                tx.deliveries.enqueue(SUBSCRIBERS, subject_of(order.pk), kind, "", at)
        for procedure in order.procedures if kinds else ():
            if uid := procedure.study_instance_uid:
                tell(tx, self._expecting, uid, EventKind.STUDY_SCHEDULED, at)

    def _tell(self, tx: Transaction, order: Order, kind: EventKind, cause: str, at: float) -> None:
        accession = order.numbers.accession
        correlation = accession.value if accession else ""
        for name, subscription in self._destinations.items():
            if subscription.wants(kind, cause):
                tx.deliveries.enqueue(name, subject_of(order.pk), kind, correlation, at)


def gather_order(tx: Transaction, subject: str, last_content_hash: str) -> OrderNews:
    """An order as it stands, with its patient."""
    order = tx.orders.get(order_of(subject))
    patient = tx.patients.get(order.patient_pk)
    return OrderNews(order=order, patient=patient, last_content_hash=last_content_hash)
