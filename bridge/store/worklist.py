"""The worklist projection: writing a step's row, and answering a modality's query in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select

from bridge.domain.names import fold_name
from bridge.domain.worklist import DateTimeRange, WorklistEntry, WorklistItem, WorklistQuery
from bridge.store.key_matching import any_of, any_text, in_range, is_wildcard, like, matches_name
from bridge.store.statement import insert
from bridge.store.tables import worklist_item, worklist_station

ANY_STATION = "*"
_ITEM = worklist_item.c
_COLUMNS = (
    _ITEM.step_pk,
    _ITEM.encoded,
    _ITEM.ascii_only,
    _ITEM.any_station,
)
_INSERT = insert(worklist_item, worklist_item.c.keys())
_INSERT_STATION = insert(worklist_station, worklist_station.c.keys())


class Worklist:
    """The worklist of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, entry: WorklistEntry, item: WorklistItem) -> None:
        """Show a step that has no row yet."""
        _INSERT.run(self._connection, _row(entry, item))
        _INSERT_STATION.run(self._connection, *_stations(entry, item))

    def put(self, entry: WorklistEntry, item: WorklistItem) -> None:
        """Show a step, replacing the row it may have."""
        self.remove(item.step_pk)
        self.add(entry, item)

    def remove(self, step_pk: int) -> None:
        """Hide a step."""
        self._connection.execute(
            delete(worklist_station).where(worklist_station.c.step_pk == step_pk)
        )
        self._connection.execute(delete(worklist_item).where(worklist_item.c.step_pk == step_pk))

    def find(self, query: WorklistQuery, limit: int) -> Sequence[WorklistItem]:
        """The steps that match, earliest start first, at most `limit`."""
        if query.impossible:
            return ()
        condition, ordered_by = _conditions(query, self._connection.dialect.name)
        statement = select(*_COLUMNS)
        if query.station_ae_titles:
            statement = statement.join(
                worklist_station, worklist_station.c.step_pk == worklist_item.c.step_pk
            )
            if len(query.station_ae_titles) > 1 or is_wildcard(query.station_ae_titles[0]):
                statement = statement.distinct().add_columns(worklist_item.c.start)
        statement = statement.where(condition).order_by(*ordered_by).limit(limit)
        return [
            WorklistItem(
                step_pk=row.step_pk,
                encoded=row.encoded,
                ascii_only=row.ascii_only,
                any_station=row.any_station,
            )
            for row in self._connection.execute(statement).all()
        ]


def _row(entry: WorklistEntry, item: WorklistItem) -> dict[str, object]:
    step, procedure, order, patient = entry.step, entry.procedure, entry.order, entry.patient
    numbers, attributes = order.numbers, patient.attributes
    return {
        "step_pk": item.step_pk,
        "start": step.start_date + (step.start_time + "000000")[:6],
        "modality": step.modality,
        "status": step.status.value,
        "patient_name": fold_name(attributes.get("PatientName", "")),
        "patient_id": patient.patient_id.value,
        "issuer_of_patient_id": patient.patient_id.authority.key,
        "patient_birth_date": attributes.get("PatientBirthDate", ""),
        "patient_sex": attributes.get("PatientSex", ""),
        "accession_number": numbers.accession.value if numbers.accession else "",
        "requested_procedure_id": procedure.rp_id,
        "study_instance_uid": procedure.study_instance_uid,
        "sps_id": step.sps_id,
        "performing_physician": fold_name(
            step.attributes.get("ScheduledPerformingPhysicianName", "")
        ),
        "station_name": step.attributes.get("ScheduledStationName", ""),
        "sps_location": step.attributes.get("ScheduledProcedureStepLocation", ""),
        "admission_id": order.attributes.get("AdmissionID", ""),
        "any_station": item.any_station,
        "ascii_only": item.ascii_only,
        "encoded": item.encoded,
    }


def _stations(entry: WorklistEntry, item: WorklistItem) -> list[dict[str, object]]:
    step = entry.step
    start = step.start_date + (step.start_time + "000000")[:6]
    titles = (ANY_STATION,) if item.any_station else tuple(dict.fromkeys(step.station_ae_titles))
    return [{"ae_title": title, "start": start, "step_pk": item.step_pk} for title in titles]


def _conditions(
    query: WorklistQuery, dialect: str
) -> tuple[ColumnElement[bool], tuple[ColumnElement[Any], ...]]:
    by_station = bool(query.station_ae_titles)
    start = worklist_station.c.start if by_station else _ITEM.start
    conditions = [
        *_station(query.station_ae_titles, dialect),
        *in_range(start, query.start),
        *in_range(start, _whole_days(query.dates)),
        *in_range(func.substr(start, 9, 6), query.times),
        *in_range(_ITEM.patient_birth_date, query.patient_birth_date),
        *matches_name(_ITEM.patient_name, query.patient_name, dialect),
        *matches_name(_ITEM.performing_physician, query.performing_physician, dialect),
        *any_of(_ITEM.study_instance_uid, query.study_instance_uids),
        *any_of(_ITEM.status, query.sps_statuses),
        *(any_text(_ITEM.modality, query.modalities, dialect)),
        *_patient(query, dialect),
    ]
    for column, text in (
        (_ITEM.patient_sex, query.patient_sex),
        (_ITEM.accession_number, query.accession_number),
        (_ITEM.requested_procedure_id, query.requested_procedure_id),
        (_ITEM.sps_id, query.sps_id),
        (_ITEM.station_name, query.station_name),
        (_ITEM.sps_location, query.sps_location),
        (_ITEM.admission_id, query.admission_id),
    ):
        conditions += any_text(column, (text,) if text else (), dialect)
    several = len(query.station_ae_titles) > 1 or any(map(is_wildcard, query.station_ae_titles))
    order = (_ITEM.start if several or not by_station else start, _ITEM.step_pk)
    return and_(True, *conditions), order


def _patient(query: WorklistQuery, dialect: str) -> list[ColumnElement[bool]]:
    """Patient ID and issuer as the entry shows them, or those of whom they name otherwise."""
    pairs = (
        (_ITEM.patient_id, query.patient_id),
        (_ITEM.issuer_of_patient_id, query.issuer_of_patient_id),
    )
    own = [
        condition
        for column, text in pairs
        for condition in any_text(column, (text,) if text else (), dialect)
    ]
    if not query.shown_as:
        return own
    others = [
        and_(_ITEM.patient_id == each.value, _ITEM.issuer_of_patient_id == each.authority.key)
        for each in query.shown_as
    ]
    return [or_(and_(True, *own), *others)]


def _station(titles: tuple[str, ...], dialect: str) -> list[ColumnElement[bool]]:
    if not titles:
        return []
    column = worklist_station.c.ae_title
    exact = tuple(t for t in titles if not is_wildcard(t))
    wild = [like(column, t, dialect) for t in titles if is_wildcard(t)]
    return [or_(column.in_((*exact, ANY_STATION)), *wild)]


def _whole_days(dates: DateTimeRange) -> DateTimeRange:
    return DateTimeRange(first=dates.first, last=dates.last and dates.last + "999999")
