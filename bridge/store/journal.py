"""The journal: every message, raw, with what became of it and what it mentions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, desc, select, text, update
from sqlalchemy.dialects import postgresql

from bridge.domain.journal import Direction, Disposition, JournalEntry
from bridge.store.statement import Numbered, Numbers, Statement, insert
from bridge.store.surrogates import meant_by
from bridge.store.tables import mention, message

_INSERT = Numbered(message, [column.name for column in message.c if column.name != "pk"])
_NUMBER = Numbers(_INSERT)
_LONGEST = 250
"""No identifier is longer; what claims to be one is found by its beginning: indexes have limits."""
_WRITTEN_TOGETHER = 1000
"""More rows than these do not overtake each other between their coming and their being written."""
_INSERT_MENTIONS = insert(mention, mention.c.keys())
# PostgreSQL: half a dozen rows for the price of one statement.
_INSERT_ALL_MENTIONS = Statement(
    text(
        "INSERT INTO mention (value, kind, message_pk) SELECT value, kind, :message_pk"
        " FROM unnest(CAST(:values AS text[]), CAST(:kinds AS text[])) AS given (value, kind)"
    ),
    keys=(),
)
_REPLY = Statement(select(message.c.reply).where(message.c.dedupe_key == bindparam("dedupe_key")))


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRow:
    """A message as listed: everything but what it mentions."""

    pk: int
    received_at: float
    direction: str
    protocol: str
    peer: str
    type: str
    control_id: str
    disposition: str
    error: str
    warnings: Sequence[str]
    raw: bytes
    reply: bytes


class Journal:
    """The journal of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def reply_to(self, dedupe_key: str) -> bytes | None:
        """What was answered to the message applied under this key; None when none was."""
        _NUMBER.foresee(self._connection)
        reply = _REPLY.scalar(self._connection, {"dedupe_key": dedupe_key})
        return None if reply is None else bytes(reply)

    def applied(self, dedupe_key: str) -> int | None:
        """The pk of the message applied under this key; None when none was."""
        query = select(message.c.pk).where(message.c.dedupe_key == dedupe_key)
        return self._connection.execute(query).scalar()

    def reply(self, pk: int) -> bytes | None:
        """What was answered to a message; None when the journal has let go of it."""
        query = select(message.c.reply).where(message.c.pk == pk)
        reply = self._connection.execute(query).scalar()
        return None if reply is None else bytes(reply)

    def raw(self, pk: int) -> bytes | None:
        """A message as it came; None when the journal has let go of it."""
        query = select(message.c.raw).where(message.c.pk == pk)
        raw = self._connection.execute(query).scalar()
        return None if raw is None else bytes(raw)

    def settle(self, pk: int, disposition: Disposition, error: str) -> None:
        """Say what became of a message that was parked."""
        self._connection.execute(
            update(message)
            .where(message.c.pk == pk, message.c.disposition == Disposition.PARKED.value)
            .values(disposition=disposition.value, error=error)
        )

    def add(self, entry: JournalEntry) -> int:
        """Write a message down. Returns its pk."""
        row = {
            "direction": entry.direction.value,
            "protocol": entry.protocol,
            "peer": entry.peer,
            "type": entry.type,
            "control_id": entry.control_id,
            "content_hash": entry.content_hash,
            "received_at": entry.received_at,
            "disposition": entry.disposition.value,
            "error": entry.error,
            "warnings": list(entry.warnings),
            "dedupe_key": entry.dedupe_key,
            "raw": entry.raw,
            "reply": entry.reply,
        }
        pk = _INSERT.add(self._connection, row)
        self._mention(
            pk, {(kind.value, value[:_LONGEST]) for kind, value in entry.mentions if value}
        )
        return pk

    def _mention(self, pk: int, mentions: Collection[tuple[str, str]]) -> None:
        if mentions and self._connection.dialect.name == postgresql.dialect.name:
            kinds, values = map(list, zip(*mentions, strict=True))
            row = {"message_pk": pk, "values": values, "kinds": kinds}
            _INSERT_ALL_MENTIONS.run(self._connection, row)
            return
        rows = [{"kind": kind, "value": value, "message_pk": pk} for kind, value in mentions]
        _INSERT_MENTIONS.run(self._connection, *rows)

    def get(self, pk: int) -> JournalRow | None:
        """One message."""
        row = self._connection.execute(select(message).where(message.c.pk == pk)).first()
        return None if row is None else _row(row)

    def newest(self, limit: int = 100) -> tuple[JournalRow, ...]:
        """The newest messages."""
        query = select(message).order_by(desc(message.c.pk)).limit(limit)
        return tuple(_row(each) for each in self._connection.execute(query).all())

    def received(
        self, protocols: Sequence[str], since: float, until: float, after: int, limit: int
    ) -> tuple[JournalRow, ...]:
        """The next messages that came in by these protocols, in their order, beyond row `after`."""
        query = (
            select(message)
            .where(
                message.c.pk > after,
                message.c.direction == Direction.IN.value,
                message.c.protocol.in_(protocols),
                message.c.received_at >= since,
                message.c.received_at < until,
            )
            .order_by(message.c.pk)
            .limit(limit)
        )
        return tuple(_row(each) for each in self._connection.execute(query).all())

    def before(self, moment: float) -> int:
        """A row that came before a moment, with none beyond it that came much earlier: 0 for none.

        Rows are numbered as they are written, which is nearly as they came.
        """
        query = (
            select(message.c.pk)
            .where(message.c.received_at >= moment)
            .order_by(message.c.received_at)
            .limit(1)
        )
        first = self._connection.execute(query).scalar()
        return 0 if first is None else max(0, int(first) - _WRITTEN_TOGETHER)

    def mentioning(self, value: str, limit: int = 100) -> tuple[JournalRow, ...]:
        """The newest messages that mention an identifier, whatever its kind."""
        value = meant_by(self._connection, value)
        query = (
            select(message)
            .where(
                message.c.pk.in_(
                    select(mention.c.message_pk).where(mention.c.value == value[:_LONGEST])
                )
            )
            .order_by(desc(message.c.pk))
            .limit(limit)
        )
        return tuple(_row(each) for each in self._connection.execute(query).all())


def _row(row: Row[Any]) -> JournalRow:
    fields = JournalRow.__dataclass_fields__
    return JournalRow(**{name: getattr(row, name) for name in fields})
