"""Data elements as encoded bytes (PS3.5 section 7): where each begins and ends.

Measured on the header of a CT with 258 elements: pydicom's dcmread with specific_tags 450 µs and
200 µs more to give the values; this reader 60 µs. It reads every C-STORE and every query.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from bridge.domain.errors import DataTypeError

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"

_IMPLICIT = frozenset({IMPLICIT_LITTLE, "1.2.840.113619.5.2"})  # the second is GE's private one
_BIG_ENDIAN = frozenset({EXPLICIT_BIG})
_DEFLATED = frozenset({DEFLATED, "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"})

LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())

UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXEL_DATA = 0x7FE00010
_SEQUENCE_DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"
# Neither depth nor number is limited by the standard; these keep a hostile data set from taking
# the memory and the time of all others.
_DEEPEST = 10_000
_MOST_ELEMENTS = 500_000
# Header elements come first; a deflated data set may be made to inflate without end.
_MOST_INFLATED = 16 << 20
_STRETCH = 1 << 16


class Encoded(Protocol):
    """Bytes as they are read here: in memory, or a file that is mapped into it."""

    def __len__(self) -> int: ...
    def __getitem__(self, key: slice, /) -> bytes: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...


@dataclass(frozen=True, slots=True)
class Coding:
    """How a data set is written: VR in the data or in the dictionary, and the order of bytes."""

    implicit: bool = False
    big_endian: bool = False

    @property
    def order(self) -> str:
        """The byte order in `struct`'s notation."""
        return ">" if self.big_endian else "<"

    @property
    def heads(self) -> struct.Struct:
        """What each element begins with."""
        return _HEADS[self]


_HEADS = {
    coding: struct.Struct(coding.order + ("HHL" if coding.implicit else "HH2sH"))
    for coding in (Coding(implicit, big) for implicit in (True, False) for big in (True, False))
}
_ITEM_HEADS = {order: struct.Struct(order + "HHL") for order in "<>"}
_LONG_LENGTHS = {order: struct.Struct(order + "L").unpack_from for order in "<>"}
_UNKNOWN = Coding(implicit=True)  # UN is always Implicit VR Little Endian (PS3.5 6.2.2 note 2)


def coding_of(transfer_syntax_uid: str) -> Coding:
    """Tell the coding of a transfer syntax; private and encapsulated ones are Explicit VR LE."""
    return Coding(
        implicit=transfer_syntax_uid in _IMPLICIT, big_endian=transfer_syntax_uid in _BIG_ENDIAN
    )


def coding_within(vr: bytes, coding: Coding) -> Coding:
    """The coding of the items of a sequence of that VR."""
    return _UNKNOWN if vr == b"UN" else coding


def begins_explicit(data: Encoded, start: int = 0) -> bool:
    """Whether the first element is written with its VR, whatever the transfer syntax says."""
    vr = data[start + 4 : start + 6]
    return vr in LONG_VRS or vr in _SHORT_VRS


def is_deflated(transfer_syntax_uid: str) -> bool:
    """Whether the data set is compressed as a whole (PS3.5 A.5)."""
    return transfer_syntax_uid in _DEFLATED


def inflated(data: Encoded, begins: int = 0) -> bytes:
    """The beginning of a deflated data set, long enough for a header; it begins at `begins`.

    Raises DataTypeError when it cannot be inflated.
    """
    inflate, found = zlib.decompressobj(-zlib.MAX_WBITS), bytearray()
    for start in range(begins, len(data), _STRETCH):
        try:
            found += inflate.decompress(data[start : start + _STRETCH], _MOST_INFLATED)
        except zlib.error as error:
            if found:
                break  # as a data set cut short gives what came before the cut
            raise DataTypeError(f"the deflated data set cannot be inflated: {error}") from error
        if inflate.eof or len(found) >= _MOST_INFLATED:
            break
    return bytes(found)


