"""Times and counts for charts, for reading only: implements `services.measure_flow.FlowQueries`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    case,
    cast,
    desc,
    exists,
    func,
    literal,
    select,
)

from bridge.domain.delivery import DeliveryState, EventKind
from bridge.domain.journal import Direction
from bridge.domain.matching import Outcome
from bridge.services.measure_flow import Point, Way
from bridge.services.publish_study import subject_of
from bridge.store.tables import (
    delivery,
    imaging_service_request,
    instance,
    match_decision,
    message,
    series,
    study,
)

_ORDER = imaging_service_request.c
_DELIVERED = DeliveryState.DELIVERED.value
_AVAILABLE = (
    EventKind.STUDY_AVAILABLE.value,
    EventKind.STUDY_CHANGED.value,
    EventKind.STUDY_CORRECTED.value,
)
_OF_STUDY = subject_of("")
_UNMATCHED = tuple(outcome.value for outcome in Outcome if outcome.waits)
_WAS_UNMATCHED = exists().where(
    match_decision.c.study_pk == study.c.pk, match_decision.c.outcome.in_(_UNMATCHED)
)
# The modality of the images, not of what is derived from them: the first series that says one.
_MODALITY = func.coalesce(
    select(func.min(series.c.modality))
    .where(series.c.study_pk == study.c.pk, series.c.modality.not_in(("", "SR", "PR", "KO")))
    .scalar_subquery(),
    "",
)


class Flow:
    """The questions of one transaction. Times are unix times in seconds."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def times(self, way: Way, since: float, until: float, limit: int) -> Sequence[Point]:
        """When each thing arrived and how long it took, the newest so many."""
        query = _TIMES[way](since, until).limit(limit)
        return [(at, done - at) for at, done in self._connection.execute(query).all()]

    def queue_now(self) -> dict[str, int]:
        """Destination → how many deliveries are not finished."""
        query = (
            select(delivery.c.destination, func.count())
            .where(delivery.c.finished_at.is_(None))
            .group_by(delivery.c.destination)
        )
        return {name: count for name, count in self._connection.execute(query).all()}

    def queued(self, since: float, step: int) -> dict[tuple[str, int], int]:
        """(destination, bucket) → how many were queued in it."""
        first = self._first(delivery, delivery.c.created_at, since)
        return self._counted(
            delivery.c.destination, delivery.c.created_at, step, delivery.c.pk >= first
        )

    def unqueued(self, since: float, step: int) -> dict[tuple[str, int], int]:
        """(destination, bucket) → how many were delivered or given up in it."""
        finished_at = delivery.c.finished_at
        return self._counted(delivery.c.destination, finished_at, step, finished_at >= since)

    def studies(self, since: float, step: int) -> dict[tuple[str, int], tuple[int, int]]:
        """(modality, bucket) → how many studies came that found no order at first, of how many."""
        bucket, modality = _bucket(study.c.created_at, step), _MODALITY.label("modality")
        came = (
            select(
                modality,
                bucket.label("bucket"),
                case((_WAS_UNMATCHED, 1), else_=0).label("unmatched"),
            )
            .where(study.c.created_at >= since)
            .subquery()
        )
        key = (came.c.modality, came.c.bucket)
        query = select(*key, func.sum(came.c.unmatched), func.count()).group_by(*key)
        rows = self._connection.execute(query).all()
        return {(name, at): (int(unmatched), count) for name, at, unmatched, count in rows}

    def arrived(self, since: float, step: int, *, images: bool) -> dict[tuple[str, int], int]:
        """(what, bucket) → how many messages and studies came, images, and deliveries that went."""
        received = (message.c.received_at >= since, message.c.direction == Direction.IN.value)
        finished_at, came = delivery.c.finished_at, study.c.created_at
        sent = (finished_at >= since, delivery.c.state == _DELIVERED)
        return {
            **self._counted(message.c.protocol, message.c.received_at, step, *received),
            **(self._images(since, step) if images else {}),
            **self._counted(literal("studies"), came, step, came >= since),
            **self._counted(literal("deliveries"), finished_at, step, *sent),
        }

    def _images(self, since: float, step: int) -> dict[tuple[str, int], int]:
        first = self._first(instance, instance.c.received_at, since)
        at = instance.c.received_at
        return self._counted(literal("images"), at, step, instance.c.pk >= first)

    def _counted(
        self, name: ColumnElement[str], at: Column[Any], step: int, *where: ColumnElement[bool]
    ) -> dict[tuple[str, int], int]:
        rows = select(name.label("name"), _bucket(at, step).label("bucket")).where(*where)
        counted = rows.subquery()
        key = (counted.c.name, counted.c.bucket)
        query = select(*key, func.count()).group_by(*key)
        return {(name, at): count for name, at, count in self._connection.execute(query).all()}

    def _first(self, table: Table, at: Column[Any], since: float) -> int:
        """The pk from which on rows came since then: rows are numbered as they come.

        Found by halves, for which no index is needed that every row would pay for.
        """
        pk = table.c.pk
        low, high = 0, (self._connection.execute(select(func.max(pk))).scalar() or 0) + 1
        while low < high:
            middle = (low + high) // 2
            query = select(pk, at).where(pk >= middle).order_by(pk).limit(1)
            row = self._connection.execute(query).first()  # none of an empty table
            is_before = row is not None and row[1] < since
            low, high = (row[0] + 1, high) if row is not None and is_before else (low, middle)
        return low


def _bucket(at: Column[Any], step: int) -> ColumnElement[int]:
    """Whole seconds first: databases round them or cut them, but divide them alike."""
    return cast(at, BigInteger) // step


def _listed(since: float, until: float) -> Select[Any]:
    # What is new has changed since, too: the index on changes serves both.
    return (
        select(_ORDER.created_at, _ORDER.listed_at)
        .where(_ORDER.updated_at >= since, _ORDER.created_at >= since, _ORDER.created_at < until)
        .where(_ORDER.listed_at.is_not(None))
        .order_by(desc(_ORDER.pk))
    )


def _decided(since: float, until: float) -> Select[Any]:
    decided_at = (
        select(func.min(match_decision.c.decided_at))
        .where(match_decision.c.study_pk == study.c.pk)
        .where(match_decision.c.decided_at >= study.c.updated_at)
        .scalar_subquery()
    )
    updated_at = study.c.updated_at
    decided = (
        select(updated_at, decided_at.label("decided_at"))
        .where(updated_at >= since, updated_at < until)
        .subquery()
    )
    columns = (decided.c.updated_at, decided.c.decided_at)
    return select(*columns).where(columns[1].is_not(None)).order_by(desc(decided.c.updated_at))


def _told(since: float, until: float) -> Select[Any]:
    """Until the first destination confirmed, of those that are told of studies."""
    told, updated_at = delivery.c, study.c.updated_at
    return (
        select(updated_at, func.min(told.finished_at))
        .join_from(
            delivery,
            study,
            study.c.study_instance_uid == func.substr(told.subject, len(_OF_STUDY) + 1),
        )
        .where(told.finished_at >= since, told.finished_at >= updated_at)
        .where(told.state == _DELIVERED, told.kind.in_(_AVAILABLE))
        .where(updated_at >= since, updated_at < until)
        .group_by(study.c.pk, updated_at)
        .order_by(desc(updated_at))
    )


_TIMES = {Way.LISTED: _listed, Way.DECIDED: _decided, Way.AVAILABLE: _told}
