"""What elements a type of FHIR has, as the models of fhir.resources tell.

They are lax in checking, but made from HL7's own definitions: here they serve as such, and check
nothing.
"""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from bridge.fhir.releases import Release

PACKAGES = {Release.R4: "fhir.resources.R4B", Release.R5: "fhir.resources"}
RESOURCE = "Resource"
"""The type of elements that hold a whole resource."""

# Codes of required bindings that the models cut short with "+".
_WHOLE: Mapping[str, frozenset[str]] = {
    "Task.status": frozenset(
        {
            *("draft", "requested", "received", "accepted", "rejected", "ready", "cancelled"),
            *("in-progress", "on-hold", "failed", "completed", "entered-in-error"),
        }
    ),
    "ServiceRequest.intent": frozenset(
        {
            *("proposal", "plan", "directive", "order", "original-order", "reflex-order"),
            *("filler-order", "instance-order", "option"),
        }
    ),
    "Observation.status": frozenset(
        {
            *("registered", "preliminary", "final", "amended", "corrected", "cancelled"),
            *("entered-in-error", "unknown"),
        }
    ),
    "Encounter.status": frozenset(
        {
            *("planned", "arrived", "triaged", "in-progress", "onleave", "finished"),
            *("cancelled", "entered-in-error", "unknown"),
        }
    ),
    "Appointment.status": frozenset(
        {
            *("proposed", "pending", "booked", "arrived", "fulfilled", "cancelled", "noshow"),
            *("entered-in-error", "checked-in", "waitlist"),
        }
    ),
}
_WHOLE_R5: Mapping[str, frozenset[str]] = {
    **_WHOLE,
    "Encounter.status": frozenset(
        {
            *("planned", "in-progress", "on-hold", "discharged", "completed", "cancelled"),
            *("discontinued", "entered-in-error", "unknown"),
        }
    ),
}
_NO_CODES: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementDefinition:
    """One element: its type's name, whether it repeats, must be there, and which codes it may hold.

    `choice` is the name that the variants of a choice share (`occurrence[x]`).
    """

    type_name: str
    is_list: bool
    is_required: bool
    choice: str = ""
    choice_required: bool = False
    codes: frozenset[str] = _NO_CODES


Definition = Mapping[str, ElementDefinition]


def is_known(kind: str, release: Release) -> bool:
    """Whether there is a resource type of this name in the release."""
    return re.fullmatch(r"[A-Z][A-Za-z]{1,63}", kind) is not None and _has_model(kind, release)


@cache
def _has_model(kind: str, release: Release) -> bool:
    try:
        model = _model(f"{PACKAGES[release]}.{kind.lower()}.{kind}")
    except (ImportError, AttributeError):
        return False
    return "contained" in model.model_fields or kind in ("Bundle", "Binary", "Parameters")


def resource_definition(kind: str, release: Release) -> Definition:
    """The elements of a resource type that `is_known`."""
    return definition(f"{PACKAGES[release]}.{kind.lower()}.{kind}")


@cache
def definition(path: str) -> Definition:
    """The elements of a type, by their names in JSON; `path` is that of its model."""
    model = _model(path)
    release = Release.R4 if path.startswith(PACKAGES[Release.R4] + ".") else Release.R5
    kind = path.rpartition(".")[2]
    found = {}
    for name, field in model.model_fields.items():
        if name.endswith("__ext") or name in ("resource_type", "fhir_comments"):
            continue
        alias = field.alias or name
        extra: dict[str, Any] = field.json_schema_extra or {}  # type: ignore[assignment]
        is_list, type_name = _type_of(field.annotation)
        found[alias] = ElementDefinition(
            type_name=type_name,
            is_list=is_list,
            is_required=field.is_required() or bool(extra.get("element_required")),
            choice=str(extra.get("one_of_many", "")),
            choice_required=bool(extra.get("one_of_many_required")),
            codes=_codes(f"{kind}.{alias}", type_name, extra, release),
        )
    return found


def _codes(
    place: str, type_name: str, extra: Mapping[str, Any], release: Release
) -> frozenset[str]:
    """The codes of a required binding, which all elements of type `code` have; none: not known."""
    if type_name != "code":
        return _NO_CODES
    codes = frozenset(extra.get("enum_values", ()))
    if "+" in codes or place in _WHOLE:
        whole = _WHOLE_R5 if release is Release.R5 else _WHOLE
        return whole.get(place, _NO_CODES)
    return _NO_CODES if any(" " in code for code in codes) else codes


@cache
def _model(path: str) -> type[BaseModel]:
    module, _, name = path.rpartition(".")
    model: type[BaseModel] = getattr(import_module(module), name)
    return model


def _type_of(annotation: Any) -> tuple[bool, str]:
    """Whether it is a list, and of what: a primitive's name, `Resource`, or the path of a model."""
    origin = get_origin(annotation)
    if origin is list:
        return True, _type_of(get_args(annotation)[0])[1]
    if origin in (Union, types.UnionType):
        inner = [each for each in get_args(annotation) if each is not type(None)]
        return _type_of(inner[0])
    if origin is Annotated:
        base, *metadata = get_args(annotation)
        return False, _primitive(type(metadata[0]).__name__) if metadata else _PYTHON[base]
    if annotation in _PYTHON:
        return False, _PYTHON[annotation]
    path = getattr(annotation, "_model_klass", "")
    path = path if isinstance(path, str) else f"{path.__module__}.{path.__name__}"
    return False, RESOURCE if path.endswith(".Resource") else path


def _primitive(name: str) -> str:
    return _OTHER_NAMES.get(name) or name[0].lower() + name[1:]


_OTHER_NAMES = {"EncodedBytes": "base64Binary", "UuidVersion": "uuid"}


_PYTHON: Mapping[Any, str] = {
    bool: "boolean",
    int: "integer",
    str: "string",
    Decimal: "decimal",
    float: "decimal",
    date: "date",
    datetime: "dateTime",
    time: "time",
    bytes: "base64Binary",
}
