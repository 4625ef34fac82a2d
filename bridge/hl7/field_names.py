"""What a field is called: the names of the HL7 standard beside a message's values.

The names are hl7apy's, which has them for v2.1 to v2.8.2; what a message contains is the reader's
word alone (docs/decisions/0001).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from bridge.hl7.segments import Message, Segment
from bridge.hl7.standard_tables import look_up

_FALLBACK = "2.5.1"
_KNOWN = (
    "2.8.2",
    "2.8.1",
    "2.8",
    "2.7",
    "2.6",
    "2.5.1",
    "2.5",
    "2.4",
    "2.3.1",
    "2.3",
    "2.2",
    "2.1",
)
_MSH_SEPARATORS = 2


def named_fields(message: Message) -> Iterator[tuple[str, str, str]]:
    """Every field that has a value: its place (`OBR-18`), its name, and the value as ER7 text."""
    version = library_version(message.version)
    seen: dict[str, int] = {}
    for segment in message.segments:
        seen[segment.name] = seen.get(segment.name, 0) + 1
        ordinal = f"[{seen[segment.name]}]" if seen[segment.name] > 1 else ""
        for number, value in _values(segment):
            place = f"{segment.name}{ordinal}-{number}"
            yield place, field_name(segment.name, number, version), value


@lru_cache(maxsize=4096)
def field_name(segment: str, number: int, version: str = _FALLBACK) -> str:
    """The standard's name of a field, `Patient name`; empty for Z segments and unknown fields."""
    reference = look_up(version, f"{segment}_{number}", "Field")
    if reference is None:
        return ""
    name = str(reference[3] or "")
    return name.replace("_", " ").capitalize()


def library_version(declared: str) -> str:
    """The version whose names to use: the declared one, else the nearest that hl7apy has."""
    known = (each for each in _KNOWN if declared == each or declared.startswith(f"{each}."))
    return next(known, _FALLBACK)


def _values(segment: Segment) -> Iterator[tuple[int, str]]:
    first = _MSH_SEPARATORS + 1 if segment.name == "MSH" else 1
    for number, value in enumerate(segment.fields):
        if number >= first and value:
            yield number, value
