"""The check at the edge: no resource leaves that its own release does not allow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

from pydantic import BaseModel, ValidationError

from bridge.domain.errors import BridgeError
from bridge.fhir.identifiers import Json
from bridge.fhir.releases import Release

_PACKAGES = {Release.R4: "fhir.resources.R4B", Release.R5: "fhir.resources"}

# FHIR's `id`, which series and instance UIDs have as their type (R4 2.24.0.1).
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")

# Value sets of required bindings, which the models leave open.
_STUDY_STATUS = frozenset({"registered", "available", "cancelled", "entered-in-error", "unknown"})
_GENDER = frozenset({"male", "female", "other", "unknown"})
_ENDPOINT_STATUS = frozenset({"active", "suspended", "error", "off", "entered-in-error", "test"})
_REQUEST_STATUS = frozenset(
    {"draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"}
)
_TASK_STATUS = frozenset(
    {
        "draft",
        "requested",
        "received",
        "accepted",
        "rejected",
        "ready",
        "cancelled",
        "in-progress",
        "on-hold",
        "failed",
        "completed",
        "entered-in-error",
    }
)
_IDENTIFIER_USE = frozenset({"usual", "official", "temp", "secondary", "old"})
_BINDINGS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "ImagingStudy": {"status": _STUDY_STATUS},
    "Patient": {"gender": _GENDER},
    "Endpoint": {"status": _ENDPOINT_STATUS},
    "ServiceRequest": {"status": _REQUEST_STATUS},
    "Task": {"status": _TASK_STATUS},
}


class InvalidResource(BridgeError):
    """What we hold does not make a valid resource: sending it again can never succeed."""


def check(resource: Json, release: Release) -> None:
    """Validate a resource against its release's model and required bindings.

    Instances of an ImagingStudy are checked here and not by the model, for which a thousand of
    them cost tens of milliseconds: they are built in one place, of three elements.

    Raises:
        InvalidResource: it names elements and rules, and never a value.
    """
    kind = resource["resourceType"]
    try:
        _model(kind, release).model_validate(_without_instances(resource))
    except ValidationError as error:
        raise InvalidResource(f"{kind} is not valid {release.value}: {_rules(error)}") from None
    problems = [*_open_bindings(resource), *_bad_instances(resource)]
    if problems:
        raise InvalidResource(f"{kind} is not valid {release.value}: {'; '.join(problems)}")


@cache
def _model(kind: str, release: Release) -> type[BaseModel]:
    module = import_module(f"{_PACKAGES[release]}.{kind.lower()}")
    model: type[BaseModel] = getattr(module, kind)
    return model


def _without_instances(resource: Json) -> Json:
    if "series" not in resource:
        return resource
    bare = [{k: v for k, v in series.items() if k != "instance"} for series in resource["series"]]
    return {**resource, "series": bare}


def _rules(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, p['loc']))}: {p['type']}" for p in problems[:10])


def _open_bindings(resource: Json) -> Iterator[str]:
    for element, codes in _BINDINGS.get(resource["resourceType"], {}).items():
        if element in resource and resource[element] not in codes:
            yield f"{element}: not in the value set"
    for identifier in resource.get("identifier", ()):
        if identifier.get("use", "official") not in _IDENTIFIER_USE:
            yield "identifier.use: not in the value set"


def _bad_instances(resource: Json) -> Iterator[str]:
    for s, series in enumerate(resource.get("series", ())):
        for i, instance in enumerate(series.get("instance", ())):
            if not _ID.fullmatch(instance["uid"]):
                yield f"series.{s}.instance.{i}.uid: not an id"
