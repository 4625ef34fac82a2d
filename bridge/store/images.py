"""The index of received images, for reading only."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from bridge.domain.matching import Outcome
from bridge.services.read_images import FoundInstance, FoundSeries, FoundStudy, ImageQuery
from bridge.store import documents
from bridge.store.tables import instance, series, study

# Patient ID and accession number are indexed behind the outcome: naming each opens the index.
_ANY_OUTCOME = ("", *(outcome.value for outcome in Outcome))

_Select = Select[*tuple[Any, ...]]


class Images:
    """The images of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def studies(self, query: ImageQuery) -> tuple[FoundStudy, ...]:
        """Studies that match, in order of arrival."""
        statement = select(study)
        if query.series_instance_uids or query.sop_instance_uids:
            inner = select(series.c.study_pk).join(study).outerjoin(instance)
            statement = statement.where(study.c.pk.in_(_matching(inner, query)))
        else:
            statement = _matching(statement, query)
        rows = self._connection.execute(_paged(statement.order_by(study.c.pk), query)).all()
        parts = self._parts([row.pk for row in rows])
        return tuple(_study(row, parts.get(row.pk, [])) for row in rows)

    def series(self, query: ImageQuery) -> tuple[FoundSeries, ...]:
        """Series that match."""
        counted = (
            select(func.count())
            .select_from(instance)
            .where(instance.c.series_pk == series.c.pk)
            .scalar_subquery()
        )
        statement = select(
            study.c.study_instance_uid,
            series.c.series_instance_uid,
            series.c.modality,
            series.c.number,
            series.c.attributes,
            counted.label("instance_count"),
        ).select_from(study.join(series))
        if query.sop_instance_uids:
            wanted = instance.c.sop_instance_uid.in_(query.sop_instance_uids)
            statement = statement.where(series.c.pk.in_(select(instance.c.series_pk).where(wanted)))
        statement = _matching(statement, query, instances=False).order_by(series.c.pk)
        rows = self._connection.execute(_paged(statement, query)).all()
        return tuple(FoundSeries(**row._mapping) for row in rows)

    def instances(self, query: ImageQuery) -> tuple[FoundInstance, ...]:
        """Instances that match, series by series."""
        statement = select(
            study.c.study_instance_uid,
            series.c.series_instance_uid,
            series.c.modality,
            instance.c.sop_instance_uid,
            instance.c.sop_class_uid,
            instance.c.transfer_syntax_uid,
            instance.c.number,
            instance.c.attributes,
            instance.c.path,
        ).select_from(study.join(series).join(instance))
        statement = _matching(statement, query).order_by(series.c.pk, instance.c.pk)
        rows = self._connection.execute(_paged(statement, query)).all()
        return tuple(FoundInstance(**row._mapping) for row in rows)

    def _parts(self, study_pks: list[int]) -> dict[int, list[tuple[str, int]]]:
        """For each study, the modality and the number of instances of each series."""
        statement = (
            select(series.c.study_pk, series.c.modality, func.count(instance.c.pk))
            .select_from(series.outerjoin(instance))
            .where(series.c.study_pk.in_(study_pks))
            .group_by(series.c.pk, series.c.study_pk, series.c.modality)
            .order_by(series.c.pk)
        )
        parts: dict[int, list[tuple[str, int]]] = {}
        for study_pk, modality, instances in self._connection.execute(statement).all():
            parts.setdefault(study_pk, []).append((modality, instances))
        return parts


def _matching(statement: _Select, query: ImageQuery, *, instances: bool = True) -> _Select:
    if query.study_instance_uids:
        statement = statement.where(study.c.study_instance_uid.in_(query.study_instance_uids))
    if query.series_instance_uids:
        statement = statement.where(series.c.series_instance_uid.in_(query.series_instance_uids))
    if query.sop_instance_uids and instances:
        statement = statement.where(instance.c.sop_instance_uid.in_(query.sop_instance_uids))
    if query.accession_number or query.patient_id:
        statement = statement.where(study.c.outcome.in_(_ANY_OUTCOME))
    if query.accession_number:
        statement = statement.where(study.c.accession_number == query.accession_number)
    if query.patient_id:
        statement = statement.where(study.c.patient_id == query.patient_id)
    return statement


def _paged(statement: _Select, query: ImageQuery) -> _Select:
    return statement.limit(query.limit).offset(query.offset or None)


def _study(row: Row[Any], parts: list[tuple[str, int]]) -> FoundStudy:
    patient_id, patient_name, accession, *_ = row.identity
    return FoundStudy(
        study_instance_uid=row.study_instance_uid,
        patient_id=documents.load_identifier(patient_id),
        patient_name=patient_name,
        accession=documents.load_identifier(accession),
        attributes=row.attributes,
        modalities=tuple(sorted({modality for modality, _ in parts if modality})),
        series_count=len(parts),
        instance_count=sum(count for _, count in parts),
    )
