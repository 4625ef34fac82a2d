"""JSON Patch (RFC 6902) of a resource (FHIR R4 3.1.0.6)."""

from __future__ import annotations

import base64
import binascii
import copy
import json
from typing import Any

import jsonpatch

from bridge.fhir.identifiers import Json
from bridge.fhir.server.media_types import JSON_PATCH
from bridge.fhir.server.refusals import FhirRefusal

_MOST_OPERATIONS = 1000
_MOST_PARTS = 200_000
_OPERATIONS = frozenset({"add", "remove", "replace", "move", "copy", "test"})


def read_patch(body: bytes) -> list[Any]:
    """The operations of a patch document. Raises FhirRefusal 400 when it is none."""
    try:
        found = json.loads(body)
        json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise _no_patch("it is not JSON") from None
    if not isinstance(found, list) or len(found) > _MOST_OPERATIONS:
        raise _no_patch("it is not a list of operations, or too long a one")
    for each in found:
        known = isinstance(each, dict) and str(each.get("op")) in _OPERATIONS
        if not known or not isinstance(each.get("path"), str):
            raise _no_patch("each operation has an `op` of RFC 6902 and a `path`")
    return found


def patch_of_binary(resource: Json | None) -> list[Any]:
    """The patch that a Bundle carries as a Binary (R4 3.1.0.6.1)."""
    binary = resource or {}
    if binary.get("resourceType") != "Binary" or binary.get("contentType") != JSON_PATCH:
        raise _no_patch("in a Bundle it is a Binary of application/json-patch+json")
    try:
        return read_patch(base64.b64decode(str(binary.get("data") or ""), validate=True))
    except binascii.Error:
        raise _no_patch("the data of its Binary is no base64") from None


def patched(resource: Json, operations: list[Any]) -> Json:
    """The resource with the patch applied.

    Raises:
        FhirRefusal: 422 when an operation cannot be done, 409 when a test fails.
    """
    result: Any = copy.deepcopy(resource)
    for operation in operations:
        result = _applied(result, operation)
        if operation["op"] == "copy" and _is_too_large(result):
            raise FhirRefusal(422, "the patch makes the resource too large", code="too-costly")
    if not isinstance(result, dict):
        raise FhirRefusal(422, "the patch leaves no resource", code="structure")
    same = all(result.get(name) == resource.get(name) for name in ("resourceType", "id"))
    if not same:
        raise FhirRefusal(422, "a patch cannot change the type or the id", code="business-rule")
    return result


def _applied(value: Any, operation: Any) -> Any:
    try:
        return jsonpatch.apply_patch(value, [operation], in_place=True)
    except jsonpatch.JsonPatchTestFailed:
        raise FhirRefusal(409, "a test of the patch fails", code="conflict") from None
    except Exception:  # the library lets errors of Python through for operations that make no sense
        raise FhirRefusal(
            422, "an operation of the patch cannot be done on the resource", code="processing"
        ) from None


def _is_too_large(value: Any) -> bool:
    """Whether a value has more parts than any resource: copies of copies double each time."""
    waiting, count = [value], 0
    while waiting and count <= _MOST_PARTS:
        each = waiting.pop()
        count += 1
        if isinstance(each, dict):
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
    return count > _MOST_PARTS


def _no_patch(why: str) -> FhirRefusal:
    return FhirRefusal(400, f"no JSON Patch: {why}", code="structure")
