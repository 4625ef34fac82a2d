"""Reading data sets (PS3.5 section 7): only the elements asked for, straight from their bytes."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from functools import cached_property, lru_cache

from pydicom.datadict import dictionary_VR

from bridge.dicom.charsets import CharacterSet, character_set
from bridge.dicom.encoding import (
    EXPLICIT_LITTLE,
    Coding,
    Encoded,
    Flaws,
    coding_of,
    coding_within,
    elements,
    inflated,
    is_deflated,
    items,
)
from bridge.domain.errors import DataTypeError

SPECIFIC_CHARACTER_SET = 0x00080005
LONGEST_VALUE = 16 << 20
"""Bytes of a value that are read of what nobody vouches for."""
LONGEST_TEXT = 1024
"""Characters of such a text; no value that is looked for is longer, and indexes have limits."""

_ALL_TAGS = 0x1_0000_0000
_NUMBERS = {
    "US": "H",
    "SS": "h",
    "UL": "L",
    "SL": "l",
    "UV": "Q",
    "SV": "q",
    "FL": "f",
    "FD": "d",
}
"""Binary numbers (PS3.5 table 6.2-1), as `struct` names them."""
_EXPLICIT = Coding()


class DataSet:
    """One level of a data set: the elements that were asked for, decoded when they are looked at.

    Numbers by `number`, sequences by `items`, everything else by `text`; what is absent reads as
    nothing. Items inherit the character set unless they bring their own (PS3.3 C.12.1.1.2).
    """

    def __init__(
        self,
        elements: dict[int, tuple[bytes, bytes]],
        coding: Coding = _EXPLICIT,
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
        _, declared = self._elements.get(SPECIFIC_CHARACTER_SET, (b"", None))
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

    def raw(self, tag: int) -> bytes:
        """The value as it is written."""
        return self._elements.get(tag, (b"", b""))[1]

    def number(self, tag: int) -> int | None:
        """The value of a US element; None when it is absent or none."""
        value = self.raw(tag)
        whole = len(value) >= struct.calcsize("H")
        return int(struct.unpack_from(self._coding.order + "H", value)[0]) if whole else None

    def numbers(self, tag: int) -> tuple[int | float, ...]:
        """The values of a binary number (US, FD …); none when it is absent, cut short or none."""
        kind = _NUMBERS.get(self.vr(tag)) if tag in self else None
        if kind is None:
            return ()
        value = self.raw(tag)
        count = len(value) // struct.calcsize(f"={kind}")
        return struct.unpack_from(f"{self._coding.order}{count}{kind}", value)

    def items(self, tag: int) -> tuple[DataSet, ...]:
        """The items of a sequence.

        Raises:
            DataTypeError: the items are not where their lengths say.
        """
        vr, value = self._elements.get(tag, (b"", b""))
        coding = coding_within(vr, self._coding)
        return tuple(
            self._within(_scan(value, coding, start, end), coding)
            for start, end in items(value, coding, 0, len(value))
        )

    def _within(self, elements: dict[int, tuple[bytes, bytes]], coding: Coding) -> DataSet:
        """An item of this level."""
        return DataSet(elements, coding, self.character_set)


def read(
    data: Encoded,
    transfer_syntax_uid: str = EXPLICIT_LITTLE,
    tags: Collection[int] | None = None,
    start: int = 0,
) -> DataSet:
    """Read the elements `tags` (all when None) of a data set; reading stops after the last.

    The data set begins at `start`.

    A data set cut short gives what came before the cut.

    Raises:
        DataTypeError: it is not a data set in that transfer syntax.
    """
    coding = coding_of(transfer_syntax_uid)
    if is_deflated(transfer_syntax_uid):
        data, start = inflated(data, start), 0
    if tags is None:
        return DataSet(_scan(data, coding, start, len(data)), coding)
    wanted = frozenset(tags) | {SPECIFIC_CHARACTER_SET}
    return DataSet(_scan(data, coding, start, len(data), wanted), coding)


class Whatever(DataSet):
    """A level of a data set that nobody vouches for: what it says is read as far as it can be.

    Texts come without NULs, which databases refuse, and are cut at `LONGEST_TEXT`; a sequence that
    is none has no items. `flaws` takes note of it.
    """

    def __init__(
        self,
        elements: dict[int, tuple[bytes, bytes]],
        coding: Coding,
        flaws: Flaws,
        inherited: CharacterSet | None = None,
    ) -> None:
        super().__init__(elements, coding, inherited)
        self.flaws = flaws

    def text(self, tag: int) -> str:
        """The whole value, several values by backslash, without padding."""
        text = super().text(tag)
        if len(text) > LONGEST_TEXT:
            self.flaws.at(tag, f"is longer than {LONGEST_TEXT} characters")
        return text.replace("\0", "")[:LONGEST_TEXT]

    def items(self, tag: int) -> tuple[DataSet, ...]:
        """The items of a sequence."""
        try:
            return super().items(tag)
        except DataTypeError as error:
            self.flaws.at(tag, f"cannot be read: {error.message}")
            return ()

    def _within(self, elements: dict[int, tuple[bytes, bytes]], coding: Coding) -> DataSet:
        return Whatever(elements, coding, self.flaws, self.character_set)


def read_whatever(
    data: Encoded, coding: Coding, tags: Collection[int], flaws: Flaws, begins: int = 0
) -> Whatever:
    """Read the elements `tags` wherever they stand, and what can be read of a broken data set.

    It begins at `begins`. What is wrong with how it is written is noted, up to its end. Of elements
    that stand there twice the first counts; values are cut at `LONGEST_VALUE`.
    """
    wanted = frozenset(tags) | {SPECIFIC_CHARACTER_SET}
    found: dict[int, tuple[bytes, bytes]] = {}
    try:
        for tag, vr, start, end, _ in elements(data, coding, begins, len(data), flaws):
            if tag in wanted and tag not in found:
                found[tag] = (vr, data[start : min(end, start + LONGEST_VALUE)])
    except DataTypeError as error:
        flaws.note(error.message)
    return Whatever(found, coding, flaws)


def _scan(
    data: Encoded, coding: Coding, start: int, end: int, wanted: frozenset[int] | None = None
) -> dict[int, tuple[bytes, bytes]]:
    """Collect (VR, value) of the wanted elements of one level; VR is empty when not written."""
    found: dict[int, tuple[bytes, bytes]] = {}
    last = max(wanted) if wanted is not None else _ALL_TAGS
    for tag, vr, value, value_end, _ in elements(data, coding, start, end):
        if tag > last:
            break
        if wanted is None or tag in wanted:
            found[tag] = (vr, data[value:value_end])
    return found


@lru_cache(maxsize=8192)
def dictionary_vr(tag: int) -> str:
    """The VR the dictionary (PS3.6) gives a tag, the first where it gives several, else `UN`."""
    try:
        return dictionary_VR(tag)[:2]
    except KeyError:
        return "UN"
