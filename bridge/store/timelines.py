"""What happened to orders and studies, from all tables that tell of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, desc, func, or_, select

from bridge.domain.delivery import DeliveryState
from bridge.domain.journal import Direction, Disposition, Mention
from bridge.services.find_anything import FoundOrder, FoundStudy
from bridge.services.show_timeline import Happening, LaneKind, Subjects, TimelineEvent
from bridge.store.searches import Searches
from bridge.store.tables import (
    delivery,
    imaging_service_request,
    instance,
    match_decision,
    mention,
    message,
    requested_procedure,
    series,
    study,
    study_procedure,
)

_SHOWN = ("pk", "direction", "protocol", "peer", "type", "received_at", "disposition", "error")
_MESSAGE = tuple(message.c[name] for name in _SHOWN)
_BAD = (Disposition.REFUSED.value, Disposition.FAILED.value)
_PERFORMED = "MPPS"
_FAILED_STATES = (DeliveryState.DEAD.value, DeliveryState.PARKED.value)


class Timelines:
    """Implements `services.show_timeline.Timelines` for one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._searches = Searches(connection)

    def of_order(self, pk: int) -> Subjects | None:
        """An order, with the studies of its procedures and those matched to them."""
        orders = self._searches.orders_numbered([pk])
        if not orders:
            return None
        uids = [uid for each in orders for uid in each.study_instance_uids]
        matched = self._scalars(
            select(study_procedure.c.study_pk)
            .join(requested_procedure, requested_procedure.c.pk == study_procedure.c.procedure_pk)
            .where(requested_procedure.c.order_pk == pk)
        )
        named = self._scalars(select(study.c.pk).where(study.c.study_instance_uid.in_(uids)))
        return self._subjects(orders, self._searches.studies_at([*matched, *named]))

    def of_study(self, uid: str) -> Subjects | None:
        """A study, with the orders it is matched to or whose procedures name it."""
        pks = self._scalars(select(study.c.pk).where(study.c.study_instance_uid == uid))
        procedures = requested_procedure.c
        matched = (
            select(study_procedure.c.procedure_pk)
            .join(study, study.c.pk == study_procedure.c.study_pk)
            .where(study.c.study_instance_uid == uid)
        )
        orders = self._scalars(
            select(procedures.order_pk)
            .where(or_(procedures.study_instance_uid == uid, procedures.pk.in_(matched)))
            .distinct()
        )
        if not pks and not orders:
            return None
        return self._subjects(
            self._searches.orders_numbered(orders), self._searches.studies_at(pks)
        )

    def messages(self, about: Subjects, limit: int) -> Sequence[TimelineEvent]:
        """Messages that speak of them, the newest where there are too many."""
        spoken = or_(
            *_spoken(Mention.ACCESSION_NUMBER, about.accessions),
            *_spoken(Mention.ORDER_NUMBER, about.order_numbers),
            *_spoken(Mention.STUDY_INSTANCE_UID, about.study_instance_uids),
        )
        pks = (
            select(mention.c.message_pk)
            .where(spoken)
            .distinct()
            .order_by(desc(mention.c.message_pk))
            .limit(limit)
        )
        rows = self._connection.execute(select(*_MESSAGE).where(message.c.pk.in_(pks))).all()
        return [_of_message(row) for row in rows]

    def images(self, about: Subjects) -> Sequence[TimelineEvent]:
        """One event for each series and sender, from its first image to its last."""
        uids = [each.study_instance_uid for each in about.studies]
        query = (
            select(
                series.c.modality,
                series.c.number,
                instance.c.peer,
                func.min(instance.c.received_at).label("first"),
                func.max(instance.c.received_at).label("last"),
                func.count().label("count"),
                func.min(instance.c.sop_instance_uid).label("uid"),
            )
            .join(series, series.c.pk == instance.c.series_pk)
            .join(study, study.c.pk == series.c.study_pk)
            .where(study.c.study_instance_uid.in_(uids))
            .group_by(series.c.pk, series.c.modality, series.c.number, instance.c.peer)
        )
        return [_of_images(row) for row in self._connection.execute(query).all()]

    def decisions(self, about: Subjects) -> Sequence[TimelineEvent]:
        """What was decided of the studies."""
        uids = [each.study_instance_uid for each in about.studies]
        query = (
            select(match_decision)
            .join(study, study.c.pk == match_decision.c.study_pk)
            .where(study.c.study_instance_uid.in_(uids))
            .order_by(match_decision.c.pk)
        )
        return [_of_decision(row) for row in self._connection.execute(query).all()]

    def deliveries(self, about: Subjects) -> Sequence[TimelineEvent]:
        """What was, or is still, to be told of them."""
        subjects = [
            *(f"study:{uid}" for uid in about.study_instance_uids),
            *(f"order:{each.pk}" for each in about.orders),
        ]
        query = select(delivery).where(delivery.c.subject.in_(subjects)).order_by(delivery.c.pk)
        return [_of_delivery(row) for row in self._connection.execute(query).all()]

    def _subjects(self, orders: Sequence[FoundOrder], studies: Sequence[FoundStudy]) -> Subjects:
        rows = select(imaging_service_request.c.pk, imaging_service_request.c.listed_at).where(
            imaging_service_request.c.pk.in_([each.pk for each in orders])
        )
        listed = {pk: at for pk, at in self._connection.execute(rows).all()}
        return Subjects(
            orders=orders,
            studies=studies,
            listed_at=[listed.get(each.pk) for each in orders],
            accessions=_said(
                *(each.accession for each in orders), *(each.accession for each in studies)
            ),
            order_numbers=_said(*(n for each in orders for n in (each.placer, each.filler))),
            study_instance_uids=_said(
                *(uid for each in orders for uid in each.study_instance_uids),
                *(each.study_instance_uid for each in studies),
            ),
        )

    def _scalars(self, query: Any) -> list[Any]:
        return list(self._connection.execute(query).scalars())


