"""A search as it was asked: its criteria, and how the answer is to be shaped (FHIR R4 3.1.1)."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from bridge.fhir.server.parameters import Parameter, ParameterType
from bridge.fhir.server.refusals import FhirRefusal
from bridge.fhir.server.resource_types import EVERYWHERE, RESULT_PARAMETERS, TYPES, ResourceType
from bridge.fhir.server.values import split

DEFAULT_COUNT, MOST_COUNT = 50, 500
_MOST_CRITERIA = 100
_SUMMARIES = frozenset({"true", "false", "text", "data", "count"})
_TOTALS = frozenset({"none", "estimate", "accurate"})
_SORTS = frozenset({"", "_lastUpdated", "-_lastUpdated", "_id"})
MODIFIERS: dict[ParameterType, frozenset[str]] = {
    ParameterType.TOKEN: frozenset({"", "not", "missing"}),
    ParameterType.STRING: frozenset({"", "contains", "missing"}),
    ParameterType.DATE: frozenset({"", "missing"}),
    ParameterType.REFERENCE: frozenset({"", "identifier", "missing", *TYPES}),
    ParameterType.URI: frozenset({""}),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One criterion: any of the values. `chain` is a parameter of the reference's target."""

    parameter: Parameter
    values: tuple[str, ...]
    modifier: str = ""
    chain: str = ""


@dataclass(frozen=True, slots=True)
class Inclusion:
    """`Type:parameter` of _include or _revinclude; `parameter` may be `*`."""

    type: str
    parameter: str
    target: str = ""
    iterates: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: beyond a resource, forwards or backwards."""

    section: int
    updated_at: float
    pk: int
    backwards: bool = False

    def text(self) -> str:
        """The cursor as it stands in a link."""
        packed = json.dumps([self.section, self.updated_at, self.pk, self.backwards])
        return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A whole search. `used` are the parameters that were understood, for the links."""

    type: ResourceType
    asked: tuple[Asked, ...]
    count: int = DEFAULT_COUNT
    sort: str = ""
    total: str = ""
    summary: str = ""
    elements: tuple[str, ...] = ()
    includes: tuple[Inclusion, ...] = ()
    revincludes: tuple[Inclusion, ...] = ()
    cursor: Cursor | None = None
    used: tuple[tuple[str, str], ...] = ()

    def link(self, base: str, cursor: Cursor | None = None) -> str:
        """The address of this search, or of the page at a cursor."""
        pairs = [(name, value) for name, value in self.used if name != "_cursor"]
        pairs = [*pairs, ("_cursor", cursor.text())] if cursor else pairs
        said = "&".join(f"{quote(n, safe=':._-')}={quote(v, safe=':,|/-._')}" for n, v in pairs)
        return f"{base}/{self.type.name}{'?' if said else ''}{said}"


def read_query(type_: ResourceType, pairs: Sequence[tuple[str, str]], *, strict: bool) -> Query:
    """Understand the parameters of a search.

    Raises:
        FhirRefusal: 400 for a value or modifier that makes no sense, and with `strict` for a
            parameter that is not known.
    """
    if len(pairs) > _MOST_CRITERIA:
        raise FhirRefusal(400, f"more than {_MOST_CRITERIA} parameters", code="too-costly")
    asked: list[Asked] = []
    shape: dict[str, list[str]] = {}
    used: list[tuple[str, str]] = []
    unknown: list[str] = []
    for name, value in pairs:
        base = name.partition(":")[0]
        if base in RESULT_PARAMETERS:
            if not _can_be_done(base, value):
                unknown.append(name)
                continue
            shape.setdefault(base, []).append(f"{name.removeprefix(base)} {value}")
        elif value == "":
            continue  # says nothing (R4 3.1.1.4)
        elif (criterion := _criterion(type_, name, value)) is not None:
            asked.append(criterion)
        else:
            unknown.append(name)
            continue
        used.append((name, value))
    if unknown and strict:
        raise FhirRefusal(
            400,
            f"{type_.name} is not searched by {', '.join(sorted(set(unknown)))[:200]}",
            code="not-supported",
            expression=f"http.{unknown[0][:64]}",
        )
    return _shaped(type_, tuple(asked), shape, tuple(used))


