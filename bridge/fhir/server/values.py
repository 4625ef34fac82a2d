"""The values of search parameters (FHIR R4 3.1.1.4), as tests of fields and of terms."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from urllib.parse import unquote

from bridge.domain.names import fold
from bridge.fhir.identifiers import IdentifierSystems
from bridge.fhir.server.moments import Period, read_period, site_text, utc_text
from bridge.fhir.server.parameters import Meaning, Parameter, ParameterType
from bridge.fhir.server.refusals import FhirRefusal
from bridge.fhir.terms import CODE_SYSTEMS
from bridge.services.find_records import Absent, Between, Exactly, Like, Test, Where

_PREFIX = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.DOTALL)
_ABOUT = timedelta(days=1)
Say = Callable[[datetime], str | float]
"""A moment as a field has it."""


@dataclass(frozen=True, slots=True)
class Token:
    """`system|code`. `system` None is any, and empty none at all."""

    code: str
    system: str | None = None

    @property
    def term(self) -> str:
        """What the token is among the terms of a received resource."""
        return self.code if self.system is None else f"{self.system}|{self.code}"


def split(text: str, mark: str) -> list[str]:
    r"""Split at a mark that is not escaped by a backslash (R4 3.1.1.4.0)."""
    pieces = re.findall(rf"((?:\\.|[^\\{re.escape(mark)}]|\\$)*)(?:{re.escape(mark)}|$)", text)
    return pieces[:-1] if len(pieces) > 1 and not text.endswith(mark) else pieces or [""]


def unescape(text: str) -> str:
    r"""Undo `\,` `\|` `\$` and `\\`."""
    return re.sub(r"\\([\\$,|])", r"\1", text)


def read_token(text: str, name: str) -> Token:
    """A token. Raises FhirRefusal when it names a system and no code."""
    parts = split(text, "|")
    if len(parts) == 1:
        return Token(unescape(parts[0]))
    system, code = unescape(parts[0]), unescape("|".join(parts[1:]))
    if not code:
        raise FhirRefusal(
            400,
            f"{name}: a system without a code or value cannot be searched for",
            code="not-supported",
            expression=f"http.{name}",
        )
    return Token(code, system)


def term_tests(parameter: Parameter, value: str, modifier: str, zone: tzinfo) -> list[Test]:
    """A value as tests of the terms that received resources have for a parameter."""
    if parameter.type is ParameterType.DATE:
        return [_date_test(value, parameter.name, zone, utc_text)]
    if parameter.type is ParameterType.STRING:
        where = Where.ANYWHERE if modifier == "contains" else Where.WORD
        return [Like(fold(unescape(value)), where)]
    return [Exactly(read_token(value, parameter.name).term)]


def field_tests(parameter: Parameter, value: str, modifier: str, zone: tzinfo) -> list[Test]:
    """A value as tests of the field of the domain that a parameter asks."""
    if parameter.type is ParameterType.DATE:
        return [_date_test(value, parameter.name, zone, _says(parameter.meaning, zone))]
    if parameter.type is ParameterType.STRING:
        return [Like(fold(unescape(value)), _where(parameter.meaning, modifier))]
    token = read_token(value, parameter.name)
    if parameter.codes:
        return [Exactly(each) for each in parameter.codes.get(token.code, ())]
    return [Exactly(token.code)]


def coding_tests(value: str, name: str, systems: IdentifierSystems) -> list[Test] | None:
    """A token with a system as tests of code and coding scheme; None when it has no system."""
    token = read_token(value, name)
    if token.system is None:
        return None
    return [Exactly(f"{token.code}|{scheme}") for scheme in _schemes(token.system, systems)]


def _schemes(system: str, systems: IdentifierSystems) -> Iterator[str]:
    """The coding scheme designators that a code system may be kept under."""
    yield system
    yield from (name for name, uri in CODE_SYSTEMS.items() if uri == system)
    yield from (name for name, uri in systems.known.items() if uri == system)
    if system.startswith(systems.prefix):
        yield unquote(system.removeprefix(systems.prefix))


def negated(tests: Iterable[Test]) -> Iterator[Test]:
    """The opposite of each, all of which must hold."""
    for test in tests:
        if isinstance(test, Exactly):
            yield Exactly(test.value, other=True)


def missing_test(values: Sequence[str], name: str) -> Absent:
    """`:missing=true` or `false`."""
    if list(values) not in (["true"], ["false"]):
        raise FhirRefusal(
            400, f"{name}:missing is true or false", code="value", expression=f"http.{name}"
        )
    return Absent(present=values[0] == "false")


def _where(meaning: Meaning, modifier: str) -> Where:
    if modifier == "contains":
        return Where.ANYWHERE
    return _NAMES.get(meaning, Where.WORD)


_NAMES: Mapping[Meaning, Where] = {
    Meaning.FAMILY_NAME: Where.START,
    Meaning.GIVEN_NAME: Where.LATER_WORD,
}


def _says(meaning: Meaning, zone: tzinfo) -> Say:
    if meaning is Meaning.UNIX_TIME:
        return lambda moment: moment.timestamp()
    return lambda moment: site_text(moment, zone)


def _date_test(value: str, name: str, zone: tzinfo, say: Say) -> Test:
    match = _PREFIX.fullmatch(value)
    prefix, text = (match[1] or "eq", match[2]) if match else ("eq", value)
    # In a query a plus sign is a space, and few clients escape that of an offset.
    period = read_period(text.replace(" ", "+"), zone)
    try:
        test = _between(prefix, period, say) if period else None
    except (OverflowError, ValueError):
        test = None
    if test is None:
        raise FhirRefusal(
            400,
            f"{name} is a date or time such as ge2026-01-31 or lt2026-01-31T08:00:00Z",
            code="value",
            expression=f"http.{name}",
        )
    return test


def _between(prefix: str, period: Period, say: Say) -> Test:
    if prefix == "ap":
        high = None if period.high is None else period.high + _ABOUT
        period, prefix = Period(period.low - _ABOUT, high), "eq"
    low, high_text = say(period.low), None if period.high is None else say(period.high)
    return {
        "eq": Between(low, high_text),
        "ne": Between(low, high_text, outside=True),
        "ge": Between(low, None),
        "lt": Between(None, low),
        "eb": Between(None, low),
        # What the calendar has no more is beyond every value.
        "gt": Between(high_text if high_text is not None else _BEYOND[type(low)], None),
        "sa": Between(high_text if high_text is not None else _BEYOND[type(low)], None),
        "le": Between(None, high_text),
    }[prefix]


_BEYOND: Mapping[type, str | float] = {str: "~", float: 1e300}
