"""Timers as claimed rows: what is to happen later happens once, on whichever node is alive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from bridge.services.transaction import FiredTimer
from bridge.store.statement import Statement
from bridge.store.tables import timer

_VALUES: dict[str, ColumnElement[Any]] = {
    "kind": bindparam("kind"),
    "subject": bindparam("subject"),
    "due_at": bindparam("due_at"),
    "lease_owner": literal_column("''"),
    "lease_until": literal_column("0"),
}
_SET = {name: value for name, value in _VALUES.items() if name not in ("kind", "subject")}
_KEY = [timer.c.kind, timer.c.subject]
_UPSERT = {
    name: Statement(
        dialect.insert(timer).values(_VALUES).on_conflict_do_update(index_elements=_KEY, set_=_SET)
    )
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}


_ENSURE = {
    name: Statement(
        dialect.insert(timer).values(_VALUES).on_conflict_do_nothing(index_elements=_KEY)
    )
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
_NEXT_DUE = Statement(
    select(
        func.min(
            case(
                (timer.c.lease_until > bindparam("now"), timer.c.lease_until), else_=timer.c.due_at
            )
        )
    )
)


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer that fired and is held by the node that claimed it."""

    kind: str
    subject: str
    due_at: float


class Timers:
    """The timers of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.earliest: float | None = None

    def set(self, kind: str, subject: str, due_at: float) -> None:
        """Start a timer, or move the one that runs. A claim of the old time ends without effect."""
        self.earliest = due_at if self.earliest is None else min(self.earliest, due_at)
        parameters = {"kind": kind, "subject": subject, "due_at": due_at}
        _UPSERT[self._connection.dialect.name].run(self._connection, parameters)

    def ensure(self, kind: str, subject: str, due_at: float) -> None:
        """Start a timer unless it runs already."""
        self.earliest = due_at if self.earliest is None else min(self.earliest, due_at)
        parameters = {"kind": kind, "subject": subject, "due_at": due_at}
        _ENSURE[self._connection.dialect.name].run(self._connection, parameters)

    def hold(self, fired: FiredTimer, until: float) -> bool:
        """Keep a claimed timer for longer; False when it was set anew meanwhile."""
        held = self._connection.execute(update(timer).where(*_is(fired)).values(lease_until=until))
        return held.rowcount > 0

    def claim(self, owner: str, now: float, lease: float, limit: int) -> tuple[Timer, ...]:
        """Take timers that are due and not held by a living node."""
        query = (
            select(timer.c.kind, timer.c.subject, timer.c.due_at)
            .where(timer.c.due_at <= now, timer.c.lease_until <= now)
            .order_by(timer.c.due_at)
            .limit(limit)
        )
        if self._connection.dialect.name == postgresql.dialect.name:
            query = query.with_for_update(skip_locked=True)
        claimed = tuple(Timer(*row) for row in self._connection.execute(query).all())
        for each in claimed:
            self._connection.execute(
                update(timer)
                .where(timer.c.kind == each.kind, timer.c.subject == each.subject)
                .values(lease_owner=owner, lease_until=now + lease)
            )
        return claimed

    def release(self, owner: str | None) -> None:
        """Give up the claims of an owner that is no more, or everybody's for None."""
        released = update(timer).values(lease_owner="", lease_until=0.0)
        if owner is not None:
            released = released.where(timer.c.lease_owner == owner)
        self._connection.execute(released)

    def finish(self, fired: FiredTimer) -> bool:
        """Remove a timer that did its work; False when it was set anew meanwhile."""
        done = self._connection.execute(delete(timer).where(*_is(fired)))
        return done.rowcount > 0

    def next_due(self, now: float) -> float | None:
        """When the next timer can be claimed (unix time); None when there is none."""
        value = _NEXT_DUE.scalar(self._connection, {"now": now})
        return None if value is None else float(value)


def _is(fired: FiredTimer) -> tuple[ColumnElement[bool], ...]:
    """The row of a timer as it was claimed."""
    return (
        timer.c.kind == fired.kind,
        timer.c.subject == fired.subject,
        timer.c.due_at == fired.due_at,
    )