class Flaws:
    """What is wrong with how a data set is written, without repetition and never without end."""

    _MOST = 10

    def __init__(self, found: Iterable[str] = ()) -> None:
        self._found: dict[str, None] = dict.fromkeys(found)

    def note(self, flaw: str) -> None:
        """Take note of one."""
        if len(self._found) < self._MOST:
            self._found[flaw] = None

    def at(self, tag: int, flaw: str) -> None:
        """Take note of one at an element."""
        self.note(f"({tag >> 16:04X},{tag & 0xFFFF:04X}) {flaw}")

    @property
    def found(self) -> tuple[str, ...]:
        """All that was found."""
        return tuple(self._found)


class Place(NamedTuple):
    """Where one element is: its tag, its VR (empty when not written), its value's bounds."""

    tag: int
    vr: bytes
    start: int
    end: int
    head: int


def elements(
    data: Encoded, coding: Coding, position: int, end: int, flaws: Flaws | None = None
) -> Iterator[Place]:
    """Give each element up to `end`, or to a delimiter of items.

    Where flaws are noted, pixel data of undefined length are the last: they may have very many
    fragments, and nothing that is looked for comes after them.

    Raises DataTypeError when a sequence of undefined length holds what is no item.
    """
    head, explicit_head = _ITEM_HEADS[coding.order].unpack_from, coding.heads.unpack_from
    implicit, vr, previous, count = coding.implicit, b"", -1, 0
    while position + 8 <= end:
        at = position
        group, element, length = head(data, at)
        tag, value = group << 16 | element, at + 8
        if tag in (_ITEM_END, _SEQUENCE_END):
            return
        if not implicit:
            _, _, vr, short = explicit_head(data, at)
            if vr in _SHORT_VRS:
                length = short
            else:
                vr, length, value = _explicit_head(data, coding, at, end)
        if length == UNDEFINED and tag == _PIXEL_DATA and flaws is not None:
            _judge_fragments(flaws, data, value, end)
            yield Place(tag, vr, value, end, at)
            return
        position = _end_of(data, coding_within(vr, coding), value, length, end)
        if flaws is not None:
            _judge(flaws, Place(tag, vr, value, position, at), previous, end, implicit=implicit)
            previous = tag
        count += 1
        if count > _MOST_ELEMENTS:
            raise DataTypeError(f"the data set has more than {_MOST_ELEMENTS} elements")
        if value <= end:
            yield Place(tag, vr, value, min(position, end), at)
    if flaws is not None and position < end:
        flaws.note("the data set ends inside an element")


def _end_of(data: Encoded, within: Coding, start: int, length: int, end: int) -> int:
    if length != UNDEFINED:
        return start + length
    return skip(data, within, start, end, in_item=False)[1]


def _explicit_head(data: Encoded, coding: Coding, at: int, end: int) -> tuple[bytes, int, int]:
    """VR, length and where the value begins; VR is empty where there is none, or none is known."""
    _, _, vr, length = coding.heads.unpack_from(data, at)
    if vr in _SHORT_VRS:
        return vr, length, at + 8
    value = at + (12 if vr in LONG_VRS else 8)
    if value > end:
        return vr, 0, value
    if vr not in LONG_VRS:
        return b"", *_unknown_head(data, coding, at, end)
    return vr, _LONG_LENGTHS[coding.order](data, value - 4)[0], value


def _unknown_head(data: Encoded, coding: Coding, at: int, end: int) -> tuple[int, int]:
    """Length and beginning of a value of unknown VR, by which of them leads to a next element.

    Some devices mix in elements without VR; PS3.5 7.1.2 gives a VR that is new four bytes of
    length after two that are reserved; and a VR may be misspelt.
    """
    long = _LONG_LENGTHS[coding.order]
    without = (long(data, at + 4)[0], at + 8)
    misspelt = (coding.heads.unpack_from(data, at)[3], at + 8)
    new = (long(data, at + 8)[0], at + 12) if at + 12 <= end else misspelt
    for length, value in (without, misspelt, new):
        if value + length == end or _may_follow(data, coding, at, value + length, end):
            return length, value
    return without


