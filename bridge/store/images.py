"""The index of received images, for reading only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    exists,
    func,
    or_,
    select,
    true,
)

from bridge.domain.matching import Outcome
from bridge.domain.worklist import DateTimeRange
from bridge.services.read_images import (
    FoundInstance,
    FoundPatient,
    FoundRequest,
    FoundSeries,
    FoundStudy,
    ImageQuery,
)
from bridge.store import documents
from bridge.store.image_requests import asked_for, requests_of
from bridge.store.key_matching import (
    Conditions,
    any_of,
    any_text,
    in_range,
    matches_name,
    matches_words,
)
from bridge.store.rejections import is_shown, is_standing_note
from bridge.store.tables import instance, rejected_instance, series, study, study_key

_KEY = study_key.c
_STUDIES = study.join(study_key)
_Select = Select[*tuple[Any, ...]]


class Images:
    """The images of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def patients(self, query: ImageQuery) -> tuple[FoundPatient, ...]:
        """Patients whose studies match, in order of their Patient IDs."""
        dialect = self._connection.dialect.name
        keys = (_KEY.patient_id, _KEY.issuer_of_patient_id)
        statement = (
            select(*keys)
            .select_from(_STUDIES)
            .where(*_study_conditions(query, dialect), _KEY.patient_id != "")
            .distinct()
            .order_by(*keys)
        )
        page = self._connection.execute(_paged(statement, query)).all()
        return tuple(_patient(self._studies_of(*each)) for each in page)

    def _studies_of(self, patient_id: str, issuer: str) -> tuple[FoundStudy, ...]:
        named = (_KEY.patient_id == patient_id, _KEY.issuer_of_patient_id == issuer)
        statement = (
            select(study, _KEY.presented)
            .select_from(_STUDIES)
            .where(*named, study.c.outcome != Outcome.REJECTED.value, _is_study_shown())
            .order_by(study.c.pk)
        )
        rows = self._connection.execute(statement).all()
        parts = self._parts([row.pk for row in rows])
        return tuple(_study(row, parts.get(row.pk, [])) for row in rows)

    def studies(self, query: ImageQuery) -> tuple[FoundStudy, ...]:
        """Studies that match, in order of arrival."""
        dialect = self._connection.dialect.name
        statement = (
            select(study, _KEY.presented)
            .select_from(_STUDIES)
            .where(*_study_conditions(query, dialect))
        )
        below = [*_series_conditions(query, dialect), *_instance_conditions(query)]
        if below:
            joined = series.outerjoin(instance)
            inner = select(series.c.study_pk).select_from(joined).where(*below, is_shown())
            statement = statement.where(study.c.pk.in_(inner))
        rows = self._connection.execute(_paged(statement.order_by(study.c.pk), query)).all()
        parts = self._parts([row.pk for row in rows])
        return tuple(_study(row, parts.get(row.pk, [])) for row in rows)

    def series(self, query: ImageQuery) -> tuple[FoundSeries, ...]:
        """Series that match."""
        counted = (
            select(func.count())
            .select_from(instance)
            .where(instance.c.series_pk == series.c.pk, is_shown())
            .scalar_subquery()
        )
        statement = select(
            study.c.study_instance_uid,
            series.c.series_instance_uid,
            series.c.modality,
            series.c.number,
            series.c.attributes,
            counted.label("instance_count"),
        ).select_from(_STUDIES.join(series, series.c.study_pk == study.c.pk))
        if inside := _instance_conditions(query):
            statement = statement.where(
                series.c.pk.in_(select(instance.c.series_pk).where(*inside, is_shown()))
            )
        statement = statement.where(_is_series_shown())
        dialect = self._connection.dialect.name
        statement = _matching(statement, query, dialect, instances=False).order_by(series.c.pk)
        rows = self._connection.execute(_paged(statement, query)).all()
        asked = requests_of(self._connection, (row.study_instance_uid for row in rows))
        return tuple(_series(row, asked[row.study_instance_uid]) for row in rows)

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
            instance.c.peer,
        ).select_from(_STUDIES.join(series, series.c.study_pk == study.c.pk).join(instance))
        dialect = self._connection.dialect.name
        statement = _matching(statement, query, dialect).order_by(series.c.pk, instance.c.pk)
        rows = self._connection.execute(_paged(statement, query)).all()
        return tuple(FoundInstance(**row._mapping) for row in rows)

    def _parts(self, study_pks: list[int]) -> dict[int, list[_Part]]:
        """For each study, what each of its series consists of."""
        statement = (
            select(
                series.c.study_pk,
                series.c.modality,
                instance.c.sop_class_uid,
                func.count(instance.c.pk),
                series.c.pk,
            )
            .select_from(series.outerjoin(instance))
            .where(series.c.study_pk.in_(study_pks), is_shown())
            .group_by(series.c.pk, series.c.study_pk, series.c.modality, instance.c.sop_class_uid)
            .order_by(series.c.pk)
        )
        parts: dict[int, list[_Part]] = {}
        for study_pk, *part in self._connection.execute(statement).all():
            parts.setdefault(study_pk, []).append(_Part(*part))
        return parts


