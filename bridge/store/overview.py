"""Counts and lists for the console, for reading only; and whether the database can be used."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, desc, exists, func, select

from bridge.domain.delivery import DeliveryState
from bridge.domain.errors import BridgeError
from bridge.domain.matching import Outcome
from bridge.domain.step_status import StepStatus
from bridge.services.overview import (
    Funnel,
    HeldOrders,
    ListedMessage,
    WaitingStudy,
    WholeMessage,
)
from bridge.store import documents, schema
from bridge.store.database import Database
from bridge.store.listings import LATEST_REASON, WAITING
from bridge.store.surrogates import meant_by
from bridge.store.tables import (
    delivery,
    imaging_service_request,
    mention,
    message,
    requested_procedure,
    scheduled_step,
    study,
    worklist_item,
)

_ORDER = imaging_service_request.c
_BEGUN = (
    StepStatus.STARTED.value,
    StepStatus.DEPARTED.value,
    StepStatus.COMPLETED.value,
    StepStatus.DISCONTINUED.value,
)
_UNSENT = (DeliveryState.PENDING.value, DeliveryState.SENDING.value, DeliveryState.PARKED.value)
BEGUN_STEP = (
    exists()
    .where(requested_procedure.c.order_pk == _ORDER.pk)
    .where(scheduled_step.c.procedure_pk == requested_procedure.c.pk)
    .where(scheduled_step.c.status.in_(_BEGUN))
)
_LISTED = tuple(message.c[name] for name in ListedMessage.__dataclass_fields__)


def uncounted(column: ColumnElement[str]) -> ColumnElement[str]:
    """A column of which most rows say the same: no index on it leads, that on the time does."""
    return column.concat("")


class Overviews:
    """The questions of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def funnel(self, since: float) -> Funnel:
        """How far the orders and the studies got that arrived since then (unix time)."""
        # What is new has changed since, too: one index serves both.
        new = and_(_ORDER.updated_at >= since, _ORDER.created_at >= since)
        orders = select(func.count()).where(new)
        studies = select(func.count()).where(study.c.created_at >= since)
        # What was queued and delivered since is finished since, too: that is indexed.
        told = select(func.count(delivery.c.subject.distinct())).where(
            delivery.c.finished_at >= since,
            delivery.c.created_at >= since,
            uncounted(delivery.c.state) == DeliveryState.DELIVERED.value,
        )
        return Funnel(
            orders=self._count(orders),
            scheduled=self._count(orders.where(_ORDER.held_reason == "")),
            started=self._count(orders.where(BEGUN_STEP)),
            studies=self._count(studies),
            matched=self._count(studies.where(uncounted(study.c.outcome) == Outcome.MATCHED.value)),
            delivered=self._count(told.where(delivery.c.subject.startswith("study:"))),
        )

    def held_orders(self, limit: int) -> tuple[HeldOrders, ...]:
        """The reasons for which most orders are held."""
        count = func.count()
        grouped = (
            select(_ORDER.held_reason, count, func.max(_ORDER.pk))
            .where(_ORDER.held_reason != "")
            .group_by(_ORDER.held_reason)
            .order_by(desc(count), _ORDER.held_reason)
            .limit(limit)
        )
        rows = self._connection.execute(grouped).all()
        return tuple(
            HeldOrders(reason=reason, count=held, newest=self._number_of(newest))
            for reason, held, newest in rows
        )

    def studies_by_outcome(self) -> dict[str, int]:
        """Outcome of the decision (empty before the first) → number of studies."""
        query = select(study.c.outcome, func.count()).group_by(study.c.outcome)
        return {outcome: count for outcome, count in self._connection.execute(query).all()}

    def waiting_studies(self, limit: int) -> tuple[WaitingStudy, ...]:
        """The newest studies that belong to no order, with the reason of the last decision."""
        columns = ("study_instance_uid", "accession_number", "updated_at", "outcome")
        query = (
            select(*(study.c[name] for name in columns), LATEST_REASON)
            .where(study.c.outcome.in_(WAITING))
            .order_by(desc(study.c.updated_at), desc(study.c.pk))
            .limit(limit)
        )
        return tuple(WaitingStudy(**row._mapping) for row in self._connection.execute(query).all())

    def waiting_before(self, at: float) -> int:
        """How many studies belong to no order and did not change since then (unix time)."""
        old = study.c.updated_at < at
        waiting = study.c.outcome.in_(WAITING)
        return self._count(select(func.count()).select_from(study).where(waiting, old))

    def deliveries_by_state(self) -> dict[tuple[str, str], int]:
        """(destination, state) → number of deliveries."""
        key = (delivery.c.destination, delivery.c.state)
        query = select(*key, func.count()).group_by(*key).order_by(*key)
        rows = self._connection.execute(query).all()
        return {(destination, state): count for destination, state, count in rows}

    def oldest_unsent(self) -> dict[str, float]:
        """Destination → the time since which something waits for it or is parked (unix time)."""
        query = (
            select(delivery.c.destination, func.min(delivery.c.created_at))
            .where(delivery.c.state.in_(_UNSENT))
            .group_by(delivery.c.destination)
        )
        return {name: since for name, since in self._connection.execute(query).all()}

    def worklist_size(self) -> int:
        """How many steps modalities can see."""
        return self._count(select(func.count()).select_from(worklist_item))

    def messages_since(self, since: float) -> dict[tuple[str, str, str], int]:
        """(direction, protocol, disposition) → number of messages since then (unix time)."""
        key = (message.c.direction, message.c.protocol, message.c.disposition)
        query = select(*key, func.count()).where(message.c.received_at >= since).group_by(*key)
        return {tuple(row[:3]): row[3] for row in self._connection.execute(query.order_by(*key))}

    def newest_messages(self, limit: int) -> tuple[ListedMessage, ...]:
        """The end of the journal, newest first."""
        query = select(*_LISTED).order_by(desc(message.c.pk)).limit(limit)
        return tuple(map(_listed, self._connection.execute(query).all()))

    def mentioning(self, value: str, limit: int) -> tuple[ListedMessage, ...]:
        """The newest messages that mention an identifier, whatever its kind."""
        value = meant_by(self._connection, value)
        concerned = select(mention.c.message_pk).where(mention.c.value == value)
        query = select(*_LISTED).where(message.c.pk.in_(concerned))
        rows = self._connection.execute(query.order_by(desc(message.c.pk)).limit(limit)).all()
        return tuple(map(_listed, rows))

    def message(self, pk: int) -> WholeMessage | None:
        """One message with its bytes."""
        row = self._connection.execute(select(message).where(message.c.pk == pk)).first()
        if row is None:
            return None
        return WholeMessage(
            listed=_listed(row),
            control_id=row.control_id,
            warnings=tuple(row.warnings),
            raw=row.raw,
            reply=row.reply,
        )

    def _count(self, query: Any) -> int:
        return int(self._connection.execute(query).scalar_one())

    def _number_of(self, order_pk: int) -> str:
        numbers = documents.load_numbers(
            self._connection.execute(select(_ORDER.numbers).where(_ORDER.pk == order_pk)).scalar()
        )
        known = (numbers.accession, numbers.placer, numbers.filler)
        return next((each.value for each in known if each is not None), "")


def schema_problem(database: Database) -> str:
    """Why the database cannot be used, in words; empty when it answers and its schema will do.

    A newer one does: migrations only add what older versions can leave alone, so that nodes are
    upgraded one after the other.
    """
    try:
        revision = _revision(database)
    except BridgeError as error:
        return error.message
    if revision < _head():
        return f"the schema is at {revision or 'nothing'}, this version needs {_head()}"
    return ""


def schema_warning(database: Database) -> str:
    """That this node is older than the database; empty when it is not."""
    try:
        revision = _revision(database)
    except BridgeError:
        return ""  # `schema_problem` says so
    if revision > _head():
        return f"a newer version brought the database to {revision}; this node knows {_head()}"
    return ""


def _revision(database: Database) -> str:
    with database.read() as connection:
        return schema.revision(connection) or ""


@cache
def _head() -> str:
    return schema.head()


def _listed(row: Row[Any]) -> ListedMessage:
    return ListedMessage(**{column.name: getattr(row, column.name) for column in _LISTED})
