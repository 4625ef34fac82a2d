"""The form of a resource: elements, cardinalities, data types and required bindings (FHIR R4 2.1).

Where fhir.resources is lax (a number as text, a status of no value set), it is told here, with the
FHIRPath of each place. What is empty, and how narratives look, is only warned of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bridge.fhir.identifiers import Json
from bridge.fhir.reading.definitions import (
    RESOURCE,
    Definition,
    ElementDefinition,
    definition,
    is_known,
    resource_definition,
)
from bridge.fhir.reading.issues import Issue
from bridge.fhir.releases import Release

MOST_ISSUES = 50
_UNCHECKED = frozenset({"resourceType", "fhir_comments"})

_DATE = r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01])"
_TIME = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
_ZONE = r"(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))"
_PATTERNS = {
    name: re.compile(pattern)
    for name, pattern in {
        "id": r"[A-Za-z0-9\-.]{1,64}",
        "code": r"\S+( \S+)*",
        "uri": r"\S*",
        "url": r"\S*",
        "canonical": r"\S*",
        "oid": r"urn:oid:[0-2](\.(0|[1-9]\d*))+",
        "uuid": r"urn:uuid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        "date": rf"{_DATE})?)?",
        # Seconds and a zone go with a time (R4 2.24.0.1); without them there is still one meaning.
        "dateTime": rf"{_DATE}(T([01]\d|2[0-3]):[0-5]\d(:([0-5]\d|60)(\.\d+)?)?{_ZONE}?)?)?)?",
        "instant": rf"{_DATE}T{_TIME}{_ZONE})){{1}}",
        "time": _TIME,
        "base64Binary": r"[0-9A-Za-z+/=\s]*",
    }.items()
}
_LARGEST = 2**31 - 1
_RANGES = {
    "integer": (-(2**31), _LARGEST),
    "unsignedInt": (0, _LARGEST),
    "positiveInt": (1, _LARGEST),
}


def check_resource(resource: Json, release: Release, at: str = "") -> tuple[Issue, ...]:
    """What is wrong with the form of a resource; `at` is where it stands in its Bundle.

    The resources in a Bundle's entries are not looked into: each is taken or refused on its own.
    """
    kind = resource.get("resourceType")
    is_name = isinstance(kind, str) and re.fullmatch(r"[A-Za-z]{1,64}", kind)
    at = at or (str(kind) if is_name else "Resource")
    if not isinstance(kind, str) or not kind:
        return (Issue("structure", at, "resourceType is missing"),)
    if not is_known(kind, release):
        return (Issue("not-supported", at, f"no resource type of {release.value}"),)
    found = []
    for issue in _check_object(resource, resource_definition(kind, release), at, release):
        found.append(issue)
        if len(found) == MOST_ISSUES:
            break
    if kind != "Bundle":
        found += _check_contained(resource, at)
    return tuple(found)


def _check_object(value: Json, elements: Definition, at: str, release: Release) -> Iterator[Issue]:
    yield from _check_presence(value, elements, at)
    for name, content in value.items():
        element = elements.get(name.removeprefix("_"))
        if element is None:
            if name not in _UNCHECKED:
                yield Issue("structure", at, f"{_shown(name)} is no element of it")
        elif name.startswith("_"):
            yield from _check_extensions(content, element, f"{at}.{name[1:]}")
        else:
            where = f"{at}.{_in_path(name, element)}"
            yield from _check_element(content, element, where, release)


def _check_presence(value: Json, elements: Definition, at: str) -> Iterator[Issue]:
    choices: dict[str, int] = {}
    required = set()
    for name, element in elements.items():
        here = name in value or f"_{name}" in value
        if element.is_required and not here and not element.choice:
            yield Issue("required", f"{at}.{name}", "must be there")
        if element.choice:
            choices[element.choice] = choices.get(element.choice, 0) + here
            if element.choice_required:
                required.add(element.choice)
    for choice, count in choices.items():
        if count > 1:
            yield Issue("structure", f"{at}.{choice}", "only one of its types may be there")
        elif not count and choice in required:
            yield Issue("required", f"{at}.{choice}", "must be there")


def _check_element(
    content: Any, element: ElementDefinition, at: str, release: Release
) -> Iterator[Issue]:
    if not element.is_list:
        yield from _check_value(content, element, at, release)
        return
    if not isinstance(content, list):
        yield Issue("structure", at, "must be an array")
        return
    if not content:
        yield Issue("structure", at, "an empty array, taken as absent", "warning")
    for index, item in enumerate(content):
        if item is not None or "." in element.type_name:
            yield from _check_value(item, element, f"{at}[{index}]", release)


def _check_value(
    value: Any, element: ElementDefinition, at: str, release: Release
) -> Iterator[Issue]:
    kind = element.type_name
    if kind == RESOURCE:
        yield from _check_inner(value, at, release)
    elif "." not in kind:
        yield from _check_primitive(value, element, at)
    elif not isinstance(value, dict):
        yield Issue("structure", at, "must be an object")
    elif not value:
        yield Issue("structure", at, "an empty object, taken as absent", "warning")
    else:
        yield from _check_object(value, definition(kind), at, release)


def _check_inner(value: Any, at: str, release: Release) -> Iterator[Issue]:
    """A contained resource; those of a Bundle's entries are for their own reading."""
    if not isinstance(value, dict):
        yield Issue("structure", at, "must be a resource")
    elif ".contained[" in at:
        yield from check_resource(value, release, at)


