"""The transactional outbox: what is still to be told, to whom, in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from bridge.domain.delivery import (
    NOTHING_SAID,
    Delivery,
    DeliveryState,
    EventKind,
    Exchange,
    RetryDecision,
    Waiting,
    carrier_of,
)
from bridge.domain.publication import DOUBTFUL
from bridge.store.statement import Statement, insert
from bridge.store.tables import attempt, confirmation, delivery, delivery_hold

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
_MOST_OF_A_LANE = 50
"""What waits in one lane is looked through for what carries a new event; lanes are short."""
_LANE = Statement(
    select(
        _D.pk,
        _D.kind,
        and_(
            _D.state == literal_column(f"'{_PENDING}'"),
            _D.attempts == literal_column("0"),
            _D.in_doubt == literal_column("0"),
        ),
    )
    .where(
        _D.destination == bindparam("destination"),
        _D.subject == bindparam("subject"),
        _D.finished_at.is_(None),
    )
    .order_by(_D.pk.desc())
    .limit(literal_column(str(_MOST_OF_A_LANE)))
)
# A claim would gather what there is to tell before this transaction adds to it.
_STILL_WAITS = Statement(
    select(_D.pk)
    .where(_D.pk == bindparam("carrier"), _D.state == literal_column(f"'{_PENDING}'"))
    .with_for_update()
)
_LOCK_LANE = Statement(
    select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("lane"), 1)))
)
_LOCK_ROWS_OF_LANE = Statement(
    select(_D.pk)
    .where(
        _D.destination == bindparam("destination"),
        _D.subject == bindparam("subject"),
        _D.finished_at.is_(None),
    )
    .order_by(_D.pk)
    .with_for_update()
)
_EARLIER = delivery.alias("earlier")
# A lane is (destination, subject). Whatever is unfinished or parked before a row holds it back; so
# does a later one that is being sent, when a dead letter before it was put back.
# `finished_at IS NULL` is what the partial indexes of the table are made for.
_HELD_BACK = exists().where(
    _EARLIER.c.destination == _D.destination,
    _EARLIER.c.subject == _D.subject,
    _EARLIER.c.finished_at.is_(None),
    or_(
        _EARLIER.c.pk < _D.pk,
        and_(
            _EARLIER.c.pk > _D.pk,
            _EARLIER.c.state == literal_column(f"'{_SENDING}'"),
            _EARLIER.c.lease_until > bindparam("now"),
        ),
    ),
)
_HELD_BY_HAND = exists().where(
    delivery_hold.c.destination == _D.destination,
    delivery_hold.c.subject.in_((literal_column("''"), _D.subject)),
    delivery_hold.c.upto_pk < _D.pk,
)
_OPEN = and_(
    _D.destination == bindparam("destination"),
    _D.finished_at.is_(None),
    _D.state != literal_column(f"'{_PARKED}'"),
)
_FREE = and_(_OPEN, ~_HELD_BACK, ~_HELD_BY_HAND)
_DUE = and_(_FREE, _D.not_before <= bindparam("now"), _D.lease_until <= bindparam("now"))
_CLAIMABLE = Statement(
    select(
        _D.pk,
        _D.destination,
        _D.subject,
        _D.kind,
        _D.attempts,
        _D.correlation,
        _D.created_at,
        _D.in_doubt,
        _D.state,
    )
    .where(_DUE)
    .order_by(_D.pk)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(skip_locked=True, of=delivery)
)
_ANY_DUE = Statement(select(_D.pk).where(_DUE).limit(1))
_FREE_AT = case((_D.lease_until > _D.not_before, _D.lease_until), else_=_D.not_before)
_NEXT_DUE = Statement(select(func.min(_FREE_AT)).where(_FREE))
_CLAIM = Statement(
    update(delivery)
    .where(_D.pk == bindparam("claimed"))
    .values(
        state=literal_column(f"'{_SENDING}'"),
        lease_owner=bindparam("lease_owner"),
        lease_until=bindparam("lease_until"),
        in_doubt=bindparam("in_doubt", type_=Integer),
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
_DOUBT = Statement(
    update(confirmation)
    .where(
        confirmation.c.destination == bindparam("of_destination"),
        confirmation.c.subject == bindparam("of_subject"),
    )
    .values(content_hash=bindparam("doubtful"))
    .returning(confirmation.c.confirmed_at)
)
_NEVER = 0.0
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
        in_doubt=bindparam("in_doubt", type_=Integer),
        last_error=bindparam("last_error"),
        finished_at=bindparam("finished_at"),
    )
    .returning(_D.pk)
)
_ATTEMPT = insert(
    attempt,
    (
        "delivery_pk",
        "message_pk",
        "at",
        "outcome",
        "error",
        "request",
        "answered",
        "response",
    ),
)
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
        if self._rides_along(key, kind):
            return
        self.queued = True
        state = {"state": _PENDING, "not_before": now, "created_at": now}
        _INSERT.run(self._connection, {**key, **state, "correlation": correlation})

    def _rides_along(self, lane: Mapping[str, str], kind: EventKind) -> bool:
        """Whether what waits in the lane carries the event, and goes on waiting until we commit."""
        rows = _LANE.rows(self._connection, lane)
        if not rows:
            return False
        waiting = [Waiting(pk=pk, kind=EventKind(k), untouched=bool(u)) for pk, k, u in rows]
        carrier = carrier_of(kind, waiting)
        if carrier is None:
            return False
        return _STILL_WAITS.scalar(self._connection, {"carrier": carrier}) is not None

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
            *values, in_doubt, state = row
            delivery_of_lane = _delivery(
                values, owner, in_doubt=bool(in_doubt or state == _SENDING)
            )
            if state == _SENDING:  # whoever held it is gone, and may have sent it: be in doubt
                self._doubt(delivery_of_lane)
            claimed.append(delivery_of_lane)
        held = {"lease_owner": owner, "lease_until": now + lease}
        _CLAIM.run(
            self._connection,
            *({"claimed": each.pk, "in_doubt": int(each.in_doubt), **held} for each in claimed),
        )
        return claimed

    def tell_again(self, told: Delivery, now: float) -> None:
        """Queue what a delivery told once more, and do not rely on what was confirmed."""
        self._doubt(told)
        self.enqueue(told.destination, told.subject, told.kind, told.correlation, now)

    def renew(self, pks: Sequence[int], owner: str, until: float) -> frozenset[int]:
        """Hold claims until then (unix time); gives those that still are the owner's."""
        renewed = self._connection.execute(
            update(delivery)
            .where(_D.pk.in_(pks), _D.state == _SENDING, _D.lease_owner == owner)
            .values(lease_until=until)
            .returning(_D.pk)
        )
        return frozenset(renewed.scalars())

    def release(self, owner: str | None) -> None:
        """Give up the claims of an owner that is no more, or everybody's for None."""
        held = [_D.state == _SENDING]
        if owner is not None:
            held.append(_D.lease_owner == owner)
        self._connection.execute(update(delivery).where(*held).values(lease_until=0.0))

    def next_due(self, destination: str, now: float) -> float | None:
        """When the next row of this destination can be claimed (unix time); None if none waits."""
        value = _NEXT_DUE.scalar(self._connection, {"destination": destination, "now": now})
        return None if value is None else max(float(value), now)

    def confirmed(self, destination: str, subject: str) -> str:
        """The content hash this destination confirmed last; empty when it never heard anything.

        `DOUBTFUL` when it may have heard something else since.
        """
        key = {"destination": destination, "subject": subject}
        return _CONFIRMED.scalar(self._connection, key) or ""

    def finish(
        self,
        done: Delivery,
        content_hash: str,
        message_pk: int | None,
        now: float,
        said: Exchange = NOTHING_SAID,
    ) -> None:
        """The destination has it. Nothing happens when another node took the delivery over."""
        if not self._end(done, DeliveryState.DELIVERED, now, finished_at=now):
            return
        self._attempted(done, "delivered", "", message_pk, now, said)
        if content_hash:
            self._confirm(done, content_hash, now)

    def fail(
        self,
        failed: Delivery,
        error: str,
        decision: RetryDecision,
        message_pk: int | None,
        now: float,
        said: Exchange = NOTHING_SAID,
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
            in_doubt=failed.in_doubt or said.may_have_arrived,
        ):
            return
        if said.may_have_arrived:  # who was not there has what it had
            self._doubt(failed)
        if counted or decision.state is not DeliveryState.PENDING:
            self._attempted(failed, decision.state.value, error, message_pk, now, said)

    def retry(self, pk: int, now: float) -> bool:
        """Send a parked or dead delivery again; False when there is no such delivery.

        It is back in its lane, before what is newer. Of that nothing may begin to be sent while
        it is put back, or two of the lane would be on their way.
        """
        lane = self._connection.execute(select(_D.destination, _D.subject).where(_D.pk == pk))
        for destination, subject in lane.all():
            key = {"destination": destination, "subject": subject}
            _LOCK_ROWS_OF_LANE.rows(self._connection, key)
            self.queued = True
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
        in_doubt: bool = False,
    ) -> bool:
        """Say what became of a claimed delivery; false when the claim is no longer ours."""
        values = {
            "sent": which.pk,
            "owner": which.owner,
            "state": state.value,
            "not_before": not_before,
            "counted": counted,
            "in_doubt": int(in_doubt),
            "last_error": error[:_LONGEST_ERROR],
            "finished_at": finished_at,
        }
        return _END.scalar(self._connection, values) is not None

    def _doubt(self, which: Delivery) -> None:
        """What it confirmed last is not sure to be what it holds; that it may hold it is kept."""
        lane = {"of_destination": which.destination, "of_subject": which.subject}
        if _DOUBT.scalar(self._connection, {**lane, "doubtful": DOUBTFUL}) is None:
            self._confirm(which, DOUBTFUL, _NEVER)

    def _confirm(self, which: Delivery, content_hash: str, now: float) -> None:
        lane = {"destination": which.destination, "subject": which.subject}
        _FORGET.run(self._connection, lane)
        _CONFIRM.run(self._connection, {**lane, "content_hash": content_hash, "confirmed_at": now})

    def _attempted(
        self,
        which: Delivery,
        outcome: str,
        error: str,
        message_pk: int | None,
        now: float,
        said: Exchange,
    ) -> None:
        row = {
            "delivery_pk": which.pk,
            "message_pk": message_pk,
            "at": now,
            "outcome": outcome,
            "error": error[:_LONGEST_ERROR],
            "request": said.request,
            "answered": said.answered,
            "response": said.response,
        }
        _ATTEMPT.run(self._connection, row)


def _delivery(values: Sequence[Any], owner: str, *, in_doubt: bool) -> Delivery:
    """Of the columns of `_CLAIMABLE`, but the last two."""
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
        in_doubt=in_doubt,
    )