class _Part(NamedTuple):
    """The instances of one SOP class in one series; none at all have no class."""

    modality: str
    sop_class_uid: str | None
    instances: int
    series_pk: int


def _matching(
    statement: _Select, query: ImageQuery, dialect: str, *, instances: bool = True
) -> _Select:
    """The rows of study and key, and of series and instance where the statement has them."""
    return statement.where(
        *_study_conditions(query, dialect),
        *_series_conditions(query, dialect),
        *((*_instance_conditions(query), _is_given(query)) if instances else ()),
    )


def _is_given(query: ImageQuery) -> ColumnElement[bool]:
    return or_(is_shown(), is_standing_note()) if query.with_notes else is_shown()


def _is_study_shown() -> ColumnElement[bool]:
    """Whether a study has anything to show: few have anything rejected, so that is asked first."""
    joined = series.join(instance)
    shown = exists().select_from(joined).where(series.c.study_pk == study.c.pk, is_shown())
    return or_(~_has_rejected(), shown.correlate(study))


def _is_series_shown() -> ColumnElement[bool]:
    """The same of a series."""
    shown = exists().where(instance.c.series_pk == series.c.pk, is_shown())
    return or_(~_has_rejected(), shown.correlate(series))


def _has_rejected() -> ColumnElement[bool]:
    return exists().where(
        rejected_instance.c.study_instance_uid == study.c.study_instance_uid,
        rejected_instance.c.stands == true(),
    )


def _study_conditions(query: ImageQuery, dialect: str) -> Conditions:
    named = matches_words if query.fuzzy_names else matches_name
    conditions = [
        study.c.outcome != Outcome.REJECTED.value,
        *(() if query.with_notes else (_is_study_shown(),)),
        *any_of(study.c.study_instance_uid, query.study_instance_uids),
        *named(_KEY.patient_name, query.patient_name, dialect),
        *named(_KEY.referring_physician, query.referring_physician, dialect),
        *in_range(_KEY.patient_birth_date, query.patient_birth_date),
        *in_range(_KEY.study_date, query.study_date),
        *in_range(_KEY.study_time, query.study_time),
        *in_range(_KEY.study_date + _KEY.study_time, query.started),
        *in_range(_KEY.study_date, _days_of(query.started)),
        *_patient_conditions(query, dialect),
        *asked_for(query, dialect),
    ]
    for column, text in (
        (_KEY.patient_sex, query.patient_sex),
        (_KEY.accession_number, query.accession_number),
        (_KEY.study_id, query.study_id),
        (_KEY.study_description, query.study_description),
    ):
        conditions += any_text(column, (text,) if text else (), dialect)
    if query.modalities_in_study:
        wanted = any_text(series.c.modality, query.modalities_in_study, dialect)
        conditions.append(study.c.pk.in_(select(series.c.study_pk).where(*wanted)))
    return conditions