def _check_primitive(value: Any, element: ElementDefinition, at: str) -> Iterator[Issue]:
    kind = element.type_name
    check = _JSON_TYPES.get(kind, _is_text)
    if not check(value):
        yield Issue("value", at, f"must be {_JSON_NAMES.get(kind, 'a string')}")
    elif value == "":
        yield Issue("value", at, "an empty string, taken as absent", "warning")
    elif kind in _RANGES and not _RANGES[kind][0] <= value <= _RANGES[kind][1]:
        yield Issue("value", at, f"out of the range of {kind}")
    elif kind in _PATTERNS and not _PATTERNS[kind].fullmatch(value):
        yield Issue("value", at, f"not of the form of {kind}")
    elif isinstance(value, str) and "\x00" in value:
        yield Issue("value", at, "holds a NUL character")
    elif element.codes and value not in element.codes:
        yield Issue("code-invalid", at, "not in the value set that is required here")


def _check_extensions(content: Any, element: ElementDefinition, at: str) -> Iterator[Issue]:
    """The `_name` beside a primitive, which holds its id and extensions."""
    if "." in element.type_name or element.type_name == RESOURCE:
        yield Issue("structure", at, "only primitives have extensions in a property of their own")
    elif not isinstance(content, list if element.is_list else dict):
        yield Issue("structure", at, "its extensions are not where they belong")


def _check_contained(resource: Json, at: str) -> Iterator[Issue]:
    contained = resource.get("contained")
    seen: set[str] = set()
    for index, inner in enumerate(contained if isinstance(contained, list) else ()):
        name = inner.get("id") if isinstance(inner, dict) else None
        if isinstance(name, str):
            if name in seen:
                yield Issue("duplicate", f"{at}.contained[{index}].id", "stands twice")
            seen.add(name)


def _in_path(name: str, element: ElementDefinition) -> str:
    """FHIRPath names a choice without its type."""
    return element.choice or name


def _shown(name: str) -> str:
    """A property's name that tells nothing it should not."""
    return repr(name) if re.fullmatch(r"\w{1,64}", name) else "a property"


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_JSON_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "boolean": lambda value: isinstance(value, bool),
    "integer": _is_whole,
    "unsignedInt": _is_whole,
    "positiveInt": _is_whole,
    "decimal": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}
_JSON_NAMES = {
    "boolean": "true or false",
    "integer": "a whole number",
    "unsignedInt": "a whole number",
    "positiveInt": "a whole number",
    "decimal": "a number",
}
