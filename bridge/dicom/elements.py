"""Reading data sets (PS3.5 section 7): only the elements asked for, straight from their bytes.

Measured on the header of a CT with 258 elements: pydicom's dcmread with specific_tags 450 µs and
200 µs more to give the values; this reader 60 µs. It reads every C-STORE and every query.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

from pydicom.datadict import dictionary_VR

from bridge.dicom.charsets import CharacterSet, character_set
from bridge.domain.errors import DataTypeError

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"

_IMPLICIT = frozenset({IMPLICIT_LITTLE, "1.2.840.113619.5.2"})  # the second is GE's private one
_BIG_ENDIAN = frozenset({"1.2.840.10008.1.2.2"})
_DEFLATED = frozenset(
    {"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"}
)

LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_SEQUENCES = frozenset({b"SQ", b"UN"})

_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_SPECIFIC_CHARACTER_SET = 0x00080005
_DEEPEST = 32
_ALL_TAGS = 0x1_0000_0000
# Header elements come first; a deflated data set may be made to inflate without end.
_MOST_INFLATED = 16 << 20


@dataclass(frozen=True, slots=True)
class Coding:
    """How a data set is written: VR in the data or in the dictionary, and the order of bytes."""

    implicit: bool = False
    big_endian: bool = False

    @property
    def order(self) -> str:
        """The byte order in `struct`'s notation."""
        return ">" if self.big_endian else "<"


def coding_of(transfer_syntax_uid: str) -> Coding:
    """Tell the coding of a transfer syntax; private and encapsulated ones are Explicit VR LE."""
    return Coding(
        implicit=transfer_syntax_uid in _IMPLICIT, big_endian=transfer_syntax_uid in _BIG_ENDIAN
    )


class DataSet:
    """One level of a data set: the elements that were asked for, decoded when they are looked at.

    Numbers by `number`, sequences by `items`, everything else by `text`; what is absent reads as
    nothing. Items inherit the character set unless they bring their own (PS3.3 C.12.1.1.2).
    """

    def __init__(
        self,
        elements: dict[int, tuple[bytes, bytes]],
        coding: Coding = Coding(),
        inherited: CharacterSet | None = None,
    ) -> None:
        self._elements = elements
        self._coding = coding
        self._inherited = inherited

    def __contains__(self, tag: int) -> bool:
        return tag in self._elements

    def __iter__(self) -> Iterator[int]:
        return iter(self._elements)

    def only(self, tags: Collection[int]) -> DataSet:
        """The elements of these tags alone."""
        chosen = {tag: each for tag, each in self._elements.items() if tag in tags}
        return DataSet(chosen, self._coding, self.character_set)

    def without(self, tags: Collection[int]) -> DataSet:
        """All elements but these."""
        return self.only(self._elements.keys() - frozenset(tags))

    def over(self, other: DataSet) -> DataSet:
        """These elements, and those of another level of the same data set that are not here."""
        return DataSet({**other._elements, **self._elements}, self._coding, self.character_set)

    @cached_property
    def character_set(self) -> CharacterSet:
        """What the texts of this level are written in."""
        _, declared = self._elements.get(_SPECIFIC_CHARACTER_SET, (b"", None))
        if declared is None:
            return self._inherited or CharacterSet()
        return character_set(declared.decode("latin-1").rstrip(" \0"))

    def vr(self, tag: int) -> str:
        """The VR of an element: as written, else (also when written as UN) the dictionary's."""
        written = self._elements[tag][0]
        return written.decode("ascii") if written not in (b"", b"UN") else dictionary_vr(tag)

    def text(self, tag: int) -> str:
        """The whole value, several values by backslash, without padding."""
        _, value = self._elements.get(tag, (b"", b""))
        return self.character_set.decode(value).strip(" \0") if value else ""

    def texts(self, tag: int) -> tuple[str, ...]:
        """The values, each without padding; none when the element is absent or empty."""
        text = self.text(tag)
        return tuple(part.strip(" \0") for part in text.split("\\")) if text else ()

    def number(self, tag: int) -> int | None:
        """The value of a US element."""
        _, value = self._elements.get(tag, (b"", b""))
        return int(struct.unpack_from(self._coding.order + "H", value)[0]) if value else None

    def items(self, tag: int) -> tuple[DataSet, ...]:
        """The items of a sequence.

        Raises:
            DataTypeError: the items are not where their lengths say.
        """
        vr, value = self._elements.get(tag, (b"", b""))
        # The content of UN is always Implicit VR Little Endian (PS3.5 6.2.2 note 2).
        coding = Coding(implicit=True) if vr == b"UN" else self._coding
        return tuple(
            DataSet(_scan(value, coding, start, end), coding, self.character_set)
            for start, end in _items(value, coding, 0, len(value))[0]
        )


