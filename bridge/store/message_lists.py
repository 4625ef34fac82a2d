"""The journal, listed for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, desc, func, select, text

from bridge.services.overview import ListedMessage, WholeMessage
from bridge.services.read_journal import Mentioned, MessageFilter, MessagePage
from bridge.store.mentioned import mentioned_most_since, newest_mentioning
from bridge.store.surrogates import meant_by
from bridge.store.tables import mention, message

_LISTED = tuple(message.c[name] for name in ListedMessage.__dataclass_fields__)
LOOKED_AT = 20_000
"""Rows that one page looks at for what fits its filter."""

MENTIONING = 5_000
"""Rows that one page looks at of those that mention something, which lie anywhere."""

_OUT_OF_ORDER = 1000
"""So many rows at most stand between two that came the other way round."""

# Written out, since an index of some rows serves only who says by a constant that these are meant.
_TROUBLED = text("message.disposition IN ('refused', 'failed', 'parked')")
_TROUBLES = frozenset({"refused", "failed", "parked"})


class MessageLists:
    """Implements `services.read_journal.MessageLists` for one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(self, chosen: MessageFilter, before: int | None, limit: int) -> MessagePage:
        """Messages before a row, looking at no more than so many."""
        conditions = list(self._conditions(chosen))
        query = select(*_LISTED).where(*conditions)
        if before is not None:
            query = query.where(message.c.pk < before)
        if chosen.mentions:
            meant = meant_by(self._connection, chosen.mentions)
            most = MENTIONING if conditions else limit + 1
            query = query.where(message.c.pk.in_(newest_mentioning(meant, most, before)))
            bound = mentioned_most_since(self._connection, meant, most, before)
        else:
            last = self._last(chosen)
            bound = self._bound(chosen, last if before is None else before - 1)
            if chosen.until is not None:
                query = query.where(message.c.pk <= last)
        if bound:
            query = query.where(message.c.pk >= bound)
        rows = self._connection.execute(query.order_by(desc(message.c.pk)).limit(limit + 1)).all()
        listed = [_row(row) for row in rows[:limit]]
        if len(rows) > limit:
            return MessagePage(rows=listed, before=listed[-1].pk)
        if bound and self._came(bound, chosen):
            return MessagePage(rows=listed, before=bound, looked_back_to=self._time_of(bound))
        return MessagePage(rows=listed)

    def after(self, pk: int, limit: int) -> Sequence[ListedMessage]:
        """The newest messages beyond a row, the newest first."""
        query = select(*_LISTED).where(message.c.pk > pk).order_by(desc(message.c.pk)).limit(limit)
        return [_row(row) for row in self._connection.execute(query).all()]

    def newest_pk(self) -> int:
        """The last row; 0 when there is none."""
        return self._connection.execute(select(func.max(message.c.pk))).scalar() or 0

    def whole(self, pk: int) -> WholeMessage | None:
        """One message with its bytes."""
        row = self._connection.execute(select(message).where(message.c.pk == pk)).first()
        if row is None:
            return None
        return WholeMessage(
            listed=_row(row),
            control_id=row.control_id,
            warnings=tuple(row.warnings),
            raw=row.raw,
            reply=row.reply,
        )

    def mentions(self, pk: int) -> Sequence[Mentioned]:
        """What a message names, by kind."""
        query = (
            select(mention.c.kind, mention.c.value)
            .where(mention.c.message_pk == pk)
            .order_by(mention.c.kind, mention.c.value)
        )
        rows = self._connection.execute(query).all()
        return [Mentioned(kind=kind, value=value) for kind, value in rows]

    def _conditions(self, chosen: MessageFilter) -> Iterator[ColumnElement[bool] | Any]:
        for name in ("direction", "protocol", "disposition"):
            if value := getattr(chosen, name):
                yield message.c[name] == value
        if chosen.disposition in _TROUBLES:
            yield _TROUBLED
        for name in ("type", "peer"):
            if value := getattr(chosen, name):
                yield message.c[name].startswith(value, autoescape=True)
        # Led by the number of the row, never by the time: of half of all rows none is soon found.
        received_at = message.c.received_at + 0.0
        if chosen.since is not None:
            yield received_at >= chosen.since
        if chosen.until is not None:
            yield received_at < chosen.until

    def _bound(self, chosen: MessageFilter, last: int) -> int:
        """The first row to look at; 0 where an index leads to what is sought."""
        return 0 if chosen.disposition in _TROUBLES else max(0, last + 1 - LOOKED_AT)

    def _last(self, chosen: MessageFilter) -> int:
        """The newest row that may be meant: rows come nearly in the order of their times."""
        if chosen.until is None:
            return self.newest_pk()
        latest = (
            select(message.c.pk)
            .where(message.c.received_at < chosen.until)
            .order_by(desc(message.c.received_at))
            .limit(_OUT_OF_ORDER)
            .subquery()
        )
        newest = self._connection.execute(select(func.max(latest.c.pk))).scalar()
        return (newest or 0) + _OUT_OF_ORDER

    def _came(self, pk: int, chosen: MessageFilter) -> bool:
        """Whether there are rows before this one in the time that is asked for."""
        query = select(message.c.pk).where(message.c.pk < pk).limit(1)
        if chosen.since is not None:
            near = message.c.pk >= pk - _OUT_OF_ORDER
            query = query.where(near, message.c.received_at + 0.0 >= chosen.since)
        return self._connection.execute(query).first() is not None

    def _time_of(self, pk: int) -> float | None:
        query = (
            select(message.c.received_at).where(message.c.pk >= pk).order_by(message.c.pk).limit(1)
        )
        return self._connection.execute(query).scalar()


def _row(row: Row[Any]) -> ListedMessage:
    return ListedMessage(**{column.name: getattr(row, column.name) for column in _LISTED})
