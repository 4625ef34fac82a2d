"""The channel to subscribers: what happened becomes their events, and events are sent to them.

One lane for each subscriber: what is told is told in order, and one that does not answer holds up
nobody else. A receiver may be told the same number twice, when its answer was lost, and never
another thing under it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import httpx2

from bridge.domain.delivery import Delivery, EventKind, RetryPolicy, Sent, TransportError
from bridge.domain.offered_subscription import (
    NotificationForm,
    OfferedSubscription,
    SubscriptionEvent,
    SubscriptionState,
)
from bridge.fhir.releases import Release
from bridge.fhir.server.library import House, Library
from bridge.fhir.server.query import read_query
from bridge.fhir.server.resource_types import TYPES
from bridge.fhir.server.searching import Searcher
from bridge.fhir.subscriptions.desk import content_of
from bridge.fhir.subscriptions.notification import NotificationType, notification
from bridge.fhir.subscriptions.topics import Topic, topic_named
from bridge.services.find_records import RecordKind
from bridge.services.offer_subscriptions import (
    DESTINATION,
    HEARTBEAT,
    subject_of,
    subscription_of,
)
from bridge.services.outbox import Claims
from bridge.services.publish_study import subject_of as study_subject
from bridge.services.tell_of_orders import is_of_order, order_of
from bridge.services.transaction import Clock, FiredTimer, Store, Transaction

_log = logging.getLogger(__name__)

KEPT_EVENTS = 1000
"""Events of each subscriber that `$events` gives again."""

_MOST_AT_ONCE = 20
_CONNECT = 5.0
_USUAL_TIMEOUT = 30.0
_LONGEST_ANSWER = 2000
_GONE = 410
_TYPES = {
    EventKind.SUBSCRIPTION_HANDSHAKE: NotificationType.HANDSHAKE,
    EventKind.SUBSCRIPTION_HEARTBEAT: NotificationType.HEARTBEAT,
    EventKind.SUBSCRIPTION_EVENT: NotificationType.EVENT,
}


class SubscriptionOutbox(Claims):
    """The queue of what subscribers are told, and of what is yet to become their events."""

    def gather(self, delivery: Delivery) -> Delivery:
        """What there is to tell is looked up while it is told: it depends on how they stand."""
        return delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """One HTTP request to a subscriber, and the number of the newest event it tells of."""

    method: str
    url: str
    body: bytes
    newest: int
    held: OfferedSubscription


class SubscriptionChannel:
    """Implements `services.deliver.Destination` for everybody who subscribed.

    `attempts` are the failures after which a subscription is turned off.
    """

    name = DESTINATION

    def __init__(
        self, store: Store, house: House, clock: Clock, *, attempts: int, retry: RetryPolicy
    ) -> None:
        self._store = store
        self._house = house
        self._clock = clock
        self._attempts = attempts
        # It is we who give up, and say so in the subscription: the row is never parked.
        self.retry = replace(retry, attempts=10**9)
        self._http = httpx2.Client(follow_redirects=False, trust_env=False)

    def accepts(self, _kind: EventKind) -> bool:
        """Only what concerns subscribers is queued under this name."""
        return True

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, delivery: Delivery, _matter: Delivery, /) -> Sent:
        """Number what happened for whom it concerns, or tell one subscriber.

        Raises:
            TransportError: the subscriber did not confirm.
        """
        pk = subscription_of(delivery.subject)
        if pk is not None:
            return self._tell(delivery, pk)
        self._store.transact(lambda tx: self._number(tx, delivery))
        return Sent(unchanged=True)

    def heartbeat(self, fired: FiredTimer, now: float) -> None:
        """A channel was silent for as long as its owner allows: say that it is alive."""

        def work(tx: Transaction) -> None:
            if not tx.timers.finish(fired):
                return
            held = tx.subscriptions.lock(int(fired.subject))
            if held is None or not held.is_live or not held.channel.heartbeat:
                return
            due = held.sent_at + held.channel.heartbeat
            if now >= due:
                kind = EventKind.SUBSCRIPTION_HEARTBEAT
                tx.deliveries.enqueue(DESTINATION, subject_of(held.pk), kind, held.id, now)
                due = now + held.channel.heartbeat
            tx.timers.set(HEARTBEAT, str(held.pk), due)

        self._store.transact(work)

    # --- what happened becomes events

    def _number(self, tx: Transaction, delivery: Delivery) -> None:
        for each in tx.subscriptions.live():
            topic = topic_named(each.topic, self._house.base)
            if each.has_ended(self._clock()):
                over = replace(each, state=SubscriptionState.OFF, error="its end is over")
                tx.subscriptions.change(over)
            elif topic and delivery.kind in each.kinds:
                self._number_for(tx, each.pk, topic, delivery)

    def _number_for(self, tx: Transaction, pk: int, topic: Topic, delivery: Delivery) -> None:
        held = tx.subscriptions.lock(pk)
        if held is None or not held.is_live or tx.subscriptions.was_caused_by(pk, delivery.pk):
            return
        library = Library(tx, self._house, Release(held.release))
        found = self._found(library, topic, delivery, held)
        before = tx.subscriptions.last_said(pk, delivery.subject)
        if found is None or found.said == before or not (before or topic.begins(found.said)):
            return
        event = replace(found, number=held.events + 1)
        tx.subscriptions.record(pk, event, KEPT_EVENTS)
        tx.subscriptions.change(replace(held, events=event.number))
        kind, now = EventKind.SUBSCRIPTION_EVENT, self._clock()
        tx.deliveries.enqueue(DESTINATION, subject_of(pk), kind, held.id, now)

    def _found(
        self, library: Library, topic: Topic, delivery: Delivery, held: OfferedSubscription
    ) -> SubscriptionEvent | None:
        """What there is to tell, where it is of the topic and passes the filters."""
        pk = _record_of(library.tx, topic, delivery.subject)
        row = library.tx.records.found(topic.kind, pk) if pk is not None else None
        entity = library.of_record(topic.kind, row) if row is not None else None
        if entity is None or entity.gone or entity.content is None or pk is None:
            return None
        if not self._passes(library, topic, held.filters, entity.content["id"]):
            return None
        context = _context(library, topic, pk)
        steps = [each for name in context if (each := content_of(library, name))]
        return SubscriptionEvent(
            at=delivery.created_at,
            subject=delivery.subject,
            said=topic.said(entity.content, steps),
            cause=delivery.pk,
            focus=entity.place.reference,
            context=context,
        )

    def _passes(
        self, library: Library, topic: Topic, filters: Sequence[tuple[str, str]], id_: str
    ) -> bool:
        """Whether a search for it by the filters finds it: one meaning for both."""
        if not filters:
            return True
        query = read_query(TYPES[topic.type], [("_id", id_), *filters], strict=False)
        return bool(Searcher(library).matches(query, 1))

    # --- events are told

    def _tell(self, delivery: Delivery, pk: int) -> Sent:
        request = self._store.read(lambda tx: self._request(tx, pk, delivery.kind))
        if request is None:
            return Sent(unchanged=True)
        try:
            said = self._exchange(request)
        except TransportError as error:
            failure = self._last_word(error, delivery)
            self._store.transact(lambda tx: self._failed(tx, pk, failure))
            raise failure from error
        self._store.transact(lambda tx: self._told(tx, pk, request.newest))
        return Sent(request.body or b"-", said, "told")

    def _last_word(self, error: TransportError, delivery: Delivery) -> TransportError:
        """The error; after the last attempt one that ends the subscription."""
        if error.permanent or delivery.attempts + 1 < self._attempts:
            return error
        return TransportError(
            f"{error.message}; turned off after {self._attempts} attempts",
            permanent=True,
            request=error.request,
            response=error.response or b"-",
            doubtful=False,
        )

    def _request(self, tx: Transaction, pk: int, kind: EventKind) -> _Request | None:
        held = tx.subscriptions.get(pk)
        if held is None or not held.is_live or held.has_ended(self._clock()):
            return None
        told = _TYPES[kind]
        events: Sequence[SubscriptionEvent] = ()
        if told is NotificationType.EVENT:
            most = held.channel.most_events or _MOST_AT_ONCE
            events = tx.subscriptions.recorded(pk, held.sent, held.events, most)
            if not events:
                return None
        library = Library(tx, self._house, Release(held.release))
        if held.channel.form is NotificationForm.PLAIN:
            return self._plain(library, held, told, events)
        base = self._house.base
        as_told = _as_the_receiver_will_see_it(held, told)
        bundle = notification(as_told, told, events, base, lambda name: content_of(library, name))
        newest = events[-1].number if events else held.sent
        body = json.dumps(bundle, ensure_ascii=False).encode()
        return _Request(
            method="POST", url=held.channel.endpoint, body=body, newest=newest, held=held
        )

    def _plain(
        self,
        library: Library,
        held: OfferedSubscription,
        told: NotificationType,
        events: Sequence[SubscriptionEvent],
    ) -> _Request:
        """R4's own form: a ping, or the resource by PUT (R4 Subscription, rest-hook)."""
        newest = events[-1].number if events else held.sent
        url, focus = held.channel.endpoint, events[-1].focus if events else ""
        resource = content_of(library, focus) if focus and held.channel.content_type else None
        if told is not NotificationType.EVENT or resource is None:
            return _Request(method="POST", url=url, body=b"", newest=newest, held=held)
        body = json.dumps(resource, ensure_ascii=False).encode()
        where = f"{url.rstrip('/')}/{focus}"
        return _Request(method="PUT", url=where, body=body, newest=newest, held=held)

    def _exchange(self, request: _Request) -> bytes:
        channel = request.held.channel
        seconds = float(channel.timeout or _USUAL_TIMEOUT)
        media = {"Content-Type": channel.content_type} if channel.content_type else {}
        try:
            answer = self._http.request(
                request.method,
                request.url,
                content=request.body,
                headers={**media, **channel.headers},
                timeout=httpx2.Timeout(seconds, connect=min(seconds, _CONNECT)),
            )
        except (httpx2.HTTPError, OSError, ValueError) as error:
            text = f"the subscriber cannot be reached: {type(error).__name__}"
            raise self._failure(text, request, b"") from error
        said = answer.content[:_LONGEST_ANSWER]
        if not answer.is_success:
            text = f"the subscriber answered {answer.status_code}"
            gone = answer.status_code == _GONE
            raise self._failure(text, request, said or text.encode(), gone=gone)
        return said or str(answer.status_code).encode()

    def _failure(
        self, text: str, request: _Request, said: bytes, *, gone: bool = False
    ) -> TransportError:
        # It says nothing of other subscribers: the destination is never down.
        return TransportError(
            text,
            permanent=gone,
            request=request.body or b"-",
            response=said,
            doubtful=False,
        )

    def _told(self, tx: Transaction, pk: int, newest: int) -> None:
        held = tx.subscriptions.lock(pk)
        if held is None or not held.is_live:
            return
        now = self._clock()
        changed = replace(
            held,
            state=SubscriptionState.ACTIVE,
            error="",
            sent=max(held.sent, newest),
            sent_at=now,
        )
        tx.subscriptions.change(changed)
        if changed.sent < changed.events:
            kind = EventKind.SUBSCRIPTION_EVENT
            tx.deliveries.enqueue(DESTINATION, subject_of(pk), kind, held.id, now)
        if held.channel.heartbeat:
            tx.timers.set(HEARTBEAT, str(pk), now + held.channel.heartbeat)

    def _failed(self, tx: Transaction, pk: int, error: TransportError) -> None:
        held = tx.subscriptions.lock(pk)
        if held is None or not held.is_live:
            return
        off = error.permanent
        state = SubscriptionState.OFF if off else SubscriptionState.ERROR
        tx.subscriptions.change(replace(held, state=state, error=error.message))


def _record_of(tx: Transaction, topic: Topic, subject: str) -> int | None:
    if is_of_order(subject):
        return order_of(subject) if topic.kind is RecordKind.ORDER else None
    if topic.kind is not RecordKind.STUDY:
        return None
    study = tx.studies.find(subject.removeprefix(study_subject("")))
    return study.pk if study else None


def _context(library: Library, topic: Topic, pk: int) -> tuple[str, ...]:
    """What is told of with it: the steps of an order, the orders of a study."""
    if topic.kind is RecordKind.ORDER:
        order = library.tx.orders.get(pk)
        steps = (step.pk for procedure in order.procedures for step in procedure.steps)
        return tuple(library.name_of(RecordKind.STEP, each) for each in steps)
    linked = frozenset(library.tx.studies.procedures_of(pk))
    orders = library.tx.orders.with_procedures(linked)
    return tuple(library.name_of(RecordKind.ORDER, each.pk) for each in orders)


def _as_the_receiver_will_see_it(
    held: OfferedSubscription, told: NotificationType
) -> OfferedSubscription:
    """Who reads an event has answered: the subscription is active for it, whatever it was."""
    if told is NotificationType.HANDSHAKE:
        return held
    return replace(held, state=SubscriptionState.ACTIVE, error="")
