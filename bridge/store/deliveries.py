"""The transactional outbox: what is still to be told, to whom, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, case, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bridge.domain.delivery import Delivery, DeliveryState, EventKind, RetryDecision
from bridge.store.tables import attempt, confirmation, delivery

_D = delivery.c
_PENDING, _SENDING, _PARKED = (
    DeliveryState.PENDING.value,
    DeliveryState.SENDING.value,
    DeliveryState.PARKED.value,
)
_INSERT = delivery.insert()
_WAITING = (
    select(_D.pk)
    .where(
        _D.destination == bindparam("destination"),
        _D.subject == bindparam("subject"),
        _D.kind == bindparam("kind"),
        _D.state == _PENDING,
    )
    .limit(1)
)
_LOCK_LANE = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("lane"), 1)))
_EARLIER = delivery.alias("earlier")
# A lane is (destination, subject). Whatever is unfinished or parked before a row holds it back.
_HELD_BACK = exists().where(
    _EARLIER.c.destination == _D.destination,
    _EARLIER.c.subject == _D.subject,
    _EARLIER.c.pk < _D.pk,
    _EARLIER.c.state.in_((_PENDING, _SENDING, _PARKED)),
)
_CLAIMABLE = (
    select(_D.pk, _D.destination, _D.subject, _D.kind, _D.attempts, _D.correlation)
    .where(
        _D.destination == bindparam("destination"),
        _D.state.in_((_PENDING, _SENDING)),
        _D.not_before <= bindparam("now"),
        _D.lease_until <= bindparam("now"),
        ~_HELD_BACK,
    )
    .order_by(_D.pk)
)


class Deliveries:
    """The deliveries of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.queued = False

    @property
    def _is_postgresql(self) -> bool:
        return self._connection.dialect.name == postgresql.dialect.name

    def enqueue(
        self, destination: str, subject: str, kind: EventKind, correlation: str, now: float
    ) -> None:
        """Tell `destination` about `subject`, unless the same is already waiting to be told.

        A delivery is built from the newest state when it is sent, so one that nobody has begun
        to send will carry this change too.
        """
        if self._is_postgresql:  # rows of a lane are numbered in the order they are committed in
            lane = {"lane": f"{destination}|{subject}"}
            self._connection.execute(_LOCK_LANE, lane)
        key = {"destination": destination, "subject": subject, "kind": kind.value}
        waiting = _WAITING.with_for_update() if self._is_postgresql else _WAITING
        if self._connection.execute(waiting, key).first() is not None:
            return
        self.queued = True
        state = {"state": _PENDING, "not_before": now, "created_at": now}
        self._connection.execute(_INSERT, {**key, **state, "correlation": correlation})

    def claim(
        self, destination: str, owner: str, now: float, lease: float, limit: int
    ) -> Sequence[Delivery]:
        """Take the due heads of up to `limit` lanes that no living node holds."""
        query = _CLAIMABLE.limit(limit)
        if self._is_postgresql:
            query = query.with_for_update(skip_locked=True, of=delivery)
        rows = self._connection.execute(query, {"destination": destination, "now": now}).all()
        if rows:
            self._connection.execute(
                update(delivery)
                .where(_D.pk.in_([row.pk for row in rows]))
                .values(state=_SENDING, lease_owner=owner, lease_until=now + lease)
            )
        return [_delivery(row, owner) for row in rows]

    def release(self, owner: str | None) -> None:
        """Give up the claims of an owner that is no more, or everybody's for None."""
        held = [_D.state == _SENDING]
        if owner is not None:
            held.append(_D.lease_owner == owner)
        self._connection.execute(update(delivery).where(*held).values(lease_until=0.0))

    def next_due(self, destination: str, now: float) -> float | None:
        """When the next row of this destination can be claimed (unix time); None if none waits."""
        free_at = case((_D.lease_until > _D.not_before, _D.lease_until), else_=_D.not_before)
        query = select(func.min(free_at)).where(
            and_(_D.destination == destination, _D.state.in_((_PENDING, _SENDING)), ~_HELD_BACK)
        )
        value = self._connection.execute(query).scalar()
        return None if value is None else max(float(value), now)

    def confirmed(self, destination: str, subject: str) -> str:
        """The content hash this destination confirmed last; empty when it never did."""
        query = select(confirmation.c.content_hash).where(
            confirmation.c.destination == destination, confirmation.c.subject == subject
        )
        return self._connection.execute(query).scalar() or ""

    def finish(self, done: Delivery, content_hash: str, message_pk: int | None, now: float) -> None:
        """The destination has it."""
        self._set(done, state=DeliveryState.DELIVERED.value, finished_at=now, last_error="")
        self._attempted(done, "delivered", "", message_pk, now)
        if content_hash:
            row = {
                "destination": done.destination,
                "subject": done.subject,
                "content_hash": content_hash,
                "confirmed_at": now,
            }
            dialect = postgresql if self._is_postgresql else sqlite
            insert = dialect.insert(confirmation).values(row)
            changed = {"content_hash": content_hash, "confirmed_at": now}
            key = [confirmation.c.destination, confirmation.c.subject]
            self._connection.execute(insert.on_conflict_do_update(index_elements=key, set_=changed))

    def fail(
        self,
        failed: Delivery,
        error: str,
        decision: RetryDecision,
        message_pk: int | None,
        now: float,
    ) -> None:
        """The destination does not have it; the decision says what becomes of the delivery."""
        ended = decision.state in (DeliveryState.DEAD, DeliveryState.PARKED)
        self._set(
            failed,
            state=decision.state.value,
            not_before=now + decision.delay,
            attempts=_D.attempts + (1 if decision.counts else 0),
            last_error=error[:2000],
            finished_at=now if ended else None,
        )
        if decision.counts or ended:
            self._attempted(failed, decision.state.value, error, message_pk, now)

    def retry(self, pk: int, now: float) -> bool:
        """Send a parked or dead delivery again; False when there is no such delivery."""
        return self._move(pk, (DeliveryState.PARKED, DeliveryState.DEAD), _PENDING, now)

    def park(self, pk: int, now: float) -> bool:
        """Hold a pending delivery, and its lane behind it, until a hand releases it."""
        return self._move(pk, (DeliveryState.PENDING,), _PARKED, now)

    def listed(self, states: Sequence[str], limit: int = 100) -> Sequence[Row[Any]]:
        """Deliveries in these states, oldest first."""
        query = select(delivery).order_by(_D.pk).limit(limit)
        if states:
            query = query.where(_D.state.in_(tuple(states)))
        return self._connection.execute(query).all()

    def count_by_state(self) -> dict[tuple[str, str], int]:
        """(destination, state) → number of deliveries."""
        query = select(_D.destination, _D.state, func.count()).group_by(_D.destination, _D.state)
        return {(row[0], row[1]): row[2] for row in self._connection.execute(query).all()}

    def _move(self, pk: int, before: Sequence[DeliveryState], after: str, now: float) -> bool:
        moved = self._connection.execute(
            update(delivery)
            .where(_D.pk == pk, _D.state.in_([each.value for each in before]))
            .values(state=after, not_before=now, attempts=0, finished_at=None)
        )
        return moved.rowcount > 0

    def _set(self, which: Delivery, **values: Any) -> None:
        self._connection.execute(
            update(delivery)
            .where(_D.pk == which.pk, _D.state == _SENDING, _D.lease_owner == which.owner)
            .values(lease_owner="", lease_until=0.0, **values)
        )

    def _attempted(
        self, which: Delivery, outcome: str, error: str, message_pk: int | None, now: float
    ) -> None:
        row = {
            "delivery_pk": which.pk,
            "message_pk": message_pk,
            "at": now,
            "outcome": outcome,
            "error": error[:2000],
        }
        self._connection.execute(attempt.insert(), row)


def _delivery(row: Any, owner: str) -> Delivery:
    return Delivery(
        pk=row.pk,
        destination=row.destination,
        subject=row.subject,
        kind=EventKind(row.kind),
        attempts=row.attempts,
        correlation=row.correlation,
        owner=owner,
    )
