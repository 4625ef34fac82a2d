"""`bridge mapping test` and `bridge mapping explain`: what a profile makes of a message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.order import (
    CodedConcept,
    Event,
    Noted,
    OrderReceived,
    PatientsMerged,
    PatientUpdated,
    StepDetails,
)
from bridge.domain.patient import PatientDetails
from bridge.hl7.er7 import read
from bridge.hl7.messages import read_message
from bridge.hl7.reading import Reading, Sender
from bridge.mapping.golden import GoldenResult, Translation, run_golden_tests
from bridge.mapping.profiles import Profile
from bridge.mapping.source import Site


def run_tests(path: Path, directory: Path | None = None) -> tuple[GoldenResult, ...]:
    """Run a `<profile>.tests.yaml`; `directory` holds the profiles, that of `path` by default.

    Raises:
        ProfileError: the file, its profile or a message it names cannot be used.
    """
    return run_golden_tests(path, directory or path.parent, translate)


def translate(profile: Profile, site: Site, raw: bytes) -> Translation:
    """Read a message and put what came of it as plain texts, for a golden test to compare.

    Raises:
        BridgeError: the message is refused.
    """
    reading = _read(profile, site, raw)
    return [_describe(event) for event in reading.events]


def explain(profile: Profile, raw: bytes, site: Site | None = None) -> str:
    """Say line by line what a profile makes of a message: target = value ← where it came from.

    Raises:
        BridgeError: the message is refused.
    """
    reading = _read(profile, site or Site(authority=Authority("SITE")), raw)
    lines = [line for event in reading.events for line in _explain(event)]
    lines += [f"remark: {text}" for text in (*reading.remarks, *reading.warnings)]
    return "\n".join(lines) + "\n"


def _read(profile: Profile, site: Site, raw: bytes) -> Reading:
    return read_message(read(raw), Sender.of(profile, site))


def _explain(event: Event) -> Iterator[str]:
    if not isinstance(event, OrderReceived):
        yield str(_describe(event))
        return
    yield f"{event.location}: {event.category.value} order, {event.control} {event.status}".rstrip()
    for keyword, text in _flatten(_describe_order(event)):
        key = keyword.rpartition(".")[2]
        origin = event.sources.get(key) or event.sources.get(_START_SOURCE.get(key, ""), "")
        yield f"  {keyword} = {text!r}" + (f" ← {origin}" if origin else "")


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


def _describe(event: Event) -> dict[str, object]:
    match event:
        case OrderReceived():
            return {"event": "order", **_describe_order(event)}
        case PatientUpdated():
            return {"event": "patient", "type": event.event, **_describe_patient(event.patient)}
        case PatientsMerged():
            retired = [_write(identifier) for identifier in event.retired]
            return {"event": "merge", "retired": retired, **_describe_patient(event.survivor)}
        case Noted():
            return {"event": "noted", "reason": event.reason}


def _describe_order(event: OrderReceived) -> dict[str, object]:
    return {
        "category": event.category.value,
        "OrderControl": event.control,
        "OrderStatus": event.status,
        "OccurredAt": event.occurred_at,
        "AccessionNumber": _write(event.numbers.accession),
        "PlacerOrderNumberImagingServiceRequest": _write(event.numbers.placer),
        "FillerOrderNumberImagingServiceRequest": _write(event.numbers.filler),
        **_describe_patient(event.patient),
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
    return {"PatientID": [_write(each) for each in patient.identifiers], **patient.attributes}


def _write(identifier: Identifier | None) -> str:
    """`value^authority^type`."""
    if identifier is None:
        return ""
    return f"{identifier.value}^{identifier.authority.key}^{identifier.type_code}".rstrip("^")


def _write_codes(codes: Iterable[CodedConcept]) -> list[str]:
    return [f"{code.value}^{code.meaning}^{code.scheme}" for code in codes]
