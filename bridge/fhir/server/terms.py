"""What a received resource is found by: the values of its search parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta, tzinfo
from typing import Any

from bridge.domain.names import fold
from bridge.fhir.identifiers import ACCESSION, Json
from bridge.fhir.server.moments import read_period, utc_text
from bridge.fhir.server.parameters import Meaning, Parameter, ParameterType
from bridge.fhir.server.resource_types import TYPES
from bridge.services.keep_resources import Term

LATEST = "9999-12-31T23:59:59.999999Z"
EARLIEST = "0001-01-01T00:00:00.000000Z"
_NAME_PARTS = ("text", "family", "given", "prefix", "suffix")


def terms_of(resource: Json, base: str, zone: tzinfo) -> list[Term]:
    """Every value that the type's parameters find in a resource."""
    parameters = TYPES[resource["resourceType"]].parameters
    return [term for each in parameters for term in _terms(each, resource, base, zone)]


def _terms(parameter: Parameter, resource: Json, base: str, zone: tzinfo) -> Iterator[Term]:
    values = [v for path in parameter.paths for v in elements(resource, path.split("."))]
    if parameter.type is ParameterType.DATE:
        for value in values:
            yield from _periods(parameter.name, value, zone)
    elif parameter.type is ParameterType.REFERENCE:
        for value in values:
            yield from (Term(parameter.name, each) for each in _references(value, base))
    elif parameter.meaning is Meaning.IDENTIFIER:
        wanted = ACCESSION if parameter.name == "accession" else ""
        for value in values:
            yield from (Term(parameter.name, each) for each in _identifiers(value, wanted))
    else:
        read = _READERS[parameter.type]
        yield from (Term(parameter.name, each) for value in values for each in read(value))


def elements(value: Any, path: list[str]) -> Iterator[Any]:
    """The values at a path, through every list."""
    if isinstance(value, list):
        for each in value:
            yield from elements(each, path)
    elif not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from elements(value[path[0]], path[1:])


def tokens(value: Any) -> Iterator[str]:
    """`system|code`, and `code` alone, of a code, Coding, CodeableConcept or CodeableReference."""
    if isinstance(value, bool):
        yield from _token("", "true" if value else "false")
    elif isinstance(value, str | int | float):
        yield from _token("", str(value))
    elif isinstance(value, dict):
        if isinstance(value.get("concept"), dict):
            yield from tokens(value["concept"])
        if isinstance(value.get("coding"), list):
            for each in value["coding"]:
                yield from tokens(each)
        code = value.get("code", value.get("value"))
        if isinstance(code, str):
            yield from _token(str(value.get("system") or ""), code)


def _token(system: str, code: str) -> Iterator[str]:
    yield f"{system}|{code}"
    yield code


def is_typed(identifier: Json, code: str) -> bool:
    """Whether an identifier says that it is of this type of HL7 table 0203."""
    return any(
        isinstance(each, dict) and each.get("code") == code
        for each in elements(identifier, ["type", "coding"])
    )


def _identifiers(value: Any, wanted: str) -> Iterator[str]:
    if isinstance(value, dict) and (not wanted or is_typed(value, wanted)):
        yield from tokens(value)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield fold(value)
    elif isinstance(value, dict):
        for part in _NAME_PARTS:
            for each in elements(value, [part]):
                if isinstance(each, str):
                    yield fold(each)


def _references(value: Any, base: str) -> Iterator[str]:
    """`Type/id` of a reference to ours, the address of another, `:identifier` of a logical one."""
    if isinstance(value, dict) and isinstance(value.get("reference"), dict):
        yield from _references(value["reference"], base)
        return
    if not isinstance(value, dict):
        return
    text = value.get("reference")
    if isinstance(text, str) and text:
        yield local_reference(text, base)
    if isinstance(value.get("identifier"), dict):
        yield from (f":identifier {each}" for each in tokens(value["identifier"]))


def local_reference(text: str, base: str) -> str:
    """A reference without our address and without a version."""
    text = text.partition("/_history/")[0]
    return text.removeprefix(f"{base}/") if base else text


def reference_parts(text: str, base: str) -> tuple[str, str] | None:
    """Type and id of a literal reference to a resource of ours; None for any other."""
    kind, slash, name = local_reference(text, base).partition("/")
    return (kind, name) if kind in TYPES and slash and name and "/" not in name else None


def _periods(name: str, value: Any, zone: tzinfo) -> Iterator[Term]:
    if isinstance(value, str):
        period = read_period(value, zone)
        if period is not None:
            until = LATEST
            if period.high is not None:
                until = utc_text(period.high - timedelta(microseconds=1))
            yield Term(name, utc_text(period.low), until)
    elif isinstance(value, dict):
        start = list(_periods(name, value.get("start"), zone))
        end = list(_periods(name, value.get("end"), zone))
        if start or end:
            low = start[0].value if start else EARLIEST
            yield Term(name, low, end[0].until if end else LATEST)


_READERS: Mapping[ParameterType, Callable[[Any], Iterable[str]]] = {
    ParameterType.TOKEN: tokens,
    ParameterType.URI: tokens,
    ParameterType.STRING: _strings,
}
