"""Events that wait for their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    bindparam,
    case,
    desc,
    literal,
    select,
    update,
)

from bridge.domain.parked import ParkedEvent, ParkedState, WaitingEvent
from bridge.store import event_documents
from bridge.store.statement import Statement
from bridge.store.tables import parked_event, parked_key

_EVENT = parked_event.c
# Asked with every order: the statement has a fixed number of places, so that it is built only once.
_PLACES = tuple(f"key{place}" for place in range(8))
_WITH_KEYS = Statement(
    select(parked_key.c.parked_pk).where(parked_key.c.key.in_([bindparam(p) for p in _PLACES]))
)
_WAITING = ParkedState.WAITING.value


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedParkedEvent:
    """A parked event in a list: which message brought it and what became of it.

    `parked_at` and `expires_at` are unix time in seconds.
    """

    pk: int
    message_pk: int | None
    kind: str
    keys: tuple[str, ...]
    state: ParkedState
    reason: str
    parked_at: float
    expires_at: float


class Parked:
    """The parked events of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._unattached: list[int] = []

    def add(
        self,
        parked: ParkedEvent,
        keys: Iterable[str],
        reason: str,
        now: float,
        expires_at: float,
    ) -> None:
        """Keep an event until something that one of the keys names is there."""
        document = event_documents.dump(parked)
        row = {
            "event": document.pop("event"),
            "origin": document,
            "occurred_at": parked.occurred_at,
            "state": _WAITING,
            "reason": reason,
            "parked_at": now,
            "expires_at": expires_at,
        }
        query = parked_event.insert().values(row).returning(_EVENT.pk)
        pk = self._connection.execute(query).scalar_one()
        for key in dict.fromkeys(keys):
            self._connection.execute(parked_key.insert().values(key=key, parked_pk=pk))
        self._unattached.append(pk)

    def waiting(self, keys: Iterable[str], now: float) -> tuple[WaitingEvent, ...]:
        """What waits for one of these keys and has not expired, as it occurred, locked."""
        found = self._with_keys(tuple(dict.fromkeys(keys)))
        if not found:
            return ()
        query = (
            select(_EVENT.pk, _EVENT.message_pk, _EVENT.event, _EVENT.origin)
            .where(_EVENT.pk.in_(found), _EVENT.state == _WAITING, _EVENT.expires_at > now)
            .order_by(_EVENT.occurred_at, _EVENT.pk)
            .with_for_update()
        )
        return tuple(_waiting(row) for row in self._connection.execute(query).all())

    def _with_keys(self, keys: Sequence[str]) -> set[int]:
        asked = (_WITH_KEYS.rows(self._connection, places) for places in _portions(keys))
        return {pk for rows in asked for (pk,) in rows}

    def foresee(self, keys: Sequence[str]) -> None:
        """Ask together with other questions what waits for these keys."""
        for places in _portions(tuple(dict.fromkeys(keys))):
            _WITH_KEYS.foresee(self._connection, places)

    def finish(self, pk: int, state: ParkedState, reason: str = "") -> None:
        """Write down what became of a parked event."""
        self._connection.execute(
            update(parked_event).where(_EVENT.pk == pk).values(state=state.value, reason=reason)
        )

    def attach(self, message_pk: int) -> None:
        """Say which message brought what this transaction has parked so far."""
        self._connection.execute(
            update(parked_event)
            .where(_EVENT.pk.in_(self._unattached))
            .values(message_pk=message_pk)
        )
        self._unattached.clear()

    def listed(
        self, *, now: float, every: bool = False, limit: int = 100
    ) -> tuple[ListedParkedEvent, ...]:
        """What waits, has expired or was refused, or with `every` all of it; the newest first."""
        state = _state_at(now)
        query = select(parked_event, state).order_by(desc(_EVENT.pk)).limit(limit)
        if not every:
            settled = (ParkedState.APPLIED, ParkedState.STALE, ParkedState.NOTED)
            query = query.where(_EVENT.state.not_in([each.value for each in settled]))
        return tuple(self._listed(row) for row in self._connection.execute(query).all())

    def _listed(self, row: Row[Any]) -> ListedParkedEvent:
        keys = select(parked_key.c.key).where(parked_key.c.parked_pk == row.pk)
        return ListedParkedEvent(
            pk=row.pk,
            message_pk=row.message_pk,
            kind=row.event["kind"],
            keys=tuple(sorted(self._connection.execute(keys).scalars())),
            state=ParkedState(row.state_now),
            reason=row.reason,
            parked_at=row.parked_at,
            expires_at=row.expires_at,
        )


def _portions(keys: Sequence[str]) -> Iterator[dict[str, str]]:
    for start in range(0, len(keys), len(_PLACES)):
        some = keys[start : start + len(_PLACES)]
        yield dict(zip_longest(_PLACES, some, fillvalue=some[0]))


def _state_at(now: float) -> ColumnElement[str]:
    expired = (_EVENT.state == _WAITING) & (_EVENT.expires_at <= now)
    return case((expired, literal(ParkedState.EXPIRED.value)), else_=_EVENT.state).label(
        "state_now"
    )


def _waiting(row: Any) -> WaitingEvent:
    parked = event_documents.load(ParkedEvent, {**row.origin, "event": row.event})
    return WaitingEvent(pk=row.pk, message_pk=row.message_pk, parked=parked)
