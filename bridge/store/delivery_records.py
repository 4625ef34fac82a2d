"""The outbox as persons look at it: chosen rows, one with its attempts, and each destination."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, desc, func, select

from bridge.domain.delivery import DeliveryState
from bridge.services.steer_deliveries import (
    WAITING,
    AttemptRow,
    DeliveryDetail,
    DeliveryFilter,
    DeliveryRow,
    DestinationState,
    Hold,
    Lane,
)
from bridge.store.delivery_holds import hold_of
from bridge.store.tables import (
    attempt,
    confirmation,
    delivery,
    delivery_hold,
    destination_outage,
)

_D = delivery.c
_COLUMNS = tuple(_D[name] for name in DeliveryRow.__dataclass_fields__)
_ATTEMPT = tuple(attempt.c[name] for name in AttemptRow.__dataclass_fields__)
_UNFINISHED = _D.finished_at.is_(None)


class DeliveryRecords:
    """The questions of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(
        self, chosen: DeliveryFilter, limit: int, after: int = 0, *, newest: bool = False
    ) -> Sequence[DeliveryRow]:
        """The chosen deliveries beyond row `after`, oldest first or newest first."""
        query = select(*_COLUMNS).where(*_chosen(chosen), _D.pk > after).limit(limit)
        query = query.order_by(desc(_D.pk) if newest else _D.pk)
        return [_row(*values) for values in self._connection.execute(query)]

    def detail(self, pk: int) -> DeliveryDetail | None:
        """One delivery, with what it waits for and its attempts."""
        found = self.find(DeliveryFilter(pks=(pk,)), 1)
        if not found:
            return None
        row = found[0]
        attempts = select(*_ATTEMPT).where(attempt.c.delivery_pk == pk).order_by(attempt.c.pk)
        return DeliveryDetail(
            row=row,
            attempts=[
                AttemptRow(**dict(zip(AttemptRow.__dataclass_fields__, values, strict=True)))
                for values in self._connection.execute(attempts)
            ],
            holds=() if row.finished_at is not None else self._holds(row),
            behind=None if row.finished_at is not None else self._before(row),
        )

    def destinations(self) -> Sequence[DestinationState]:
        """Every destination of which there is something to say."""
        counts: dict[str, dict[str, int]] = defaultdict(dict)
        oldest: dict[str, float] = {}
        for name, state, count, since in self._counted():
            counts[name][state] = count
            if state in WAITING:
                oldest[name] = min(oldest.get(name, since), since)
        holds: dict[str, list[Hold]] = defaultdict(list)
        for values in self._connection.execute(select(delivery_hold)):
            hold = hold_of(*values)
            holds[hold.lane.destination].append(hold)
        down = {
            row.destination: row for row in self._connection.execute(select(destination_outage))
        }
        return [
            DestinationState(
                name=name,
                counts=counts.get(name, {}),
                oldest_waiting_at=oldest.get(name),
                holds=holds.get(name, ()),
                down_since=down[name].since if name in down else None,
                down_reason=down[name].reason if name in down else "",
            )
            for name in sorted({*counts, *holds, *down})
        ]

    def waiting(self, lane: Lane, upto_pk: int) -> int:
        """How much of what came up to a row is still to be sent; what is parked is not."""
        query = select(func.count()).where(
            _D.destination == lane.destination,
            _UNFINISHED,
            _D.state != DeliveryState.PARKED.value,
            _D.pk <= upto_pk,
        )
        if lane.subject:
            query = query.where(_D.subject == lane.subject)
        return int(self._connection.execute(query).scalar_one())

    def overtaken(self, row: DeliveryRow) -> bool:
        """Whether the receiver confirmed something of the subject after this was given up."""
        query = select(confirmation.c.confirmed_at).where(
            confirmation.c.destination == row.destination, confirmation.c.subject == row.subject
        )
        confirmed = self._connection.execute(query).scalar()
        return confirmed is not None and confirmed > (row.finished_at or row.created_at)

    def _counted(self) -> list[tuple[str, str, int, float]]:
        """What is not over, by the index of that; dead letters by the index of states."""
        columns = (_D.destination, _D.state, func.count(), func.min(_D.created_at))
        groups = (_D.destination, _D.state)
        counted = select(*columns).group_by(*groups)
        waiting = self._connection.execute(counted.where(_UNFINISHED))
        dead = self._connection.execute(counted.where(_D.state == DeliveryState.DEAD.value))
        return [(each[0], each[1], each[2], each[3]) for each in (*waiting, *dead)]

    def _holds(self, row: DeliveryRow) -> list[Hold]:
        query = select(delivery_hold).where(
            delivery_hold.c.destination == row.destination,
            delivery_hold.c.subject.in_(("", row.subject)),
            delivery_hold.c.upto_pk < row.pk,
        )
        return [hold_of(*values) for values in self._connection.execute(query)]

    def _before(self, row: DeliveryRow) -> int | None:
        query = select(func.min(_D.pk)).where(
            _D.destination == row.destination,
            _D.subject == row.subject,
            _UNFINISHED,
            _D.pk < row.pk,
        )
        found = self._connection.execute(query).scalar()
        return None if found is None else int(found)


def _chosen(chosen: DeliveryFilter) -> list[ColumnElement[bool]]:
    equal = {
        _D.destination: chosen.destination,
        _D.subject: chosen.subject,
        _D.kind: chosen.kind,
    }
    conditions = [column == value for column, value in equal.items() if value]
    if chosen.pks:
        conditions.append(_D.pk.in_(chosen.pks))
    if chosen.states:
        conditions.append(_D.state.in_(chosen.states))
    if chosen.reason:
        conditions.append(_D.last_error.contains(chosen.reason, autoescape=True))
    if chosen.before is not None:
        conditions.append(_D.created_at < chosen.before)
    return conditions


def _row(*values: object) -> DeliveryRow:
    return DeliveryRow(**dict(zip(DeliveryRow.__dataclass_fields__, values, strict=True)))  # type: ignore[arg-type]
