"""Which keys of a query are matched: asked of the code that reads them.

A key is matched when the reader of queries makes something else of a query that has it. So the
statement cannot say other than the code does, whatever tables the code works by.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields

from bridge.conformance.vocabulary import attributes
from bridge.dicom.attributes import attribute, element
from bridge.dicom.elements import DataSet, read
from bridge.domain.errors import BridgeError
from bridge.domain.worklist import DateTimeRange

_SAMPLES: Mapping[str, bytes] = {
    "AS": b"030Y",
    "DA": b"20261124",
    "DS": b"1.5",
    "DT": b"20261124",
    "IS": b"7",
    "TM": b"1200",
    "UI": b"1.2.3",
    **dict.fromkeys(("US", "SS"), struct.pack("<H", 7)),
    **dict.fromkeys(("UL", "SL", "AT"), struct.pack("<L", 7)),
    "FL": struct.pack("<f", 7),
    "FD": struct.pack("<d", 7),
}
_LETTER = b"Q"
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SV", "UN", "UV"})


@dataclass(frozen=True, slots=True)
class MatchedKey:
    """An attribute that is matched: its tag and VR, and how."""

    tag: int
    vr: str
    how: str


def matched_keys(read_query: Callable[[DataSet], object]) -> Iterator[MatchedKey]:
    """Each key that changes what `read_query` makes of an otherwise empty Identifier."""
    nothing = read_query(DataSet({}))
    for tag, (keyword, vr) in sorted(attributes().items()):
        if vr in _BINARY or vr == "SQ":
            continue
        _, sample = element(attribute(keyword), _SAMPLES.get(vr, _LETTER))
        asked = _asked(read_query, read(sample))
        if asked is not None and asked != nothing:
            yield MatchedKey(tag, vr, _how(nothing, asked, vr))


def _asked(read_query: Callable[[DataSet], object], identifier: DataSet) -> object | None:
    try:
        return read_query(identifier)
    except BridgeError:
        return None


def _how(nothing: object, asked: object, vr: str) -> str:
    """How a key is matched, from what its value became."""
    changed = [
        getattr(asked, field.name)
        for field in fields(asked)  # type: ignore[arg-type]
        if getattr(asked, field.name) != getattr(nothing, field.name)
    ]
    if any(isinstance(each, DateTimeRange) for each in changed):
        return "single value, range"
    if vr == "UI":
        return "list of UIDs"
    if vr == "PN":
        return "single value, wildcard, without regard to case and accents"
    if any(isinstance(each, int) for each in changed):
        return "single value"
    several = any(isinstance(each, tuple) for each in changed)
    return "single value, wildcard" + ("; several values mean any of them" if several else "")
