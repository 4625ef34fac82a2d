"""What a message in ER7 is made of (HL7 v2.5.1 2.5): segments, fields, and values found by path.

Everything is split when it is asked for, and escape sequences are replaced after splitting.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.hl7.escapes import Encoding
from bridge.hl7.paths import Path
from bridge.mapping.source import FIELDS_TOLD

NULL: Final = '""'
_HEADERS: Final = frozenset({"MSH", "FHS", "BHS"})
_ENCODING_CHARACTERS: Final = 2


@dataclass(frozen=True, slots=True)
class Field:
    """One repetition of a field; `er7` is its text as written, with delimiters and escapes."""

    er7: str
    encoding: Encoding

    @property
    def text(self) -> str:
        """The whole repetition, delimiters kept and escapes replaced: for free text."""
        return "" if self.is_null else self.encoding.unescape(self.er7)

    @property
    def is_null(self) -> bool:
        """True when the sender wrote `""`: delete what is on record."""
        return self.er7 == NULL

    @property
    def components(self) -> tuple[str, ...]:
        """The first subcomponent of each component."""
        marks = self.encoding.delimiters
        firsts = (part.split(marks.subcomponent, 1)[0] for part in self.er7.split(marks.component))
        return tuple("" if first == NULL else self.encoding.unescape(first) for first in firsts)

    def component(self, number: int, subcomponent: int = 1) -> str:
        """Return one value, escapes replaced; "" when it is absent or null."""
        marks = self.encoding.delimiters
        value = _part(self.er7, marks.component, number)
        value = _part(value, marks.subcomponent, subcomponent)
        return "" if value == NULL else self.encoding.unescape(value)


class Segment:
    """One segment: name, text as written, and its place among the segments of that name (from 1).

    Fields, components and subcomponents are numbered from 1 and repetitions from 0. MSH-1 is the
    field separator and MSH-2 the encoding characters, as the standard counts them.
    """

    __slots__ = ("_fields", "_filled", "_split", "encoding", "er7", "name", "sequence")

    def __init__(self, er7: str, encoding: Encoding, sequence: int = 1) -> None:
        """Take the text of one segment, without its line end."""
        self.er7 = er7
        self.encoding = encoding
        self.name = er7[:3].upper()
        self.sequence = sequence
        self._fields: list[str] | None = None
        self._filled: bytes | None = None
        self._split: tuple[int, list[str]] = (0, [])

    def __repr__(self) -> str:
        """Name the segment only: its text is about a patient."""
        return f"<Segment {self.name}[{self.sequence}]>"

    def field(self, n: int, rep: int = 0, component: int = 1, subcomponent: int = 1) -> str:
        """Return one value, escapes replaced; "" when it is absent or null.

        A field that grew components in a later version is read by its first one, as the standard's
        rules for compatibility have it (2.8.2).
        """
        value = self.raw(n, rep)
        if not value or (n <= _ENCODING_CHARACTERS and self.name in _HEADERS):
            return value
        marks = self.encoding.delimiters
        if component != 1 or marks.component in value:
            value = _part(value, marks.component, component)
        if subcomponent != 1 or marks.subcomponent in value:
            value = _part(value, marks.subcomponent, subcomponent)
        if marks.escape in value:
            return self.encoding.unescape(value)
        return "" if value == NULL else value

    def text(self, n: int, rep: int = 0) -> str:
        """Return a whole repetition, delimiters kept and escapes replaced: for free text."""
        return Field(self.raw(n, rep), self.encoding).text

    def raw(self, n: int, rep: int = 0) -> str:
        """Return a repetition as written."""
        fields = self.fields
        if n >= len(fields):
            return ""
        value = fields[n]
        mark = self.encoding.delimiters.repetition
        if not rep and mark not in value:
            return value
        if n <= _ENCODING_CHARACTERS and self.name in _HEADERS:
            return "" if rep else value
        # The repetitions of a field are asked for one after the other, and may be thousands.
        if self._split[0] != n:
            self._split = (n, value.split(mark))
        repetitions = self._split[1]
        return repetitions[rep] if rep < len(repetitions) else ""

    def repetitions(self, n: int) -> tuple[Field, ...]:
        """Return the repetitions of a field; none when it is absent."""
        return tuple(Field(self.raw(n, index), self.encoding) for index in range(self.count(n)))

    def count(self, n: int) -> int:
        """Return how many repetitions a field has; 0 when it is absent."""
        fields = self.fields
        if n >= len(fields) or not fields[n]:
            return 0
        if n <= _ENCODING_CHARACTERS and self.name in _HEADERS:
            return 1
        return fields[n].count(self.encoding.delimiters.repetition) + 1

    def is_null(self, n: int, rep: int = 0, component: int = 1, subcomponent: int = 1) -> bool:
        """True when the sender wrote `""` for the value, or for what holds it: delete it."""
        marks = self.encoding.delimiters
        whole = self.raw(n, rep)
        part = _part(whole, marks.component, component)
        return NULL in (whole, part, _part(part, marks.subcomponent, subcomponent))

    @property
    def fields(self) -> Sequence[str]:
        """The fields as written; number 0 is the segment's name."""
        if self._fields is None:
            separator = self.encoding.delimiters.field
            fields = self.er7.split(separator)
            if fields[0] in _HEADERS:
                fields.insert(1, separator)
            self._fields = fields
        return self._fields

    @property
    def filled(self) -> bytes:
        """A byte for each of the first fields: 1 when it holds anything, else 0."""
        if self._filled is None:
            self._filled = bytes(map(bool, self.fields[:FIELDS_TOLD]))
        return self._filled


