"""FHIR releases: R4 is what we build, and one table per type says what R5 has instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bridge.fhir.identifiers import Json


class Release(StrEnum):
    """The release a server speaks. R4 serves R4B, too: our resources are the same in both."""

    R4 = "R4"
    R5 = "R5"


@dataclass(frozen=True, slots=True)
class Change:
    """An R4 element's name in R5 (empty: removed) and how its value, or each of a list, changes."""

    name: str = ""
    convert: Callable[[Any], Any] = lambda value: value


def _concept(coding: Json) -> Json:
    """Coding → CodeableConcept; a coding that had only a display becomes text."""
    return {"coding": [coding]} if "code" in coding else {"text": coding["display"]}


def _reference_to(concept: Json) -> Json:
    """CodeableConcept → CodeableReference."""
    return {"concept": concept}


def _body_structure(coding: Json) -> Json:
    return _reference_to(_concept(coding))


def _detail(concept: Json) -> Json:
    """A CodeableConcept of orderDetail → a parameter of that name."""
    return {"parameter": [{"code": {"text": "procedure"}, "valueCodeableConcept": concept}]}


def _participant(participant: Json) -> Json:
    return {"actor" if name == "individual" else name: v for name, v in participant.items()}


_ENCOUNTER_STATUS = {
    "arrived": "in-progress",
    "triaged": "in-progress",
    "onleave": "on-hold",
    "finished": "completed",
}


def _series(series: Json) -> Json:
    return _convert(series, _SERIES)


_SERIES: Mapping[str, Change] = {
    "modality": Change("modality", _concept),
    "bodySite": Change("bodySite", _body_structure),
    "laterality": Change("laterality", _concept),
}
_R5: Mapping[str, Mapping[str, Change]] = {
    "ImagingStudy": {
        "modality": Change("modality", _concept),
        "interpreter": Change(),
        "procedureCode": Change("procedure", _reference_to),
        "reasonCode": Change("reason", _reference_to),
        "series": Change("series", _series),
    },
    "Endpoint": {
        "connectionType": Change("connectionType", lambda coding: [_concept(coding)]),
        "payloadType": Change("payload", lambda concept: {"type": [concept]}),
        "payloadMimeType": Change(),
    },
    "Patient": {},
    "ServiceRequest": {
        "code": Change("code", _reference_to),
        "orderDetail": Change("orderDetail", _detail),
        "reasonCode": Change("reason", _reference_to),
        "locationCode": Change("location", _reference_to),
    },
    "Task": {"reasonCode": Change("reason", _reference_to)},
    "Encounter": {
        "class": Change("class", lambda coding: [_concept(coding)]),
        "status": Change("status", lambda code: _ENCOUNTER_STATUS.get(code, code)),
        "participant": Change("participant", _participant),
        "period": Change("actualPeriod"),
        "reasonCode": Change("reason", lambda concept: {"value": [_reference_to(concept)]}),
    },
    "Appointment": {"reasonCode": Change("reason", _reference_to)},
    "DocumentReference": {"context": Change()},
}


def in_release(resource: Json, release: Release) -> Json:
    """An R4 resource of ours as `release` has it.

    Raises:
        KeyError: the table does not know the resource's type.
    """
    if release is Release.R4:
        return resource
    converted = _convert(resource, _R5[resource["resourceType"]])
    if "contained" in resource:
        converted["contained"] = [in_release(each, release) for each in resource["contained"]]
    if resource["resourceType"] == "DocumentReference":
        return {**converted, **_document_context(resource.get("context", {}))}
    return converted


def _document_context(context: Json) -> Json:
    """DocumentReference.context is flat in R5, and what is related is what it is based on."""
    return {{"related": "basedOn"}.get(name, name): value for name, value in context.items()}


def _convert(elements: Json, changes: Mapping[str, Change]) -> Json:
    converted: Json = {}
    for name, value in elements.items():
        change = changes.get(name)
        if change is None:
            converted[name] = value
        elif change.name:
            many = isinstance(value, list)
            converted[change.name] = (
                [change.convert(v) for v in value] if many else change.convert(value)
            )
    return converted
