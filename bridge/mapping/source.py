"""What a profile reads from: segments by name, as the HL7 edge hands them over."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Protocol

from bridge.domain.errors import BridgeError
from bridge.domain.identifiers import NO_AUTHORITY, Authority

NULL = '""'
"""What HL7 v2 writes for: delete what is on record (v2.5.1 2.5.3)."""

FIELDS_TOLD = 64
"""Of how many fields `Segment.filled` tells; few segments of the standard have more."""

_SYNTAX = re.compile(
    r"(?P<segment>[A-Z][A-Z0-9]{2})-(?P<field>[1-9]\d*)(?:\[(?P<repetition>[1-9]\d*)\])?"
    r"(?:\.(?P<component>[1-9]\d*)(?:\.(?P<subcomponent>[1-9]\d*))?)?"
)


class Marks(Protocol):
    """The delimiters of the message."""

    @property
    def component(self) -> str:
        """Between components."""

    @property
    def subcomponent(self) -> str:
        """Between subcomponents."""

    @property
    def escape(self) -> str:
        """Around escape sequences."""


class Encoding(Protocol):
    """How the text of the message is written."""

    @property
    def delimiters(self) -> Marks:
        """The delimiters."""

    def unescape(self, text: str) -> str:
        """Replace escape sequences by what they stand for."""


class Segment(Protocol):
    """One segment; fields are numbered as the standard does, repetitions from 0."""

    name: str
    sequence: int

    @property
    def encoding(self) -> Encoding:
        """How its text is written."""

    @property
    def fields(self) -> Sequence[str]:
        """The fields as written; number 0 is the segment's name."""

    @property
    def filled(self) -> bytes:
        """A byte for each of the first `FIELDS_TOLD` fields: 1 when it holds anything, else 0."""

    def field(self, n: int, rep: int = 0, component: int = 1, subcomponent: int = 1) -> str:
        """One value, escapes replaced; "" when it is absent or null."""

    def raw(self, n: int, rep: int = 0) -> str:
        """A repetition as written."""

    def text(self, n: int, rep: int = 0) -> str:
        """A whole repetition, delimiters kept, escapes replaced."""

    def count(self, n: int) -> int:
        """How many repetitions a field has."""


Scope = Mapping[str, Sequence[Segment]]
"""The segments a row may read, by name, in the order of the message."""


@dataclass(frozen=True, slots=True)
class Place:
    """A field, or a component of it: `OBR-4.5`. No repetition named means any."""

    segment: str
    field: int
    repetition: int | None = None
    component: int = 1
    subcomponent: int = 1

    @staticmethod
    def parse(text: str) -> Place:
        """Read `SEG-field[repetition].component.subcomponent`.

        Raises:
            ValueError: the text is no such path.
        """
        found = _SYNTAX.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not a path such as PID-3.1")
        numbers = {
            name: int(digits)
            for name, digits in found.groupdict().items()
            if name != "segment" and digits is not None
        }
        return Place(found["segment"], **numbers)

    def read(self, segment: Segment, repetition: int | None = None) -> str:
        """The value in the given repetition, else in the path's, else in the first."""
        if repetition is None:
            repetition = (self.repetition or 1) - 1
        return segment.field(self.field, repetition, self.component, self.subcomponent)

    def location(self, segment: Segment, repetition: int = 0) -> str:
        """The place as an ERL (ERR-2), no more precise than it must be."""
        base = f"{segment.name}^{segment.sequence}^{self.field}"
        precise = repetition or self.component > 1
        return f"{base}^{repetition + 1}^{self.component}" if precise else base


class Components:
    """The components of one repetition, by number; what is absent or null is empty."""

    __slots__ = ("_parts",)

    def __init__(self, segment: Segment, number: int, repetition: int) -> None:
        """Take a field apart at once, which is cheaper than asking for each component."""
        raw = segment.raw(number, repetition)
        encoding = segment.encoding
        marks = encoding.delimiters
        parts = raw.split(marks.component)
        if marks.subcomponent in raw:
            parts = [part.split(marks.subcomponent, 1)[0] for part in parts]
        if NULL in raw:
            parts = ["" if part == NULL else part for part in parts]
        if marks.escape in raw:
            parts = [encoding.unescape(part) for part in parts]
        self._parts = parts

    def __getitem__(self, number: int) -> str:
        """The component with that number, counted from 1."""
        return self._parts[number - 1] if number <= len(self._parts) else ""


FHIR_IDS = Authority("FHIR")
"""Who gives out the ids of resources, where nobody says which server did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a message leaves unsaid and the site knows.

    `authority` assigned the patient IDs and accession numbers that come without one; `placer` and
    `filler` the order numbers, `resources` the ids of FHIR resources. `local_scheme` designates
    codes without a coding system.
    `keeps_overlong` lets identifiers in that are longer than DICOM allows: modalities will be shown
    surrogates (STANDARDS 2.3).
    """

    zone: tzinfo = UTC
    authority: Authority = NO_AUTHORITY
    placer: Authority = NO_AUTHORITY
    filler: Authority = NO_AUTHORITY
    resources: Authority = FHIR_IDS
    local_scheme: str = "99LOCAL"
    keeps_overlong: bool = False


@dataclass(slots=True)
class Run:
    """One pass over a message: what the site knows, and what was found odd on the way.

    A `lenient` pass notes as a warning what would otherwise refuse the message.
    """

    site: Site
    lenient: bool = False
    warnings: list[str] = field(default_factory=list)
    unfit: list[tuple[str, str]] = field(default_factory=list)

    def warn(self, location: str, text: str) -> None:
        """Note something that was tolerated; `text` holds no patient data."""
        self.warnings.append(f"{location}: {text}")

    def leave_out(self, location: str, text: str) -> None:
        """Note a value that could not be used, so that a row may refuse for want of another."""
        self.unfit.append((location, text))
        self.warn(location, text)

    def refuse(self, error: BridgeError) -> None:
        """Raise `error`, or note it when the pass is lenient."""
        if not self.lenient:
            raise error
        self.warn(error.location or "", error.message)
