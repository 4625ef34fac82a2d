"""Writing attributes as Explicit VR Little Endian elements in UTF-8 (PS3.5 6.2 and 7.1.2).

Texts are made to fit their VR: descriptions are cut at a character boundary, control characters
and the value delimiter are replaced. Identifiers are never cut: see `worklist_codec`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword

from bridge.dicom.encoding import LONG_VRS
from bridge.domain.names import to_ascii

Element = tuple[int, bytes]
"""A tag, by which elements are put in order, and the whole element."""

# Longest value by VR (PS3.5 table 6.2-1), in characters; a name's limit is that of each group.
LIMITS = {
    "AE": 16,
    "AS": 4,
    "CS": 16,
    "DA": 8,
    "DS": 16,
    "LO": 64,
    "LT": 10240,
    "PN": 64,
    "SH": 16,
    "ST": 1024,
    "TM": 14,
    "UI": 64,
}
_TEXTS = frozenset(
    {"LO", "LT", "PN", "SH", "ST", "UC", "UT"}
)  # VRs that Specific Character Set governs
_MOST_GROUPS = 3

_LENGTH = struct.Struct("<H").pack
_LONG_LENGTH = struct.Struct("<HL").pack
_ITEM = struct.Struct("<HHL").pack

_BLANKS = {ord(control): " " for control in "\t\n\r"}
_CONTROLS: dict[int, str | None] = {code: None for code in range(32)}
_VALUES = str.maketrans(_CONTROLS | _BLANKS)
_VALUE = str.maketrans(_CONTROLS | _BLANKS | {ord("\\"): "/"})
_PARAGRAPHS = str.maketrans({c: None for c in _CONTROLS if chr(c) not in "\t\n\r\f"})


class Attribute(NamedTuple):
    """How one attribute is written: its tag, the bytes before its length, and its text rules."""

    tag: int
    head: bytes
    pad: bytes
    has_long_length: bool
    limit: int
    clean: Callable[[str], str]

    @property
    def name(self) -> str:
        """The tag as the standard prints it."""
        return f"({self.tag >> 16:04X},{self.tag & 0xFFFF:04X})"


def attribute(keyword: str) -> Attribute:
    """Look an attribute up in the dictionary (PS3.6).

    Raises:
        LookupError: there is no such keyword.
    """
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise LookupError(keyword)
    vr = dictionary_VR(tag)
    return Attribute(
        tag=tag,
        head=struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode("ascii")),
        pad=b"\0" if vr == "UI" else b" ",
        has_long_length=vr.encode("ascii") in LONG_VRS,
        limit=LIMITS.get(vr, 1 << 16),
        clean=_cleaner(vr, dictionary_VM(tag)),
    )


def attributes(*keywords: str) -> dict[str, Attribute]:
    """Look several attributes up."""
    return {keyword: attribute(keyword) for keyword in keywords}


def element(attribute: Attribute, value: bytes) -> Element:
    """Write one element, its value padded to an even length."""
    if len(value) & 1:
        value += attribute.pad
    if attribute.has_long_length:
        return attribute.tag, attribute.head + _LONG_LENGTH(0, len(value)) + value
    return attribute.tag, attribute.head + _LENGTH(len(value)) + value


def text(attribute: Attribute, value: str) -> Element:
    """Write a text made to fit its VR."""
    return element(attribute, attribute.clean(value).encode())


def item(elements: list[Element]) -> bytes:
    """Write an item of defined length; its elements are put in order of their tags."""
    elements.sort()
    content = b"".join([written for _, written in elements])
    return _ITEM(0xFFFE, 0xE000, len(content)) + content


def sequence(attribute: Attribute, items: Iterable[bytes]) -> Element:
    """Write a sequence of defined length."""
    return element(attribute, b"".join(items))


def _cleaner(vr: str, multiplicity: str) -> Callable[[str], str]:
    limit = LIMITS.get(vr)
    if vr == "DA":
        return _clean_date
    if vr in ("LT", "ST"):
        return partial(_clean_paragraphs, limit=limit)
    if vr == "PN":
        return _clean_name if multiplicity == "1" else _clean_names
    if vr not in _TEXTS:
        return partial(_clean_code, limit=limit)
    return partial(_clean_line if multiplicity == "1" else _clean_lines, limit=limit)


def _clean_line(value: str, limit: int | None) -> str:
    if not value.isprintable() or "\\" in value:
        value = value.translate(_VALUE)
    return value.strip()[:limit]


def _clean_lines(value: str, limit: int | None) -> str:
    if value.isprintable() and "\\" not in value:
        return value.strip()[:limit]
    parts = value.translate(_VALUES).split("\\")
    return "\\".join([part.strip()[:limit] for part in parts])


def _clean_code(value: str, limit: int | None) -> str:
    if value.isascii() and value.isprintable() and "\\" not in value:
        return value.strip()[:limit]
    folded = "".join([c for c in to_ascii(value.translate(_VALUES)) if c.isascii()])
    return "\\".join([part.strip()[:limit] for part in folded.split("\\")])


def _clean_paragraphs(value: str, limit: int | None) -> str:
    return value.translate(_PARAGRAPHS).rstrip()[:limit]


def _clean_date(value: str) -> str:
    """Give a whole date or nothing: DA has no partial form."""
    date = value.strip()
    return date if len(date) == LIMITS["DA"] and date.isdigit() else ""


def _clean_name(value: str) -> str:
    """Cut each group to 64 characters; `^` and `=` keep their meaning (PS3.5 6.2.1)."""
    name = _clean_line(value, None)
    if len(name) <= LIMITS["PN"]:
        return name
    return "=".join(group.strip()[: LIMITS["PN"]] for group in name.split("=")[:_MOST_GROUPS])


def _clean_names(value: str) -> str:
    return "\\".join(_clean_name(name) for name in value.split("\\"))
