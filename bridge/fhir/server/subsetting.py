"""Parts of resources: `_summary` and `_elements` (FHIR R4 3.1.1.5.8, 3.1.1.5.9)."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from bridge.fhir.identifiers import Json
from bridge.fhir.releases import Release

_PACKAGES = {Release.R4: "fhir.resources.R4B", Release.R5: "fhir.resources"}
_SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "subsetted",
}
_ALWAYS = frozenset({"resourceType", "id", "meta", "implicitRules"})
# What each type must have, beside what makes it a resource.
_REQUIRED = {
    "ServiceRequest": ("status", "intent", "subject"),
    "Task": ("status", "intent"),
    "Appointment": ("status", "participant"),
    "ImagingStudy": ("status", "subject"),
    "Encounter": ("status", "class", "subject"),
    "Endpoint": ("status", "connectionType", "payloadType", "payload", "address"),
    "Bundle": ("type",),
}


def subset(resource: Json, summary: str, elements: tuple[str, ...], release: Release) -> Json:
    """The part of a resource that was asked for, marked as a part."""
    if elements:
        return _only(resource, frozenset(elements))
    if summary == "true":
        return _only(resource, _summary_elements(resource["resourceType"], release))
    if summary == "text":
        return _only(resource, frozenset({"text"}))
    if summary == "data" and "text" in resource:
        return _marked({k: v for k, v in resource.items() if k != "text"})
    return resource


def _only(resource: Json, wanted: frozenset[str]) -> Json:
    kept = wanted | _ALWAYS | frozenset(_REQUIRED.get(resource["resourceType"], ()))
    part = {k: v for k, v in resource.items() if k in kept or k.removeprefix("_") in kept}
    return part if len(part) == len(resource) else _marked(part)


def _marked(part: Json) -> Json:
    meta = part.get("meta", {})
    tags = [*meta.get("tag", []), _SUBSETTED]
    return {**part, "meta": {**meta, "tag": tags}}


@cache
def _summary_elements(kind: str, release: Release) -> frozenset[str]:
    module: Any = import_module(f"{_PACKAGES[release]}.{kind.lower()}")
    return frozenset(getattr(module, kind).summary_elements_sequence())
