"""What a worklist query asks of an entry, criterion by criterion, as SQL.

An entry is in the answer when all of them hold; why it is not in it is told by those that do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_

from bridge.domain.attribute_matching import is_wildcard
from bridge.domain.worklist import (
    SHOWN_ON_ANY_DAY,
    DateTimeRange,
    OpenSteps,
    Rule,
    Stations,
    WorklistQuery,
)
from bridge.store.key_matching import (
    Conditions,
    any_of,
    any_text,
    any_value,
    in_range,
    like,
    matches_name,
    matches_sound,
)
from bridge.store.tables import worklist_item, worklist_station

ANY_STATION = "*"
"""Stands in place of an AE title for steps that any station may do."""

_ITEM = worklist_item.c
_STATION = "ScheduledStationAETitle"
_DATE, _TIME = "ScheduledProcedureStepStartDate", "ScheduledProcedureStepStartTime"
_LABEL = "WorklistLabel"

# Keyword → the column, and the field of the query: a single value or wildcards.
_TEXTS = {
    "PatientSex": (_ITEM.patient_sex, "patient_sex"),
    "AccessionNumber": (_ITEM.accession_number, "accession_number"),
    "RequestedProcedureID": (_ITEM.requested_procedure_id, "requested_procedure_id"),
    "ScheduledProcedureStepID": (_ITEM.sps_id, "sps_id"),
    "ScheduledStationName": (_ITEM.station_name, "station_name"),
    "ScheduledProcedureStepLocation": (_ITEM.sps_location, "sps_location"),
    "AdmissionID": (_ITEM.admission_id, "admission_id"),
    _LABEL: (_ITEM.worklist_label, "worklist_label"),
}
_OF_SEVERAL_VALUES = frozenset({"ScheduledStationName", "ScheduledProcedureStepLocation"})


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing asked: in words, as a condition, and the column that shows what an entry holds."""

    rule: Rule
    key: str
    asked: str
    holds: ColumnElement[bool]
    held: ColumnElement[Any]


def criteria(
    query: WorklistQuery,
    dialect: str,
    start: ColumnElement[Any] = _ITEM.start,
    *,
    joined: Stations | None = None,
) -> list[Criterion]:
    """Everything a query asks; `joined` leaves out these stations, which a join finds.

    `start` is the column of the start: that of the stations, where their index is used.
    """
    asked = [*_keys(query, dialect, start), *_visible(query, start)]
    for rule, stations in ((Rule.STATION, query.visible.stations), (Rule.KEY, query.stations)):
        if stations and stations != joined:
            asked.append(_station(rule, stations, dialect))
    return asked


def scheduled_for(
    stations: Stations, dialect: str, column: ColumnElement[Any] = worklist_station.c.ae_title
) -> ColumnElement[bool]:
    """Whether the title in a row of `worklist_station`, with its item, is one of these stations."""
    exact = tuple(t for t in stations.ae_titles if not is_wildcard(t))
    wild = [like(column, t, dialect) for t in stations.ae_titles if is_wildcard(t)]
    if not stations.takes:
        return or_(column.in_((*exact, ANY_STATION)), *wild)
    taken = or_(*(_takes(each) for each in stations.takes))
    wild = [and_(column != ANY_STATION, each) for each in wild]
    named = column.in_((*exact, ANY_STATION)) if exact else column == ANY_STATION
    return and_(or_(named, *wild), or_(column != ANY_STATION, taken))


def _takes(steps: OpenSteps) -> ColumnElement[bool]:
    conditions: Conditions = any_of(_ITEM.modality, steps.modalities)
    if steps.locations:
        among = (_holds_value(_ITEM.sps_location, each) for each in steps.locations)
        conditions = [*conditions, or_(_ITEM.sps_location == "", *among)]
    return and_(True, *conditions)


