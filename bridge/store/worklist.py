"""The worklist projection: writing a step's row, and answering a modality's query in SQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import closing
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Select, and_, delete, select

from bridge.domain.attribute_matching import is_wildcard
from bridge.domain.names import fold_name
from bridge.domain.phonetics import sounds_of
from bridge.domain.worklist import (
    Mismatch,
    Rule,
    WorklistEntry,
    WorklistItem,
    WorklistQuery,
)
from bridge.store.statement import insert
from bridge.store.tables import worklist_item, worklist_station
from bridge.store.worklist_criteria import ANY_STATION, Criterion, criteria, scheduled_for

_PIECE = 200  # rows that are fetched at a time where the stored answer decides
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
        rows = self._connection.execute(
            _selection(query, self._connection.dialect.name, None if query.further else limit),
            execution_options={"yield_per": _PIECE} if query.further else {},
        )
        further = query.further
        with closing(rows):
            matching = (row for row in rows if not (further and further.mismatches(row.encoded)))
            return [
                WorklistItem(
                    step_pk=row.step_pk,
                    encoded=row.encoded,
                    ascii_only=row.ascii_only,
                    any_station=row.any_station,
                )
                for row in islice(matching, limit)
            ]

    def examine(
        self, query: WorklistQuery, step_pks: Collection[int]
    ) -> dict[int, tuple[Mismatch, ...]]:
        """Why each of these entries does not match; nothing for those that do.

        Steps that have no entry are left out of the answer.
        """
        asked = criteria(query, self._connection.dialect.name)
        columns = [
            column.label(f"{name}{place}")
            for place, each in enumerate(asked)
            for name, column in (("holds", each.holds), ("held", each.held))
        ]
        chosen = _ITEM.step_pk.in_(step_pks)
        rows = self._connection.execute(
            select(_ITEM.step_pk, _ITEM.encoded, *columns).where(chosen)
        ).all()
        titles = self._titles(step_pks)
        return {row.step_pk: _mismatches(row, asked, titles, query) for row in rows}

    def _titles(self, step_pks: Collection[int]) -> dict[int, str]:
        """The stations of each step, joined by backslashes."""
        station = worklist_station.c
        rows = self._connection.execute(
            select(station.step_pk, station.ae_title).where(station.step_pk.in_(step_pks))
        )
        found: dict[int, list[str]] = {}
        for pk, title in rows:
            found.setdefault(pk, []).append("any station" if title == ANY_STATION else title)
        return {pk: "\\".join(names) for pk, names in found.items()}


def _selection(query: WorklistQuery, dialect: str, limit: int | None) -> Select[Any]:
    """Select the items of the entries that meet every criterion."""
    statement = select(*_COLUMNS)
    # Those asked for, else the peer's own: either way their index finds the entries.
    stations = query.stations or query.visible.stations
    several = not stations
    start = _ITEM.start
    if stations:
        statement = statement.join(
            worklist_station, worklist_station.c.step_pk == worklist_item.c.step_pk
        ).where(scheduled_for(stations, dialect))
        several = len(stations.ae_titles) > 1 or is_wildcard(stations.ae_titles[0])
        start = worklist_station.c.start
        if several:
            statement = statement.distinct().add_columns(_ITEM.start)
    holds = [each.holds for each in criteria(query, dialect, start, joined=stations)]
    ordered_by = (_ITEM.start if several else start, _ITEM.step_pk)
    return statement.where(and_(True, *holds)).order_by(*ordered_by).limit(limit)


def _mismatches(
    row: Any, asked: Sequence[Criterion], titles: dict[int, str], query: WorklistQuery
) -> tuple[Mismatch, ...]:
    found = []
    if query.impossible:
        found.append(Mismatch(Rule.IMPOSSIBLE, "", "", ""))
    values = row._mapping
    for place, each in enumerate(asked):
        if not values[f"holds{place}"]:
            by_station = each.key == "ScheduledStationAETitle"
            held = titles.get(row.step_pk, "") if by_station else values[f"held{place}"]
            found.append(Mismatch(each.rule, each.key, each.asked, str(held)))
    return (*found, *(query.further.mismatches(row.encoded) if query.further else ()))


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
        "worklist_label": procedure.attributes.get("WorklistLabel", ""),
        "patient_name_sound": sounds_of(attributes.get("PatientName", "")),
        "any_station": item.any_station,
        "ascii_only": item.ascii_only,
        "encoded": item.encoded,
    }


def _stations(entry: WorklistEntry, item: WorklistItem) -> list[dict[str, object]]:
    step = entry.step
    start = step.start_date + (step.start_time + "000000")[:6]
    titles = (ANY_STATION,) if item.any_station else tuple(dict.fromkeys(step.station_ae_titles))
    return [{"ae_title": title, "start": start, "step_pk": item.step_pk} for title in titles]