def read(
    data: bytes, transfer_syntax_uid: str = EXPLICIT_LITTLE, tags: Collection[int] | None = None
) -> DataSet:
    """Read the elements `tags` (all when None) of a data set; reading stops after the last.

    A data set cut short gives what came before the cut.

    Raises:
        DataTypeError: it is not a data set in that transfer syntax.
    """
    coding = coding_of(transfer_syntax_uid)
    if transfer_syntax_uid in _DEFLATED:
        data = _inflate(data)
    if tags is None:
        return DataSet(_scan(data, coding, 0, len(data)), coding)
    wanted = frozenset(tags) | {_SPECIFIC_CHARACTER_SET}
    return DataSet(_scan(data, coding, 0, len(data), wanted), coding)


def dictionary_vr(tag: int) -> str:
    """The VR the dictionary (PS3.6) gives a tag, the first where it gives several, else `UN`."""
    try:
        return dictionary_VR(tag)[:2]
    except KeyError:
        return "UN"


def _inflate(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, _MOST_INFLATED)
    except zlib.error as error:
        raise DataTypeError(f"the deflated data set cannot be inflated: {error}") from error


def _scan(
    data: bytes, coding: Coding, start: int, end: int, wanted: frozenset[int] | None = None
) -> dict[int, tuple[bytes, bytes]]:
    """Collect (VR, value) of the wanted elements of one level; VR is empty when not written."""
    found: dict[int, tuple[bytes, bytes]] = {}
    last = max(wanted) if wanted is not None else _ALL_TAGS
    for tag, vr, value, value_end in _elements(data, coding, start, end):
        if tag > last:
            break
        if wanted is None or tag in wanted:
            found[tag] = (vr, data[value:value_end])
    return found


def _elements(
    data: bytes, coding: Coding, position: int, end: int, depth: int = 0
) -> Iterator[tuple[int, bytes, int, int]]:
    """Give (tag, VR, start, end) of each element's value up to `end` or an item delimiter."""
    head = struct.Struct(coding.order + ("HHL" if coding.implicit else "HH2sH"))
    long_length = struct.Struct(coding.order + "L").unpack_from
    vr = b""
    while position + 8 <= end:
        if coding.implicit:
            group, element, length = head.unpack_from(data, position)
        else:
            group, element, vr, length = head.unpack_from(data, position)
        value = position + 8
        tag = group << 16 | element
        if tag == _ITEM_END:
            return
        if not coding.implicit and vr not in _SHORT_VRS:
            if vr in LONG_VRS:
                value += 4
                if value > end:
                    return
            else:
                vr = b""  # some devices mix in elements without VR
            (length,) = long_length(data, value - 4)
        if length == _UNDEFINED:
            content = Coding(implicit=True) if vr == b"UN" else coding
            position = _end_of_items(data, content, value, end, depth + 1)
        else:
            position = value + length
        yield tag, vr, value, min(position, end)


def _end_of_items(data: bytes, coding: Coding, position: int, end: int, depth: int) -> int:
    """Find where a sequence of undefined length ends, its delimiter included."""
    return _items(data, coding, position, end, depth)[1]


def _items(
    data: bytes, coding: Coding, position: int, end: int, depth: int = 0
) -> tuple[list[tuple[int, int]], int]:
    """Give (start, end) of the content of each item, and where the sequence ends."""
    if depth > _DEEPEST:
        raise DataTypeError(f"sequences are nested deeper than {_DEEPEST} levels")
    head = struct.Struct(coding.order + "HHL")
    bounds = []
    while position + 8 <= end:
        group, element, length = head.unpack_from(data, position)
        tag, position = group << 16 | element, position + 8
        if tag == _SEQUENCE_END:
            break
        if tag != _ITEM:
            raise DataTypeError(f"an item was expected, not ({group:04X},{element:04X})")
        if length == _UNDEFINED:
            stop = _end_of_item(data, coding, position, end, depth)
            after = stop + 8
        else:
            stop = after = position + length
        bounds.append((position, min(stop, end)))
        position = min(after, end)
    return bounds, position


def _end_of_item(data: bytes, coding: Coding, start: int, end: int, depth: int) -> int:
    """Find the delimiter of an item of undefined length."""
    reached = start
    for *_, value_end in _elements(data, coding, start, end, depth):
        reached = value_end
    return reached
