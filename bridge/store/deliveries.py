"""The transactional outbox: what is still to be told, to whom, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    Row,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from bridge.domain.delivery import Delivery, DeliveryState, EventKind, RetryDecision
from bridge.store.statement import Statement, insert
from bridge.store.tables import attempt, confirmation, delivery

_D = delivery.c
_PENDING, _SENDING, _PARKED = (
    DeliveryState.PENDING.value,
    DeliveryState.SENDING.value,
    DeliveryState.PARKED.value,
)
_INSERT = insert(
    delivery,
    ("destination", "subject", "kind", "state", "not_before", "created_at", "correlation"),
)
_WAITING = Statement(
    select(_D.pk)
    .where(
        _D.destination == bindparam("destination"),
        _D.subject == bindparam("subject"),
        _D.finished_at.is_(None),
        _D.kind == bindparam("kind"),
        _D.state == literal_column(f"'{_PENDING}'"),
    )
    .limit(1)
    .with_for_update()
)
_LOCK_LANE = Statement(
    select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("lane"), 1)))
)
_EARLIER = delivery.alias("earlier")
# A lane is (destination, subject). Whatever is unfinished or parked before a row holds it back.
# `finished_at IS NULL` is what the partial indexes of the table are made for.
_HELD_BACK = exists().where(
    _EARLIER.c.destination == _D.destination,
    _EARLIER.c.subject == _D.subject,
    _EARLIER.c.finished_at.is_(None),
    _EARLIER.c.pk < _D.pk,
)
_OPEN = and_(
    _D.destination == bindparam("destination"),
    _D.finished_at.is_(None),
    _D.state != literal_column(f"'{_PARKED}'"),
)
_DUE = and_(
    _OPEN, _D.not_before <= bindparam("now"), _D.lease_until <= bindparam("now"), ~_HELD_BACK
)
_CLAIMABLE = Statement(
    select(
        _D.pk,
        _D.destination,
        _D.subject,
        _D.kind,
        _D.attempts,
        _D.correlation,
        _D.created_at,
        _D.state,
    )
    .where(_DUE)
    .order_by(_D.pk)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(skip_locked=True, of=delivery)
)
_ANY_DUE = Statement(select(_D.pk).where(_DUE).limit(1))
_FREE_AT = case((_D.lease_until > _D.not_before, _D.lease_until), else_=_D.not_before)
_NEXT_DUE = Statement(select(func.min(_FREE_AT)).where(_OPEN, ~_HELD_BACK))
_CLAIM = Statement(
    update(delivery)
    .where(_D.pk == bindparam("claimed"))
    .values(
        state=literal_column(f"'{_SENDING}'"),
        lease_owner=bindparam("lease_owner"),
        lease_until=bindparam("lease_until"),
    )
)
_CONFIRMED = Statement(
    select(confirmation.c.content_hash).where(
        confirmation.c.destination == bindparam("destination"),
        confirmation.c.subject == bindparam("subject"),
    )
)
_FORGET = Statement(
    confirmation.delete().where(
        confirmation.c.destination == bindparam("destination"),
        confirmation.c.subject == bindparam("subject"),
    )
)
_CONFIRM = insert(confirmation, ("destination", "subject", "content_hash", "confirmed_at"))
_MINE = and_(
    _D.pk == bindparam("sent"),
    _D.state == literal_column(f"'{_SENDING}'"),
    _D.lease_owner == bindparam("owner"),
)
_END = Statement(
    update(delivery)
    .where(_MINE)
    .values(
        lease_owner=literal_column("''"),
        lease_until=literal_column("0"),
        state=bindparam("state"),
        not_before=bindparam("not_before"),
        attempts=_D.attempts + bindparam("counted", type_=Integer),
        last_error=bindparam("last_error"),
        finished_at=bindparam("finished_at"),
    )
    .returning(_D.pk)
)
_ATTEMPT = insert(attempt, ("delivery_pk", "message_pk", "at", "outcome", "error"))
_LONGEST_ERROR = 2000


class Deliveries:
    """The deliveries of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.queued = False
        self.news: list[tuple[str, str, EventKind]] = []

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
            _LOCK_LANE.scalar(self._connection, {"lane": f"{destination}|{subject}"})
        self.news.append((destination, subject, kind))
        key = {"destination": destination, "subject": subject, "kind": kind.value}
        if _WAITING.scalar(self._connection, key) is not None:
            return
        self.queued = True
        state = {"state": _PENDING, "not_before": now, "created_at": now}
        _INSERT.run(self._connection, {**key, **state, "correlation": correlation})

    def is_due(self, destination: str, now: float) -> bool:
        """Whether `claim` would find anything."""
        return (
            _ANY_DUE.scalar(self._connection, {"destination": destination, "now": now}) is not None
        )

    def claim(
        self, destination: str, owner: str, now: float, lease: float, limit: int
    ) -> Sequence[Delivery]:
        """Take the due heads of up to `limit` lanes that no living node holds."""
        parameters = {"destination": destination, "now": now, "most": limit}
        claimed = []
        for row in _CLAIMABLE.rows(self._connection, parameters):
            *values, state = row
            delivery_of_lane = _delivery(values, owner)
            if state == _SENDING:  # whoever held it is gone, and may have sent it: be in doubt
                self._forget(delivery_of_lane)
            claimed.append(delivery_of_lane)
        held = {"lease_owner": owner, "lease_until": now + lease}
        _CLAIM.run(self._connection, *({"claimed": each.pk, **held} for each in claimed))
        return claimed

    def release(self, owner: str | None) -> None:
        """Give up the claims of an owner that is no more, or everybody's for None."""
        held = [_D.state == _SENDING]
        if owner is not None:
            held.append(_D.lease_owner == owner)
        self._connection.execute(update(delivery).where(*held).values(lease_until=0.0))

    def next_due(self, destination: str, now: float) -> float | None:
        """When the next row of this destination can be claimed (unix time); None if none waits."""
        value = _NEXT_DUE.scalar(self._connection, {"destination": destination})
        return None if value is None else max(float(value), now)

    def confirmed(self, destination: str, subject: str) -> str:
        """The content hash this destination confirmed last; empty when that is in doubt."""
        key = {"destination": destination, "subject": subject}
        return _CONFIRMED.scalar(self._connection, key) or ""

    def finish(self, done: Delivery, content_hash: str, message_pk: int | None, now: float) -> None:
        """The destination has it. Nothing happens when another node took the delivery over."""
        if not self._end(done, DeliveryState.DELIVERED, now, finished_at=now):
            return
        self._attempted(done, "delivered", "", message_pk, now)
        if content_hash:
            self._forget(done)
            row = {"content_hash": content_hash, "confirmed_at": now}
            lane = {"destination": done.destination, "subject": done.subject}
            _CONFIRM.run(self._connection, {**lane, **row})

    def fail(
        self,
        failed: Delivery,
        error: str,
        decision: RetryDecision,
        message_pk: int | None,
        now: float,
    ) -> None:
        """The destination does not have it; the decision says what becomes of the delivery."""
        finished_at = now if decision.state is DeliveryState.DEAD else None
        counted = int(decision.counts)
        if not self._end(
            failed,
            decision.state,
            now + decision.delay,
            finished_at=finished_at,
            counted=counted,
            error=error,
        ):
            return
        self._forget(failed)
        if counted or decision.state is not DeliveryState.PENDING:
            self._attempted(failed, decision.state.value, error, message_pk, now)

    def retry(self, pk: int, now: float) -> bool:
        """Send a parked or dead delivery again; False when there is no such delivery."""
        return self._move(pk, (DeliveryState.PARKED, DeliveryState.DEAD), _PENDING, now)

    def park(self, pk: int, now: float) -> bool:
        """Hold a pending delivery, and its lane behind it, until a hand releases it."""
        return self._move(pk, (DeliveryState.PENDING,), _PARKED, now)

    def listed(self, states: Sequence[str], limit: int = 100) -> Sequence[Row[Any]]:
        """The newest deliveries in these states, oldest of them first."""
        query = select(delivery).order_by(_D.pk.desc()).limit(limit)
        if states:
            query = query.where(_D.state.in_(tuple(states)))
        return self._connection.execute(query).all()[::-1]

    def _move(self, pk: int, before: Sequence[DeliveryState], after: str, now: float) -> bool:
        moved = self._connection.execute(
            update(delivery)
            .where(_D.pk == pk, _D.state.in_([each.value for each in before]))
            .values(state=after, not_before=now, attempts=0, finished_at=None)
        )
        return moved.rowcount > 0

    def _end(
        self,
        which: Delivery,
        state: DeliveryState,
        not_before: float,
        *,
        finished_at: float | None,
        counted: int = 0,
        error: str = "",
    ) -> bool:
        """Say what became of a claimed delivery; false when the claim is no longer ours."""
        values = {
            "sent": which.pk,
            "owner": which.owner,
            "state": state.value,
            "not_before": not_before,
            "counted": counted,
            "last_error": error[:_LONGEST_ERROR],
            "finished_at": finished_at,
        }
        return _END.scalar(self._connection, values) is not None

    def _forget(self, which: Delivery) -> None:
        lane = {"destination": which.destination, "subject": which.subject}
        _FORGET.run(self._connection, lane)

    def _attempted(
        self, which: Delivery, outcome: str, error: str, message_pk: int | None, now: float
    ) -> None:
        row = {
            "delivery_pk": which.pk,
            "message_pk": message_pk,
            "at": now,
            "outcome": outcome,
            "error": error[:_LONGEST_ERROR],
        }
        _ATTEMPT.run(self._connection, row)


def _delivery(values: Sequence[Any], owner: str) -> Delivery:
    """Of the columns of `_CLAIMABLE`, but the last."""
    pk, destination, subject, kind, attempts, correlation, created_at = values
    return Delivery(
        pk=pk,
        destination=destination,
        subject=subject,
        kind=EventKind(kind),
        attempts=attempts,
        correlation=correlation,
        created_at=created_at,
        owner=owner,
    )