def _shaped(
    type_: ResourceType,
    asked: tuple[Asked, ...],
    shape: dict[str, list[str]],
    used: tuple[tuple[str, str], ...],
) -> Query:
    def one(name: str, allowed: frozenset[str] | None = None) -> str:
        value = shape.get(name, [" "])[-1].partition(" ")[2]
        if value and allowed is not None and value not in allowed:
            raise _invalid(name, f"one of {', '.join(sorted(allowed))}")
        return value

    return Query(
        type=type_,
        asked=asked,
        count=_count(one("_count")),
        sort=one("_sort"),
        total=one("_total", _TOTALS),
        summary=one("_summary", _SUMMARIES),
        elements=tuple(e.strip() for e in one("_elements").split(",") if e.strip()),
        includes=tuple(_inclusion("_include", each) for each in shape.get("_include", ())),
        revincludes=tuple(_inclusion("_revinclude", each) for each in shape.get("_revinclude", ())),
        cursor=_cursor(one("_cursor")),
        used=used,
    )


def parameter_of(type_: ResourceType, name: str) -> Parameter | None:
    """A parameter of the type, or one that every type has."""
    everywhere = (each for each in EVERYWHERE if each.name == name)
    return type_.parameter(name) or next(everywhere, None)


def _can_be_done(name: str, value: str) -> bool:
    """Whether an order or an inclusion is one of ours; another is like an unknown parameter."""
    if name == "_sort":
        return value in _SORTS
    if name not in ("_include", "_revinclude"):
        return True
    kind, _, parameter = value.partition(":")
    parameter = parameter.partition(":")[0]
    if value == "*":
        return name == "_include"
    return kind in TYPES and parameter in ("*", *TYPES[kind].includes)


def _criterion(type_: ResourceType, name: str, value: str) -> Asked | None:
    head, _, chain = name.partition(".")
    base, _, modifier = head.partition(":")
    parameter = parameter_of(type_, base)
    if parameter is None:
        return None
    if modifier not in MODIFIERS[parameter.type] or (chain and not parameter.targets):
        raise FhirRefusal(
            400,
            f"{base} is not searched in this way",
            code="not-supported",
            expression=f"http.{name[:64]}",
        )
    if modifier in TYPES and modifier not in parameter.targets:
        raise _invalid(name[:64], f"a reference to {' or '.join(parameter.targets)}")
    values = tuple(each for each in split(value, ",") if each)
    return Asked(parameter, values, modifier, chain) if values else None


def _count(text: str) -> int:
    if not text:
        return DEFAULT_COUNT
    digits = 9
    if not text.isascii() or not text.isdigit() or len(text) > digits:
        raise _invalid("_count", "a number that is not negative")
    return min(int(text), MOST_COUNT)


def _inclusion(name: str, said: str) -> Inclusion:
    modifier, _, value = said.partition(" ")
    if modifier not in ("", ":iterate", ":recurse"):
        raise _invalid(name, "followed by nothing or :iterate")
    kind, _, rest = value.partition(":")
    parameter, _, target = rest.partition(":")
    return Inclusion(kind, parameter or "*", target, modifier != "")


def _cursor(text: str) -> Cursor | None:
    if not text:
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        section, updated_at, pk, backwards = json.loads(base64.b64decode(padded, b"-_", True))
        cursor = Cursor(int(section), float(updated_at), int(pk), bool(backwards))
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise _invalid("_cursor", "a cursor taken from a link") from None
    largest = 2**63 - 1
    if cursor.section not in (0, 1) or not 0 <= cursor.pk <= largest:
        raise _invalid("_cursor", "a cursor taken from a link")
    return cursor


def _invalid(name: str, wanted: str) -> FhirRefusal:
    return FhirRefusal(400, f"{name} must be {wanted}", code="value", expression=f"http.{name}")