def _may_follow(data: Encoded, coding: Coding, at: int, after: int, end: int) -> bool:
    """Whether another element may begin at `after`: its tag is higher, its VR like one."""
    if after + 8 > end:
        return False
    tags = _ITEM_HEADS[coding.order].unpack_from
    vr = data[after + 4 : after + 6]
    is_vr = begins_explicit(data, after) or vr == data[at + 4 : at + 6] or vr.isalpha()
    return is_vr and tags(data, after)[:2] > tags(data, at)[:2]


def _judge(flaws: Flaws, place: Place, previous: int, end: int, *, implicit: bool) -> None:
    if place.end > end:
        flaws.at(place.tag, "is cut short")
    elif (place.end - place.start) & 1:
        flaws.at(place.tag, "has an odd length")
    if place.tag <= previous:
        flaws.at(place.tag, "is out of order")
    if not implicit and not place.vr:
        flaws.at(place.tag, "has no valid VR")


def _judge_fragments(flaws: Flaws, data: Encoded, start: int, end: int) -> None:
    """Whether fragments end; padding may come after them."""
    if _SEQUENCE_DELIMITER not in data[max(start, end - _STRETCH) : end]:
        flaws.at(_PIXEL_DATA, "is cut short")


def skip(
    data: Encoded, coding: Coding, position: int, end: int, *, in_item: bool
) -> tuple[int, int]:
    """Where what begins at `position` ends, an item or the items of a sequence of undefined length.

    Gives the end of its content, and where its delimiter ends.

    Raises DataTypeError when there is no item where one must be, or no end to nesting.
    """
    open_levels = [(in_item, coding)]
    count = 0
    while position + 8 <= end:
        count += 1
        if len(open_levels) > _DEEPEST or count > _MOST_ELEMENTS:
            raise DataTypeError(f"sequences are nested deeper than {_DEEPEST} levels, or endless")
        is_item, coding = open_levels[-1]
        before = position
        tag, vr, length, position = _head(data, coding, position, end, is_item)
        if tag in (_ITEM_END, _SEQUENCE_END):
            open_levels.pop()
            if is_item and tag == _SEQUENCE_END:
                position = before  # the item's own delimiter is missing
            if not open_levels:
                return before, position
        elif length != UNDEFINED:
            position += length
        elif is_item:
            open_levels.append((False, coding_within(vr, coding)))
        else:
            open_levels.append((True, coding))
    return end, end


def _head(
    data: Encoded, coding: Coding, position: int, end: int, is_item: bool
) -> tuple[int, bytes, int, int]:
    """Tag, VR and length of an element inside an item, or of an item inside a sequence."""
    group, element, length = _ITEM_HEADS[coding.order].unpack_from(data, position)
    tag, vr = group << 16 | element, b""
    if not is_item:
        if tag not in (_ITEM, _SEQUENCE_END):
            raise DataTypeError(f"an item was expected, not ({group:04X},{element:04X})")
        return tag, vr, length, position + 8
    if group == _ITEM >> 16 or coding.implicit:
        return tag, vr, length, position + 8
    vr, length, value = _explicit_head(data, coding, position, end)
    return tag, vr, length, min(value, end)


def items(data: Encoded, coding: Coding, position: int, end: int) -> list[tuple[int, int]]:
    """Give the bounds of the content of each item of a sequence.

    Raises DataTypeError when there is no item where one must be.
    """
    bounds = []
    while position + 8 <= end:
        tag, _, length, position = _head(data, coding, position, end, is_item=False)
        if tag == _SEQUENCE_END:
            break
        if length == UNDEFINED:
            stop, after = skip(data, coding, position, end, in_item=True)
        else:
            stop = after = position + length
        bounds.append((position, min(stop, end)))
        position = min(after, end)
    return bounds