def _said(*values: str) -> frozenset[str]:
    return frozenset(value for value in values if value)


def _spoken(kind: Mention, values: Iterable[str]) -> Iterable[ColumnElement[bool]]:
    wanted = sorted(values)
    if wanted:
        yield mention.c.value.in_(wanted) & (mention.c.kind == kind.value)


def _of_message(row: Row[Any]) -> TimelineEvent:
    goes_out = row.direction == Direction.OUT.value
    is_step = row.protocol == "dicom" and row.type.startswith(_PERFORMED)
    kind = LaneKind.DEVICE if row.protocol == "dicom" else LaneKind.SENDER
    failed = row.disposition in _BAD
    what = Happening.PERFORMED_STEP if is_step else Happening.MESSAGE
    if goes_out:
        kind, what = LaneKind.DESTINATION, Happening.FAILED if failed else Happening.SENT
    return TimelineEvent(
        at=row.received_at,
        kind=kind,
        lane=_lane(row.peer) or row.protocol,
        what=what,
        title=row.type,
        detail=row.error,
        is_bad=failed,
        message_pk=row.pk,
    )


def _lane(peer: str) -> str:
    """Who it is, without the address of this one connection."""
    return peer.partition(" ")[0].partition("@")[0]


def _of_images(row: Row[Any]) -> TimelineEvent:
    number = "" if row.number is None else f" {row.number}"
    return TimelineEvent(
        at=row.first,
        until=row.last,
        kind=LaneKind.DEVICE,
        lane=_lane(row.peer) or "images",
        what=Happening.IMAGES,
        title=f"{row.modality}{number}: {row.count}",
        instance_uid=row.uid,
    )


def _of_decision(row: Row[Any]) -> TimelineEvent:
    by = "" if row.decided_by in ("", "bridge") else f" ({row.decided_by})"
    return TimelineEvent(
        at=row.decided_at,
        kind=LaneKind.BRIDGE,
        lane="bridge",
        what=Happening.DECISION,
        title=row.outcome,
        detail=f"{row.reason}{by}",
        is_bad=row.outcome == "conflict",
    )


def _of_delivery(row: Row[Any]) -> TimelineEvent:
    return TimelineEvent(
        at=row.created_at,
        until=row.finished_at,
        kind=LaneKind.DESTINATION,
        lane=row.destination,
        what=Happening.QUEUED,
        title=row.kind,
        detail=row.last_error,
        is_bad=row.state in _FAILED_STATES,
        delivery_pk=row.pk,
    )
