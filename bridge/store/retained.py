"""What retention lets go of, found and removed; and who still needs what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy import true as always

from bridge.domain.delivery import DeliveryState
from bridge.domain.journal import Mention
from bridge.domain.matching import Outcome
from bridge.domain.order import Order
from bridge.domain.parked import ParkedState
from bridge.domain.retention import LegalHold, Pass, RetentionKind
from bridge.domain.step_status import FINAL
from bridge.services.deliver_acknowledgement import subject_of as acknowledgement_of
from bridge.store.orders import Orders
from bridge.store.patients import Patients
from bridge.store.tables import (
    attempt,
    audit,
    delivery,
    legal_hold,
    mention,
    message,
    parked_event,
    parked_key,
    retention_pass,
    study,
)

_UNDELIVERED = tuple(state.value for state in DeliveryState if state is not DeliveryState.DELIVERED)


@dataclass(frozen=True, slots=True)
class _Records:
    """Where records of a kind stand: when they came, and which of them are over."""

    table: Table
    came_at: ColumnElement[float]
    is_over: ColumnElement[bool]

    def old(self, before: float) -> ColumnElement[bool]:
        """Over, and over before then."""
        if self.table is delivery:
            return and_(self.is_over, delivery.c.finished_at < before)
        if self.table is parked_event:
            return and_(self.came_at < before, or_(self.is_over, _expired(before)))
        return and_(self.came_at < before, self.is_over)


def _expired(before: float) -> ColumnElement[bool]:
    return parked_event.c.expires_at < before


_DELIVERED = delivery.c.state == DeliveryState.DELIVERED.value
_RECORDS = {
    RetentionKind.PAYLOADS: _Records(
        message, message.c.received_at, or_(message.c.raw != b"", message.c.reply != b"")
    ),
    RetentionKind.MESSAGES: _Records(message, message.c.received_at, always()),
    RetentionKind.ATTEMPTS: _Records(
        attempt,
        attempt.c.at,
        attempt.c.delivery_pk.in_(
            select(delivery.c.pk).where(delivery.c.pk == attempt.c.delivery_pk, _DELIVERED)
        ),
    ),
    RetentionKind.DELIVERIES: _Records(delivery, delivery.c.created_at, _DELIVERED),
    RetentionKind.DEAD_LETTERS: _Records(
        delivery, delivery.c.created_at, delivery.c.state == DeliveryState.DEAD.value
    ),
    RetentionKind.PARKED: _Records(
        parked_event, parked_event.c.parked_at, parked_event.c.state != ""
    ),
    RetentionKind.AUDIT: _Records(audit, audit.c.at, always()),
}
_PARKED_BY = ("number", "study", "patient", "appointment")
"""What the keys of parked events begin with (domain.parked)."""

_OF_MESSAGES = (RetentionKind.PAYLOADS, RetentionKind.MESSAGES)
_OF_DELIVERIES = (RetentionKind.DELIVERIES, RetentionKind.DEAD_LETTERS)


class Retained:
    """The records of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def newest_before(self, kind: RetentionKind, before: float) -> int:
        """The last row that came before a moment (unix time); 0 when none did.

        Rows are numbered nearly as they come: found by halves, no index is needed for it. The
        newest row of all is never one of them, since SQLite would give its number again.
        """
        records = _RECORDS[kind]
        pk = records.table.c.pk
        ends = select(func.min(pk), func.max(pk))
        first, last = self._connection.execute(ends).one()
        if first is None:
            return 0
        low, high = int(first) - 1, int(last) - 1
        while low < high:
            middle = (low + high + 1) // 2
            at_or_after = select(pk, records.came_at).where(pk >= middle).order_by(pk).limit(1)
            found = self._connection.execute(at_or_after).one()
            if found[1] < before:
                low = max(middle, min(int(found[0]), high))
            else:
                high = middle - 1
        return low

    def old(
        self, kind: RetentionKind, after: int, upto: int, before: float, limit: int
    ) -> Sequence[int]:
        """The next rows that are over and old, by their numbers."""
        records = _RECORDS[kind]
        pk = records.table.c.pk
        query = (
            select(pk).where(pk > after, pk <= upto, records.old(before)).order_by(pk).limit(limit)
        )
        return self._connection.execute(query).scalars().all()

    def needed(self, kind: RetentionKind, pks: Sequence[int]) -> frozenset[int]:
        """Which of these rows somebody still needs."""
        if kind in _OF_MESSAGES:
            return self._needed_messages(pks)
        held = self._held()
        if not held:
            return frozenset()
        if kind is RetentionKind.AUDIT:
            named = or_(audit.c.patient_id.in_(held), audit.c.object_id.in_(held))
            query = select(audit.c.pk).where(audit.c.pk.in_(pks), named)
        elif kind is RetentionKind.PARKED:
            keys = [f"{what} {value}" for value in held for what in _PARKED_BY]
            query = select(parked_key.c.parked_pk).where(
                parked_key.c.parked_pk.in_(pks), parked_key.c.key.in_(keys)
            )
        elif kind is RetentionKind.ATTEMPTS:
            query = select(attempt.c.pk).join(delivery).where(attempt.c.pk.in_(pks))
            query = query.where(delivery.c.correlation.in_(held))
        else:
            query = select(delivery.c.pk).where(delivery.c.pk.in_(pks))
            query = query.where(delivery.c.correlation.in_(held))
        return frozenset(self._connection.execute(query).scalars())

    def remove(self, kind: RetentionKind, pks: Sequence[int]) -> int:
        """Remove rows with what hangs on them; of payloads only what was said."""
        if kind is RetentionKind.PAYLOADS:
            # Whoever repeats a message now is not given an answer that is gone.
            emptied = update(message).where(message.c.pk.in_(pks))
            return self._connection.execute(
                emptied.values(raw=b"", reply=b"", dedupe_key=None)
            ).rowcount
        if kind is RetentionKind.MESSAGES:
            self._connection.execute(delete(mention).where(mention.c.message_pk.in_(pks)))
            told = update(attempt).where(attempt.c.message_pk.in_(pks)).values(message_pk=None)
            self._connection.execute(told)
        if kind in _OF_DELIVERIES:
            self._connection.execute(delete(attempt).where(attempt.c.delivery_pk.in_(pks)))
        table = _RECORDS[kind].table
        return self._connection.execute(delete(table).where(table.c.pk.in_(pks))).rowcount

    def last_pass(self, kind: RetentionKind) -> Pass:
        """How far the last pass over a kind got."""
        query = select(retention_pass).where(retention_pass.c.kind == kind.value)
        row = self._connection.execute(query).first()
        if row is None:
            return Pass(kind=kind)
        return Pass(**{**row._mapping, "kind": kind})

    def note(self, done: Pass) -> None:
        """Keep how far a pass got."""
        self._connection.execute(
            delete(retention_pass).where(retention_pass.c.kind == done.kind.value)
        )
        row = asdict(done) | {"kind": done.kind.value}
        self._connection.execute(retention_pass.insert().values(row))

    def holds(self) -> Sequence[LegalHold]:
        """Every hold, the oldest first."""
        rows = self._connection.execute(select(legal_hold).order_by(legal_hold.c.since))
        return [LegalHold(**row._mapping) for row in rows]

    def hold(self, hold: LegalHold) -> None:
        """Hold an identifier, whatever was said of it before."""
        self.release(hold.value)
        self._connection.execute(legal_hold.insert().values(asdict(hold)))

    def release(self, value: str) -> bool:
        """Hold an identifier no more; false when it was not held."""
        gone = self._connection.execute(delete(legal_hold).where(legal_hold.c.value == value))
        return gone.rowcount > 0

    def _needed_messages(self, pks: Sequence[int]) -> frozenset[int]:
        """Those that mention what is held, open, unmatched or undelivered; and those that wait."""
        mentioned = self._connection.execute(
            select(mention.c.message_pk, mention.c.kind, mention.c.value).where(
                mention.c.message_pk.in_(pks)
            )
        ).all()
        values = {kind: {v for _, k, v in mentioned if k == kind.value} for kind in Mention}
        everything = {value for _, _, value in mentioned}
        wanted = (
            (self._held() & everything)
            | self._of_open_orders(values)
            | self._unmatched(values[Mention.STUDY_INSTANCE_UID])
            | self._undelivered(everything)
        )
        by_mention = {pk for pk, _, value in mentioned if value in wanted}
        return frozenset(by_mention | self._waited_for(pks))

    def _held(self) -> set[str]:
        """What is held, with every number and study of the orders and patients it names."""
        values = set(self._connection.execute(select(legal_hold.c.value)).scalars())
        if not values:
            return values
        orders = Orders(self._connection)
        patients = Patients(self._connection)
        owners = {found.pk for value in values for found in patients.called(value)}
        found = [
            *orders.numbered(values),
            *orders.with_study_instance_uids(values),
            *(order for pk in owners for order in orders.of_patient(pk)),
        ]
        of_orders = {name for order in found for name in _names(order)}
        uids = select(study.c.study_instance_uid).where(study.c.patient_id.in_(values))
        return values | of_orders | set(self._connection.execute(uids).scalars())

    def _of_open_orders(self, values: dict[Mention, set[str]]) -> set[str]:
        orders = Orders(self._connection)
        found = (
            *orders.numbered(values[Mention.ACCESSION_NUMBER] | values[Mention.ORDER_NUMBER]),
            *orders.with_study_instance_uids(values[Mention.STUDY_INSTANCE_UID]),
        )
        return {name for order in found if _is_open(order) for name in _names(order)}

    def _unmatched(self, uids: Iterable[str]) -> set[str]:
        query = select(study.c.study_instance_uid).where(
            study.c.study_instance_uid.in_(tuple(uids)),
            study.c.outcome != Outcome.MATCHED.value,
        )
        return set(self._connection.execute(query).scalars())

    def _undelivered(self, values: Collection[str]) -> set[str]:
        query = select(delivery.c.correlation).where(
            delivery.c.state.in_(_UNDELIVERED), delivery.c.correlation.in_(values)
        )
        return set(self._connection.execute(query).scalars())

    def _waited_for(self, pks: Sequence[int]) -> set[int]:
        """Messages that an answer still to be sent stands in, that are passed on, or parked."""
        answers = {acknowledgement_of(pk): pk for pk in pks}
        numbers = {str(pk): pk for pk in pks}
        told = self._connection.execute(
            select(delivery.c.subject, delivery.c.correlation).where(
                delivery.c.state.in_(_UNDELIVERED),
                or_(delivery.c.subject.in_(answers), delivery.c.correlation.in_(numbers)),
            )
        ).all()
        parked = select(parked_event.c.message_pk).where(
            parked_event.c.message_pk.in_(pks),
            parked_event.c.state.in_(("", ParkedState.WAITING.value)),
        )
        found = {answers[subject] for subject, _ in told if subject in answers}
        found |= {numbers[number] for _, number in told if number in numbers}
        return found | set(self._connection.execute(parked).scalars())


def _is_open(order: Order) -> bool:
    """Whether something of it is still to be done; one without steps waits for what it lacks."""
    steps = [step.status for procedure in order.procedures for step in procedure.steps]
    return not steps or any(status not in FINAL for status in steps)


def _names(order: Order) -> Iterable[str]:
    numbers = order.numbers
    yield from (each.value for each in (numbers.accession, numbers.placer, numbers.filler) if each)
    yield from (each.study_instance_uid for each in order.procedures if each.study_instance_uid)
