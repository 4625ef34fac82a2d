"""The identifiers that events mention: what one search box finds their message by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from bridge.domain.announced_study import StudyAnnounced
from bridge.domain.appointment import AppointmentReceived
from bridge.domain.events import Event, Noted
from bridge.domain.identifiers import Identifier
from bridge.domain.journal import Mention
from bridge.domain.order import OrderNumbers, OrderReceived
from bridge.domain.patient import PatientDetails
from bridge.domain.patient_events import (
    IdentifierChanged,
    IdentifiersMoved,
    PatientRemoved,
    PatientsLinked,
    PatientsMerged,
    PatientUpdated,
)
from bridge.domain.result import ResultReported
from bridge.domain.visit import VisitChanged, VisitRenumbered, VisitsMoved

Found = Iterator[tuple[Mention, str]]


def mentions(events: Iterable[Event]) -> tuple[tuple[Mention, str], ...]:
    """Every identifier that the events name, each once, in their order."""
    found = (pair for event in events for pair in _MENTIONS[type(event)](event))
    return tuple(dict.fromkeys(pair for pair in found if pair[1]))


def _patients(*identifiers: Identifier) -> Found:
    return ((Mention.PATIENT_ID, each.value) for each in identifiers)


def _patient(details: PatientDetails) -> Found:
    return _patients(*details.identifiers)


def _numbers(numbers: OrderNumbers) -> Found:
    if numbers.accession:
        yield Mention.ACCESSION_NUMBER, numbers.accession.value
    for number in (numbers.placer, numbers.filler):
        if number:
            yield Mention.ORDER_NUMBER, number.value


def _order(event: OrderReceived) -> Found:
    yield from _patient(event.patient)
    yield from _numbers(event.numbers)
    for procedure in event.procedures:
        yield Mention.STUDY_INSTANCE_UID, procedure.study_instance_uid


def _linked(event: PatientsLinked) -> Found:
    return (pair for each in event.patients for pair in _patient(each))


def _appointment(event: AppointmentReceived) -> Found:
    yield from _patient(event.patient)
    for number in event.numbers:
        yield Mention.ORDER_NUMBER, number.value
    for numbers in event.orders:
        yield from _numbers(numbers)


def _result(event: ResultReported) -> Found:
    yield from _patient(event.patient)
    yield from _numbers(event.numbers)
    yield Mention.STUDY_INSTANCE_UID, event.study_instance_uid


def _announced(event: StudyAnnounced) -> Found:
    yield from _patient(event.patient)
    yield Mention.STUDY_INSTANCE_UID, event.study_instance_uid
    if event.accession:
        yield Mention.ACCESSION_NUMBER, event.accession.value
    for numbers in event.orders:
        yield from _numbers(numbers)


_MENTIONS: Mapping[type[Event], Callable[[Any], Found]] = {
    OrderReceived: _order,
    PatientUpdated: lambda event: _patient(event.patient),
    PatientsMerged: lambda event: _patients(
        *event.survivor.identifiers, *event.retired, *event.retired_aliases
    ),
    PatientsLinked: _linked,
    IdentifiersMoved: lambda event: _patients(*event.patient.identifiers, *event.moved),
    IdentifierChanged: lambda event: _patients(*event.patient.identifiers, *event.previous),
    PatientRemoved: lambda event: _patient(event.patient),
    VisitChanged: lambda event: _patient(event.patient),
    VisitsMoved: lambda event: _patients(*event.patient.identifiers, *event.previous),
    VisitRenumbered: lambda event: _patient(event.patient),
    AppointmentReceived: _appointment,
    ResultReported: _result,
    StudyAnnounced: _announced,
    Noted: lambda _event: iter(()),
}
