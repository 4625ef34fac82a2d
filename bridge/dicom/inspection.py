"""Reading what arrives in whatever state it is: how it is written, and what is wrong with it.

Devices mislabel their data sets, cut them short and fill them with what does not belong there. The
images in them are wanted all the same, so all that can be read is read, and every flaw is noted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from bridge.dicom.charsets import unknown_terms
from bridge.dicom.elements import (
    SPECIFIC_CHARACTER_SET,
    Whatever,
    dictionary_vr,
    read_whatever,
)
from bridge.dicom.encoding import (
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    Coding,
    Encoded,
    Flaws,
    begins_explicit,
    coding_of,
    inflated,
    is_deflated,
)
from bridge.domain.errors import DataTypeError

_WRITTEN = {
    EXPLICIT_LITTLE: "with VRs, little endian",
    IMPLICIT_LITTLE: "without VRs, little endian",
    EXPLICIT_BIG: "with VRs, big endian",
}
_TEXT_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_FORMS = {
    "DA": re.compile(r"\d{4}(\.?)(0[1-9]|1[0-2])\1(0[1-9]|[12]\d|3[01])"),
    "TM": re.compile(r"([01]\d|2[0-3])((:?)[0-5]\d(\3([0-5]\d|60)(\.\d{1,6})?)?)?"),
    "IS": re.compile(r"[+-]?\d{1,12}"),
    "UI": re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))*"),
}
"""What a value looks like (PS3.5 table 6.2-1); dates and times also as ACR-NEMA had them."""
_LONGEST_UID = 64


class Inspected(NamedTuple):
    """The elements that were asked for, and how the data set is written."""

    found: Whatever
    transfer_syntax_uid: str


class _Way(NamedTuple):
    """One way in which a data set may be written."""

    coding: Coding
    transfer_syntax_uid: str


def inspect(
    data: Encoded, declared: str, wanted: Collection[int], needed: Collection[int], start: int
) -> Inspected:
    """Read the elements `wanted` of a data set that begins at `start`; what was found has flaws.

    Its transfer syntax is `declared`; when the UIDs `needed` are not there, others are tried.
    """
    data, start, declared, flaws = _unpacked(data, declared, start)
    best, most = None, len(needed) + 1
    for way in _ways(data, declared, start):
        found = read_whatever(data, way.coding, wanted, Flaws(flaws), start)
        missing = sum(not _is_uid(found, tag) for tag in needed)
        if missing < most:
            best, most = Inspected(found, way.transfer_syntax_uid), missing
            if way.coding != coding_of(declared):
                found.flaws.note(f"the data set is written {_written(way)}")
        if not missing:
            break
    if best is None:
        raise AssertionError("there is always a way")
    _judge(best.found)
    return best


def _judge(found: Whatever) -> None:
    """Note what is wrong with the values."""
    for term in unknown_terms(found.raw(SPECIFIC_CHARACTER_SET).decode("latin-1")):
        found.flaws.at(SPECIFIC_CHARACTER_SET, f"names {term[:16]!r}, which is unknown")
    for tag in found:
        vr = dictionary_vr(tag)
        if vr in _TEXT_VRS and not found.character_set.reads(found.raw(tag)):
            found.flaws.at(tag, "is not written in Specific Character Set")
        if vr in _FORMS and not all(_is_formed(vr, each) for each in found.texts(tag)):
            found.flaws.at(tag, f"is no {vr}")


def _unpacked(data: Encoded, declared: str, start: int) -> tuple[Encoded, int, str, list[str]]:
    """The data set inflated, if it is deflated, whatever its transfer syntax says."""
    flaws: list[str] = []
    looks_plain = data[start + 1 : start + 2] == b"\0" or data[start : start + 1] == b"\0"
    if is_deflated(declared):
        try:
            return inflated(data, start), 0, declared, flaws
        except DataTypeError as error:
            flaws.append(error.message)
            return data, start, EXPLICIT_LITTLE, flaws
    if not looks_plain and len(data) > start:
        try:
            plain = inflated(data, start)
        except DataTypeError:
            return data, start, declared, flaws
        if plain[1:2] == b"\0":
            flaws.append("the data set is deflated")
            return plain, 0, DEFLATED, flaws
    return data, start, declared, flaws


def _ways(data: Encoded, declared: str, start: int) -> Iterator[_Way]:
    """How the data set may be written, what is most likely first."""
    said = _Way(coding_of(declared), declared)
    others = [_Way(coding_of(each), each) for each in _WRITTEN]
    others.append(_Way(Coding(implicit=True, big_endian=True), declared))
    if declared not in _WRITTEN:  # what is compressed has no other name
        others = [way._replace(transfer_syntax_uid=declared) for way in others]
    if begins_explicit(data, start) is said.coding.implicit and len(data) > start:
        others.sort(key=lambda way: way.coding.implicit is said.coding.implicit)
        return iter([*others, said])
    return iter([said, *(way for way in others if way.coding != said.coding)])


def _written(way: _Way) -> str:
    named = next((name for uid, name in _WRITTEN.items() if coding_of(uid) == way.coding), "")
    return named or "without VRs, big endian"


def _is_uid(found: Whatever, tag: int) -> bool:
    """Whether there is something that was meant to be a UID."""
    return "." in found.text(tag)


def _is_formed(vr: str, text: str) -> bool:
    if vr == "UI" and len(text) > _LONGEST_UID:
        return False
    return not text or _FORMS[vr].fullmatch(text) is not None
