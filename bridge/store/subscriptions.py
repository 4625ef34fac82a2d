"""Subscriptions of others, with their events under numbers that are given once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    bindparam,
    delete,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from bridge.domain.delivery import EventKind
from bridge.domain.offered_subscription import (
    LIVE,
    Channel,
    NotificationForm,
    OfferedSubscription,
    PayloadContent,
    SubscriptionEvent,
    SubscriptionState,
)
from bridge.store.statement import Statement
from bridge.store.tables import subscription, subscription_event

_S, _E = subscription.c, subscription_event.c
_LIVE = tuple(sorted(LIVE))
_OFF: ColumnElement[str] = literal_column(f"'{SubscriptionState.OFF}'")
_WANTED = Statement(select(_S.kinds).where(_S.state != _OFF).distinct())
_LAST_SAID = (
    select(_E.said)
    .where(_E.subscription_pk == bindparam("pk"), _E.subject == bindparam("about"))
    .order_by(_E.number.desc())
    .limit(1)
)


class Subscriptions:
    """Implements `services.offer_subscriptions.OfferedSubscriptions` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def wanted(self) -> frozenset[EventKind]:
        """The kinds of event that any of them is told of."""
        rows = _WANTED.rows(self._connection, {})
        return frozenset(EventKind(kind) for (kinds,) in rows for kind in kinds.split())

    def live(self) -> Sequence[OfferedSubscription]:
        """Those whose events are numbered."""
        query = select(subscription).where(_S.state.in_(_LIVE)).order_by(_S.pk)
        return [_held(row) for row in self._connection.execute(query).all()]

    def of_owner(self, owner: str) -> Sequence[OfferedSubscription]:
        """Somebody's, the oldest first."""
        query = select(subscription).where(_S.owner == owner).order_by(_S.pk)
        return [_held(row) for row in self._connection.execute(query).all()]

    def find(self, id_: str) -> OfferedSubscription | None:
        """By logical id."""
        row = self._connection.execute(select(subscription).where(_S.id == id_)).first()
        return None if row is None else _held(row)

    def get(self, pk: int) -> OfferedSubscription | None:
        """By row."""
        row = self._connection.execute(select(subscription).where(_S.pk == pk)).first()
        return None if row is None else _held(row)

    def lock(self, pk: int) -> OfferedSubscription | None:
        """By row, held until the transaction ends: numbers are given one by one."""
        query = select(subscription).where(_S.pk == pk)
        if self._connection.dialect.name == postgresql.dialect.name:
            query = query.with_for_update()
        row = self._connection.execute(query).first()
        return None if row is None else _held(row)

    def add(self, new: OfferedSubscription) -> int:
        """Keep a new one; gives its pk."""
        added = self._connection.execute(insert(subscription).values(_row(new)).returning(_S.pk))
        return int(added.scalar_one())

    def change(self, changed: OfferedSubscription) -> None:
        """Write everything of one."""
        self._connection.execute(
            update(subscription).where(_S.pk == changed.pk).values(_row(changed))
        )

    def remove(self, pk: int) -> None:
        """Forget one and its events."""
        self._connection.execute(delete(subscription_event).where(_E.subscription_pk == pk))
        self._connection.execute(delete(subscription).where(_S.pk == pk))

    def last_said(self, pk: int, subject: str) -> str:
        """What its subscriber was to be told of a subject last; empty for nothing."""
        asked = {"pk": pk, "about": subject}
        return str(self._connection.execute(_LAST_SAID, asked).scalar() or "")

    def was_caused_by(self, pk: int, cause: int) -> bool:
        """Whether a delivery has led to an event already."""
        query = select(_E.number).where(_E.subscription_pk == pk, _E.cause == cause).limit(1)
        return self._connection.execute(query).first() is not None

    def record(self, pk: int, event: SubscriptionEvent, keep: int) -> None:
        """Keep an event under its number, and of those taken before only the newest `keep`."""
        row = {
            "subscription_pk": pk,
            "number": event.number,
            "at": event.at,
            "subject": event.subject,
            "said": event.said,
            "cause": event.cause,
            "focus": event.focus,
            "context": json.dumps(event.context),
        }
        self._connection.execute(insert(subscription_event).values(row))
        taken = select(_S.sent).where(_S.pk == pk).scalar_subquery()
        old = delete(subscription_event).where(
            _E.subscription_pk == pk, _E.number <= event.number - keep, _E.number <= taken
        )
        self._connection.execute(old)

    def recorded(self, pk: int, after: int, until: int, limit: int) -> Sequence[SubscriptionEvent]:
        """The events with numbers above `after` and up to `until`, in order."""
        query = (
            select(subscription_event)
            .where(_E.subscription_pk == pk, _E.number > after, _E.number <= until)
            .order_by(_E.number)
            .limit(limit)
        )
        return [_event(row) for row in self._connection.execute(query).all()]


def _row(each: OfferedSubscription) -> dict[str, Any]:
    channel = each.channel
    details = {
        "filters": each.filters,
        "endpoint": channel.endpoint,
        "form": channel.form,
        "content": channel.content,
        "content_type": channel.content_type,
        "headers": dict(channel.headers),
        "heartbeat": channel.heartbeat,
        "timeout": channel.timeout,
        "most_events": channel.most_events,
    }
    return {
        "id": each.id,
        "owner": each.owner,
        "topic": each.topic,
        "kinds": " ".join(sorted(each.kinds)),
        "state": each.state.value,
        "details": json.dumps(details, ensure_ascii=False),
        "document": each.document,
        "release": each.release,
        "error": each.error,
        "version": each.version,
        "events": each.events,
        "sent": each.sent,
        "started_at": each.started_at,
        "sent_at": each.sent_at,
        "updated_at": each.updated_at,
        "ends_at": each.ends_at,
    }


def _held(row: Row[Any]) -> OfferedSubscription:
    details = json.loads(row.details)
    return OfferedSubscription(
        pk=row.pk,
        id=row.id,
        owner=row.owner,
        topic=row.topic,
        kinds=frozenset(EventKind(each) for each in row.kinds.split()),
        filters=tuple((name, value) for name, value in details["filters"]),
        channel=Channel(
            endpoint=details["endpoint"],
            form=NotificationForm(details["form"]),
            content=PayloadContent(details["content"]),
            content_type=details["content_type"],
            headers=details["headers"],
            heartbeat=details["heartbeat"],
            timeout=details["timeout"],
            most_events=details["most_events"],
        ),
        document=row.document,
        release=row.release,
        state=SubscriptionState(row.state),
        error=row.error,
        version=row.version,
        events=row.events,
        sent=row.sent,
        started_at=row.started_at,
        sent_at=row.sent_at,
        updated_at=row.updated_at,
        ends_at=row.ends_at,
    )


def _event(row: Row[Any]) -> SubscriptionEvent:
    return SubscriptionEvent(
        number=row.number,
        at=row.at,
        subject=row.subject,
        said=row.said,
        cause=row.cause,
        focus=row.focus,
        context=tuple(json.loads(row.context)),
    )