def _holds_value(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Whether a value is among those of a column that are joined by backslashes."""
    between = "\\" + column + "\\"
    return between.contains(f"\\{value}\\", autoescape=True)


def _station(rule: Rule, stations: Stations, dialect: str) -> Criterion:
    row = worklist_station.alias()  # another than the one that may be joined
    wanted = scheduled_for(stations, dialect, row.c.ae_title)
    there = exists().where(row.c.step_pk == _ITEM.step_pk, wanted).correlate(worklist_item)
    return Criterion(rule, _STATION, "\\".join(stations.ae_titles), there, _ITEM.any_station)


def _keys(query: WorklistQuery, dialect: str, start: ColumnElement[Any]) -> Iterator[Criterion]:
    yield from _starts(query, start)
    yield from _names(query, dialect)
    yield from _patient(query, dialect)
    born, modality = _ITEM.patient_birth_date, _ITEM.modality
    uid, status = _ITEM.study_instance_uid, _ITEM.status
    for key, column, values, conditions in (
        (
            "PatientBirthDate",
            born,
            _said(query.patient_birth_date),
            in_range(born, query.patient_birth_date),
        ),
        ("Modality", modality, query.modalities, any_text(modality, query.modalities, dialect)),
        (
            "StudyInstanceUID",
            uid,
            query.study_instance_uids,
            any_of(uid, query.study_instance_uids),
        ),
        (
            "ScheduledProcedureStepStatus",
            status,
            query.sps_statuses,
            any_text(status, query.sps_statuses, dialect),
        ),
    ):
        if values:
            yield Criterion(Rule.KEY, key, "\\".join(values), and_(*conditions), column)
    for key, (column, field) in _TEXTS.items():
        text = getattr(query, field)
        if text:
            match = any_value if key in _OF_SEVERAL_VALUES else any_text
            yield Criterion(Rule.KEY, key, text, and_(*match(column, (text,), dialect)), column)


def _starts(query: WorklistQuery, start: ColumnElement[Any]) -> Iterator[Criterion]:
    time = func.substr(start, 9, 6)
    for key, bounds, conditions in (
        (f"{_DATE} and {_TIME}", query.start, in_range(start, query.start)),
        (_DATE, query.dates, in_range(start, _whole_days(query.dates))),
        (_TIME, query.times, in_range(time, query.times)),
    ):
        if bounds:
            asked = "-".join(dict.fromkeys((bounds.first, bounds.last)))
            yield Criterion(Rule.KEY, key, asked, and_(*conditions), _ITEM.start)


def _names(query: WorklistQuery, dialect: str) -> Iterator[Criterion]:
    for key, column, name in (
        ("PatientName", _ITEM.patient_name, query.patient_name),
        (
            "ScheduledPerformingPhysicianName",
            _ITEM.performing_physician,
            query.performing_physician,
        ),
    ):
        if not name:
            continue
        spelt = and_(*matches_name(column, name, dialect))
        if query.fuzzy and key == "PatientName":
            sounds = matches_sound(_ITEM.patient_name_sound, name, dialect)
            spelt = or_(spelt, and_(*sounds)) if sounds else spelt
        yield Criterion(Rule.KEY, key, name, spelt, column)


def _patient(query: WorklistQuery, dialect: str) -> Iterator[Criterion]:
    """Patient ID and issuer as the entry shows them, or those of whom they name otherwise."""
    pairs = (
        ("PatientID", _ITEM.patient_id, query.patient_id),
        ("IssuerOfPatientID", _ITEM.issuer_of_patient_id, query.issuer_of_patient_id),
    )
    for key, column, text in pairs:
        if text:
            others = [
                and_(
                    _ITEM.patient_id == each.value,
                    _ITEM.issuer_of_patient_id == each.authority.key,
                )
                for each in query.shown_as
            ]
            own = and_(*any_text(column, (text,), dialect))
            yield Criterion(Rule.KEY, key, text, or_(own, *others), column)


def _visible(query: WorklistQuery, start: ColumnElement[Any]) -> Iterator[Criterion]:
    visible = query.visible
    if visible.modalities:
        yield Criterion(
            Rule.MODALITY,
            "Modality",
            "\\".join(visible.modalities),
            _ITEM.modality.in_(visible.modalities),
            _ITEM.modality,
        )
    if visible.worklist_labels:
        labels = ("", *visible.worklist_labels)
        asked = "\\".join(visible.worklist_labels)
        column = _ITEM.worklist_label
        yield Criterion(Rule.LABEL, _LABEL, asked, column.in_(labels), column)
    if visible.hidden_statuses:
        hidden = visible.hidden_statuses
        key, asked = "ScheduledProcedureStepStatus", "not " + ", ".join(hidden)
        yield Criterion(Rule.STATUS, key, asked, _ITEM.status.not_in(hidden), _ITEM.status)
    if visible.window:
        days = and_(*in_range(start, visible.window))
        here = _ITEM.status.in_([each.value for each in SHOWN_ON_ANY_DAY])
        asked = f"{visible.window.first}-{visible.window.last}"
        yield Criterion(Rule.WINDOW, _DATE, asked, or_(days, here), _ITEM.start)


def _said(bounds: DateTimeRange) -> tuple[str, ...]:
    return (f"{bounds.first}-{bounds.last}",) if bounds else ()


def _whole_days(dates: DateTimeRange) -> DateTimeRange:
    return DateTimeRange(first=dates.first, last=dates.last and dates.last + "999999")
