"""JSON bodies as objects (FHIR R4 2.6.2): what JSON lets pass and FHIR does not is told."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from bridge.domain.errors import DataTypeError
from bridge.fhir.identifiers import Json

_DEEPEST = 100
"""Levels of nesting: no resource comes near, and Python's own parser gives up much later."""


def parse_body(body: bytes) -> Json:
    """Read a body.

    Numbers with a fraction stay floats; nothing that the bridge reads depends on their precision.

    Raises:
        DataTypeError: it is no UTF-8, no JSON, no object, repeats a key or is nested too deeply.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataTypeError(f"not UTF-8 at byte {error.start}", location="") from None
    if _nesting(text) > _DEEPEST:
        raise DataTypeError("nested too deeply", location="")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise DataTypeError(f"not JSON: {error.msg} at {where}", location="") from None
    except (RecursionError, ValueError):  # an integer of thousands of digits
        raise DataTypeError("not JSON that can be read", location="") from None
    if not isinstance(value, dict):
        raise DataTypeError("not a JSON object", location="")
    return value


def _object(pairs: list[tuple[str, Any]]) -> Json:
    found: Json = {}
    for key, value in pairs:
        if key in found:
            raise DataTypeError(f"the property {key[:64]!r} stands twice", location="")
        found[key] = value
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise DataTypeError(f"{name} is no JSON number", location="")


def _nesting(text: str) -> int:
    """How deep objects and arrays are nested at most; brackets inside strings do not count."""
    deepest = depth = 0
    inside = escaped = False
    for character in text:
        if inside:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                inside = False
        elif character == '"':
            inside = True
        elif character in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "}]":
            depth -= 1
    return deepest
