"""What persons hold back of deliveries, and which destinations are down: for all nodes to obey."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from bridge.services.steer_deliveries import Hold, Lane
from bridge.store.statement import Statement
from bridge.store.tables import delivery, delivery_hold, destination_outage

_H = delivery_hold.c
_DIALECTS = (sqlite, postgresql)
_BEGIN_OUTAGE = {
    dialect.dialect.name: Statement(
        dialect.insert(destination_outage)
        .on_conflict_do_nothing(index_elements=[destination_outage.c.destination])
        .returning(destination_outage.c.since),
        keys=("destination", "since", "reason"),
    )
    for dialect in _DIALECTS
}


class DeliveryHolds:
    """The holds of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, hold: Hold) -> None:
        """Hold back, whatever was held before."""
        self.remove(hold.lane)
        self._connection.execute(
            delivery_hold.insert().values(
                destination=hold.lane.destination,
                subject=hold.lane.subject,
                upto_pk=hold.upto_pk,
                who=hold.who,
                reason=hold.reason,
                since=hold.since,
            )
        )

    def remove(self, lane: Lane) -> bool:
        """Hold back no more; false when nothing was."""
        gone = self._connection.execute(delete(delivery_hold).where(*_is(lane)))
        return gone.rowcount > 0

    def of(self, lane: Lane) -> Hold | None:
        """The hold on exactly this."""
        row = self._connection.execute(select(delivery_hold).where(*_is(lane))).first()
        return None if row is None else hold_of(*row)

    def newest(self, lane: Lane) -> int:
        """The newest delivery there is; 0 when there is none."""
        found = self._connection.execute(select(func.max(delivery.c.pk))).scalar()
        return int(found or 0)


class Outages:
    """The outages of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, destination: str, reason: str, now: float) -> bool:
        """A destination is down; false when that is known."""
        row = {"destination": destination, "since": now, "reason": reason}
        statement = _BEGIN_OUTAGE[self._connection.dialect.name]
        return statement.scalar(self._connection, row) is not None

    def end(self, destination: str) -> bool:
        """A destination answers; false when it was not down."""
        gone = self._connection.execute(
            delete(destination_outage).where(destination_outage.c.destination == destination)
        )
        return gone.rowcount > 0

    def is_down(self, destination: str) -> bool:
        """Whether an outage is known of."""
        query = select(destination_outage.c.since).where(
            destination_outage.c.destination == destination
        )
        return self._connection.execute(query).first() is not None


def hold_of(
    destination: str, subject: str, upto_pk: int, who: str, reason: str, since: float
) -> Hold:
    """A hold, of the columns of its row."""
    lane = Lane(destination=destination, subject=subject)
    return Hold(lane=lane, upto_pk=upto_pk, who=who, reason=reason, since=since)


def _is(lane: Lane) -> tuple[ColumnElement[bool], ...]:
    return (_H.destination == lane.destination, _H.subject == lane.subject)