def _patient_conditions(query: ImageQuery, dialect: str) -> Conditions:
    """The Patient ID asked for, or another of the same patient: images name their issuer or not."""
    pairs = (
        (_KEY.patient_id, query.patient_id),
        (_KEY.issuer_of_patient_id, query.issuer_of_patient_id),
    )
    own = [
        condition
        for column, text in pairs
        for condition in any_text(column, (text,) if text else (), dialect)
    ]
    if not query.also_called:
        return own
    others = [
        and_(_KEY.patient_id == each.value, _KEY.issuer_of_patient_id.in_(("", each.authority.key)))
        for each in query.also_called
    ]
    return [or_(and_(true(), *own), *others)]


def _days_of(bounds: DateTimeRange) -> DateTimeRange:
    """The dates of an interval, which the index knows."""
    return DateTimeRange(first=bounds.first[:8], last=bounds.last[:8])


def _series_conditions(query: ImageQuery, dialect: str) -> Conditions:
    said = series.c.attributes
    conditions = [
        *any_of(series.c.series_instance_uid, query.series_instance_uids),
        *any_text(series.c.modality, (query.modality,) if query.modality else (), dialect),
        *in_range(said["PerformedProcedureStepStartDate"].as_string(), query.performed_date),
        *in_range(said["PerformedProcedureStepStartTime"].as_string(), query.performed_time),
    ]
    if query.series_number is not None:
        conditions.append(series.c.number == query.series_number)
    return conditions


def _instance_conditions(query: ImageQuery) -> Conditions:
    conditions = [
        *any_of(instance.c.sop_instance_uid, query.sop_instance_uids),
        *any_of(instance.c.sop_class_uid, query.sop_class_uids),
    ]
    if query.instance_number is not None:
        conditions.append(instance.c.number == query.instance_number)
    return conditions


def _paged(statement: _Select, query: ImageQuery) -> _Select:
    return statement.limit(query.limit).offset(query.offset or None)


def _series(row: Row[Any], requests: tuple[FoundRequest, ...]) -> FoundSeries:
    said = dict(row._mapping)
    # What the device calls the patient is for the study to say, which may know better.
    said["attributes"] = {k: v for k, v in row.attributes.items() if k != "PatientName"}
    return FoundSeries(**said, requests=requests)


def _study(row: Row[Any], parts: list[_Part]) -> FoundStudy:
    patient_id, patient_name, accession, *_ = row.identity
    said = dict(row.attributes)
    if row.presented is not None:
        patient_id, of_order, attributes = row.presented
        accession, said = of_order or accession, {**said, **attributes}
    return FoundStudy(
        study_instance_uid=row.study_instance_uid,
        patient_id=documents.load_identifier(patient_id),
        patient_name=said.pop("PatientName", patient_name),
        accession=documents.load_identifier(accession),
        attributes=said,
        modalities=tuple(sorted({part.modality for part in parts if part.modality})),
        sop_class_uids=tuple(sorted({p.sop_class_uid for p in parts if p.sop_class_uid})),
        series_count=len({part.series_pk for part in parts}),
        instance_count=sum(part.instances for part in parts),
    )


def _patient(studies: Sequence[FoundStudy]) -> FoundPatient:
    """One patient of several studies: what the newest of them says."""
    newest = studies[-1]
    if newest.patient_id is None:
        raise AssertionError("studies are grouped by their Patient ID")
    said = ("PatientBirthDate", "PatientSex")
    return FoundPatient(
        patient_id=newest.patient_id,
        patient_name=newest.patient_name,
        attributes={k: newest.attributes[k] for k in said if k in newest.attributes},
        study_count=len(studies),
        series_count=sum(each.series_count for each in studies),
        instance_count=sum(each.instance_count for each in studies),
    )
