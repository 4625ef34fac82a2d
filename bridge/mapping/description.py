"""Events in words: what golden tests compare and `bridge mapping explain` prints."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from bridge.domain.events import Event, Noted
from bridge.domain.identifiers import Identifier
from bridge.domain.order import CodedConcept, OrderNumbers, OrderReceived, StepDetails
from bridge.domain.patient import PatientDetails
from bridge.domain.patient_events import PatientsMerged, PatientUpdated


def describe(event: Event) -> dict[str, object]:
    """An event as plain values; `event` says its kind, DICOM keywords its attributes."""
    match event:
        case OrderReceived():
            return {"event": "order", **describe_order(event)}
        case PatientUpdated():
            return {"event": "patient", "type": event.event, **_describe_patient(event.patient)}
        case PatientsMerged():
            retired = [_write(each) for each in (*event.retired, *event.retired_aliases)]
            return {"event": "merge", "retired": retired, **_describe_patient(event.survivor)}
        case Noted():
            return {"event": "noted", "reason": event.reason}
        case _:
            return {"event": _KINDS.get(type(event).__name__, ""), **_describe_fields(event)}


_KINDS = {
    "PatientsLinked": "link",
    "IdentifiersMoved": "identifiers moved",
    "IdentifierChanged": "identifier changed",
    "PatientRemoved": "patient removed",
    "VisitChanged": "visit",
    "VisitsMoved": "visits moved",
    "VisitRenumbered": "visit renumbered",
    "AppointmentReceived": "appointment",
    "ResultReported": "result",
    "StudyAnnounced": "study",
}


def _describe_fields(value: Any) -> dict[str, object]:
    """The fields of a record that say something; the patient's attributes beside them."""
    described: dict[str, object] = {}
    for field in dataclasses.fields(value):
        plain = _plain(getattr(value, field.name))
        if field.name == "location" or plain in ("", [], {}, None):
            continue
        key = "type" if field.name == "event" else field.name
        described |= plain if isinstance(plain, dict) and field.name == "patient" else {key: plain}
    return described


def _plain(value: Any) -> Any:
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    return _describe_fields(value) if dataclasses.is_dataclass(value) else value


def describe_order(event: OrderReceived) -> dict[str, object]:
    """One order with its procedures and steps."""
    return {
        "category": event.category.value,
        "OrderControl": event.control,
        "OrderStatus": event.status,
        "OccurredAt": event.occurred_at,
        **_describe_numbers(event.numbers),
        **_describe_patient(event.patient),
        **({"visit": _plain(event.visit)} if event.visit else {}),
        **event.attributes,
        "procedures": [
            {
                "RequestedProcedureID": procedure.rp_id,
                "StudyInstanceUID": procedure.study_instance_uid,
                "RequestedProcedureCodeSequence": _write_codes(filter(None, [procedure.code])),
                **procedure.attributes,
                "steps": [_describe_step(step) for step in procedure.steps],
            }
            for procedure in event.procedures
        ],
    }


def _describe_numbers(numbers: OrderNumbers) -> dict[str, object]:
    return {
        "AccessionNumber": _write(numbers.accession),
        "PlacerOrderNumberImagingServiceRequest": _write(numbers.placer),
        "FillerOrderNumberImagingServiceRequest": _write(numbers.filler),
    }


def _describe_step(step: StepDetails) -> dict[str, object]:
    return {
        "ScheduledProcedureStepID": step.sps_id,
        "Modality": step.modality,
        "ScheduledStationAETitle": list(step.station_ae_titles),
        "ScheduledProcedureStepStartDate": step.start_date,
        "ScheduledProcedureStepStartTime": step.start_time,
        "ScheduledProtocolCodeSequence": _write_codes(step.protocol_codes),
        **step.attributes,
    }


def _describe_patient(patient: PatientDetails) -> dict[str, object]:
    aliases = {"aliases": [_write(each) for each in patient.aliases]} if patient.aliases else {}
    identifiers = [_write(each) for each in patient.identifiers]
    return {"PatientID": identifiers, **aliases, **patient.attributes}


def _write(identifier: Identifier | None) -> str:
    """`value^authority^type`."""
    if identifier is None:
        return ""
    return f"{identifier.value}^{identifier.authority.key}^{identifier.type_code}".rstrip("^")


def _write_codes(codes: Iterable[CodedConcept]) -> list[str]:
    return [f"{code.value}^{code.meaning}^{code.scheme}" for code in codes]


_WRITERS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (Identifier, _write),
    (CodedConcept, lambda value: _write_codes([value])[0]),
    (OrderNumbers, lambda value: {k: v for k, v in _describe_numbers(value).items() if v}),
    (OrderReceived, describe_order),
    (StepDetails, lambda value: {k: v for k, v in _describe_step(value).items() if v}),
    (PatientDetails, _describe_patient),
    (Mapping, dict),
    (StrEnum, str),
    (tuple, lambda value: [_plain(each) for each in value]),
)


def explain_event(event: Event) -> Iterator[str]:
    """An event line by line: of an order each value with the place it came from."""
    if not isinstance(event, OrderReceived):
        yield str(describe(event))
        return
    yield title_of(event)
    for keyword, text, origin in trace_event(event):
        yield f"  {keyword} = {text!r}" + (f" ← {origin}" if origin else "")


def title_of(event: Event) -> str:
    """An event in a few words: what kind it is, of an order where it stands and what it asks."""
    if isinstance(event, OrderReceived):
        asked = f"{event.location}: {event.category.value} order, {event.control} {event.status}"
        return asked.rstrip()
    return str(describe(event)["event"])


def trace_event(event: Event) -> Iterator[tuple[str, object, str]]:
    """The values of an event: path, value, and of an order the place each came from."""
    sources = event.sources if isinstance(event, OrderReceived) else {}
    described = {key: value for key, value in describe(event).items() if key != "event"}
    for keyword, value in _flatten(described):
        key = keyword.rpartition(".")[2]
        yield keyword, value, sources.get(key) or sources.get(_START_SOURCE.get(key, ""), "")


_START_SOURCE = {
    "ScheduledProcedureStepStartDate": "ScheduledProcedureStepStartDateTime",
    "ScheduledProcedureStepStartTime": "ScheduledProcedureStepStartDateTime",
}


def _flatten(described: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(described, Mapping):
        for key, value in described.items():
            yield from _flatten(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(described, list) and described and isinstance(described[0], Mapping):
        for number, value in enumerate(described, start=1):
            yield from _flatten(value, f"{prefix}[{number}]")
    elif described not in ("", []):
        yield prefix, described