class Segments:
    """A run of segments in which values are looked up by path: a message, or one order of it."""

    __slots__ = ("_by_name", "segments")

    def __init__(self, segments: Iterable[Segment]) -> None:
        """Take the segments in the order of the message."""
        self.segments = tuple(segments)
        self._by_name: dict[str, list[Segment]] | None = None

    def all(self, name: str) -> Sequence[Segment]:
        """Return the segments of a name, in order."""
        if self._by_name is None:
            by_name: dict[str, list[Segment]] = {}
            for segment in self.segments:
                by_name.setdefault(segment.name, []).append(segment)
            self._by_name = by_name
        return self._by_name.get(name, ())

    def first(self, name: str) -> Segment | None:
        """Return the first segment of a name, or None."""
        named = self.all(name)
        return named[0] if named else None

    def get(self, path: Path | str) -> str:
        """Return the value at a path, "" when it is absent or null."""
        path = Path.parse(path) if isinstance(path, str) else path
        segment = self._find(path)
        return path.read(segment) if segment else ""

    def values(self, path: Path | str) -> tuple[str, ...]:
        """Return the values present in every segment and repetition that the path leaves open."""
        path = Path.parse(path) if isinstance(path, str) else path
        named = self.all(path.segment)
        return path.read_all(
            named[path.occurrence - 1 : path.occurrence] if path.occurrence else named
        )

    def is_null(self, path: Path | str) -> bool:
        """True when the sender wrote `""` at the path: delete what is on record."""
        path = Path.parse(path) if isinstance(path, str) else path
        segment = self._find(path)
        return segment is not None and path.is_null(segment)

    def _find(self, path: Path) -> Segment | None:
        named = self.all(path.segment)
        index = path.occurrence - 1 if path.occurrence else 0
        return named[index] if index < len(named) else None


class Message(Segments):
    """One message; `warnings` says what the sender did that the standard does not allow."""

    __slots__ = ("encoding", "warnings")

    def __init__(
        self, segments: Iterable[Segment], encoding: Encoding, warnings: Iterable[str] = ()
    ) -> None:
        """Take what `read` found."""
        super().__init__(segments)
        self.encoding = encoding
        self.warnings = tuple(warnings)

    @property
    def header(self) -> Segment:
        """The MSH segment."""
        return self.segments[0]

    @property
    def control_id(self) -> str:
        """MSH-10, as a whole: some senders put component separators into it."""
        return self.header.text(10)

    @property
    def message_code(self) -> str:
        """MSH-9.1, such as `OMI`; of `OMI_O23`, or of that in MSH-9.3 alone, the first part."""
        return self._type()[0]

    @property
    def trigger_event(self) -> str:
        """MSH-9.2, such as `O23`; where a structure stands in its place, the second part of it."""
        return self._type()[1]

    def _type(self) -> tuple[str, str]:
        """Code and event in capitals, as the tables have them, whatever the sender made of them."""
        code, event = (self.header.field(9, component=number).strip().upper() for number in (1, 2))
        if not code:
            code, event = self.header.field(9, component=3).strip().upper(), ""
        code, _, written = code.partition("_")
        return code, event or written

    @property
    def version(self) -> str:
        """MSH-12.1, such as `2.5.1`."""
        return self.header.field(12)


def _part(text: str, mark: str, number: int) -> str:
    """Return the part of `text` with that number, counted from 1."""
    if mark not in text:
        return text if number == 1 else ""
    parts = text.split(mark, number)
    return parts[number - 1] if number <= len(parts) else ""
