"""What one query gets of each worklist item: the requested attributes, in the peer's encoding.

PS3.4 K.4.1.3.2: an answer holds no attribute that was not requested, beyond (0008,0005). Stored
items are cut and joined as bytes, 15 µs each; pydicom takes 1 ms to encode one.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Mapping, Sequence
from typing import Final

from bridge.dicom.attributes import LIMITS, attribute, text
from bridge.dicom.charsets import UTF8, CharacterSet
from bridge.dicom.encoding import LONG_VRS
from bridge.dicom.matching_keys import Key
from bridge.dicom.worklist_query import STATION_AE_TITLE
from bridge.domain.names import to_ascii
from bridge.domain.worklist import WorklistItem
from bridge.domain.worklist_policy import NO_QUIRKS, Quirks

_HEAD = struct.Struct("<4s2sH").unpack_from
_LONG = struct.Struct("<L")
_TAG = struct.Struct("<HH").pack
_SHORT_LENGTH = struct.Struct("<H").pack

# VRs that Specific Character Set governs (PS3.5 6.1.2.2).
_TEXTS = frozenset({b"LO", b"LT", b"PN", b"SH", b"ST", b"UC", b"UT"})
_SEQUENCE = b"SQ"

_log = logging.getLogger(__name__)


def _tag(keyword: str) -> bytes:
    tag = attribute(keyword).tag
    return _TAG(tag >> 16, tag & 0xFFFF)


def _path(*keywords: str) -> tuple[bytes, ...]:
    return tuple(_tag(keyword) for keyword in keywords)


_ITEM_TAG = _TAG(0xFFFE, 0xE000)
_STATION_TAG = _TAG(STATION_AE_TITLE >> 16, STATION_AE_TITLE & 0xFFFF)
_ITEM_HEAD = 8
_STATION = attribute("ScheduledStationAETitle")

# What is sent in place of a type 1 text of which nothing can be carried, the first that there is:
# numbers and codes, which the operator can compare. Question marks would look like a name.
_INSTEAD: Final = {
    _tag("PatientName"): (_path("PatientID"),),
    _tag("RequestedProcedureDescription"): (
        _path("RequestedProcedureCodeSequence", "CodeValue"),
        _path("RequestedProcedureID"),
    ),
    _tag("ScheduledProcedureStepDescription"): (
        _path("ScheduledProtocolCodeSequence", "CodeValue"),
        _path("RequestedProcedureCodeSequence", "CodeValue"),
        _path("ScheduledProcedureStepID"),
    ),
    _tag("CodeMeaning"): (_path("CodeValue"), _path("LongCodeValue")),
}
UNREPRESENTABLE: Final = b"NOT REPRESENTABLE"
_CHARACTER_SET = attribute("SpecificCharacterSet")
_CODE_VALUE, _LONG_CODE_VALUE = attribute("CodeValue").tag, attribute("LongCodeValue").tag
_LONG_CODE = _path("LongCodeValue")


# Texts that identify: never cut, never changed in their letters (STANDARDS 2.3).
_IDENTIFYING: Final = frozenset(
    _tag(keyword)
    for keyword in (
        "AccessionNumber",
        "PatientID",
        "IssuerOfPatientID",
        "RequestedProcedureID",
        "ScheduledProcedureStepID",
        "AdmissionID",
        "PlacerOrderNumberImagingServiceRequest",
        "FillerOrderNumberImagingServiceRequest",
        "CodeValue",
        "LongCodeValue",
        "CodingSchemeDesignator",
        "LocalNamespaceEntityID",
        "UniversalEntityID",
        "WorklistLabel",
    )
)
_STEPS_TAG = _tag("ScheduledProcedureStepSequence")
_OF_PARAGRAPHS = frozenset({b"LT", b"ST", b"UT"})


class _Level:
    """The requested attributes of one level, each with the empty element it has when unknown."""

    __slots__ = ("empty", "items", "long")

    def __init__(self, keys: Mapping[int, Key], implicit: bool) -> None:
        tags = {_TAG(key.tag >> 16, key.tag & 0xFFFF): key for key in keys.values()}
        self.empty = {
            tag: _element(tag, key.vr.encode(), b"", implicit) for tag, key in tags.items()
        }
        self.items = {tag: _Level(key.items, implicit) for tag, key in tags.items() if key.items}
        self.long = _for_long_codes(keys, implicit)


def _for_long_codes(keys: Mapping[int, Key], implicit: bool) -> _Level | None:
    """What is answered of a code that is too long for the Code Value asked for: Long Code Value.

    Code Value is of type 1C: empty it would be wrong (PS3.3 8.8.1).
    """
    if _CODE_VALUE not in keys or _LONG_CODE_VALUE in keys:
        return None
    others = {tag: key for tag, key in keys.items() if tag != _CODE_VALUE}
    instead = {_LONG_CODE_VALUE: Key(_LONG_CODE_VALUE, "UC")}
    return _Level(dict(sorted((others | instead).items())), implicit)


class _Text:
    """How the texts of one answer are written, and whether any needed more than ASCII."""

    __slots__ = ("_item", "_quirks", "character_set", "needed", "shaped")

    def __init__(self, character_set: CharacterSet, item: bytes, quirks: Quirks) -> None:
        self.character_set = character_set
        self.needed = False
        self.shaped = _shapes(quirks)
        self._item = item
        self._quirks = quirks

    def encode(self, tag: bytes, vr: bytes, value: bytes, level: bytes) -> bytes:
        """Encode a value of a `level`, the elements that it stands among."""
        text = value.decode()
        if self.shaped:
            text = _shaped(text, tag, vr, self._quirks)
        limit = LIMITS.get(vr.decode("ascii"))
        encoded = self.character_set.encode(text, is_name=vr == b"PN", limit=limit)
        if self._quirks.upper_case and tag not in _IDENTIFYING:
            encoded = encoded.upper() if encoded.isascii() else encoded
        if not encoded and value.strip():
            encoded = self._instead(tag, level)
        self.needed = self.needed or not encoded.isascii() or b"\x1b" in encoded
        return encoded + b" " if len(encoded) & 1 else encoded

    def _instead(self, tag: bytes, level: bytes) -> bytes:
        """What stands for a text of which no letter can be carried; nothing, unless of type 1."""
        _log.info(
            "worklist text left out attribute=%s character_set=%s",
            tag[1::-1].hex() + tag[:1:-1].hex(),
            "\\".join(self.character_set.terms) or "default",
        )
        for path in _INSTEAD.get(tag, ()):
            for elements in (level, self._item):
                found = _find(elements, path).strip(b" \0")
                if found and found.isascii():
                    return found
        return UNREPRESENTABLE if tag in _INSTEAD else b""


class AnswerForm:
    """How the answers to one query are written; made once per query.

    `configured` is the character set the peer is known to be limited to, `requested` the one its
    query is written in. A text the configured set cannot carry is folded; without one, an item
    that the requested set cannot carry goes out as ISO_IR 192. `station` stands in (0040,0001)
    of steps that any station may do.
    """

    def __init__(
        self,
        keys: Mapping[int, Key],
        *,
        implicit: bool,
        configured: CharacterSet | None,
        requested: CharacterSet,
        station: str,
        quirks: Quirks = NO_QUIRKS,
        mirrored: Sequence[int] = (),
    ) -> None:
        self._root = _Level(keys, implicit)
        self._implicit = implicit
        self._configured = configured
        self._requested = requested
        self._quirks = quirks
        self._own = quirks.own_station
        self._shapes = _shapes(quirks)
        self._mirrored = tuple(_TAG(tag >> 16, tag & 0xFFFF) for tag in mirrored)
        self._station = _element(_STATION_TAG, b"AE", text(_STATION, station)[1][8:], implicit)

    def write(self, item: WorklistItem) -> bytes:
        """Give the data set of one answer."""
        return self.cut(item.encoded, ascii_only=item.ascii_only)

    def cut(self, data: bytes, *, ascii_only: bool) -> bytes:
        """Give what is wanted of a level that is Explicit VR Little Endian in UTF-8."""
        if ascii_only and not self._shapes:
            return self._mirror(self._level(data, 0, len(data), self._root, None))
        chosen = self._configured or self._fitting(data)
        texts = _Text(chosen, data, self._quirks)
        body = self._mirror(self._level(data, 0, len(data), self._root, texts))
        return self._declared(chosen) + body if texts.needed else body

    def _fitting(self, data: bytes) -> CharacterSet:
        if self._requested == UTF8 or not self._requested.terms:
            return UTF8
        return self._requested if _carried(data, self._requested) else UTF8

    def _declared(self, character_set: CharacterSet) -> bytes:
        _, element = text(_CHARACTER_SET, "\\".join(character_set.terms))
        return _element(element[:4], b"CS", element[8:], self._implicit)

    def _level(
        self, data: bytes, position: int, end: int, level: _Level | None, texts: _Text | None
    ) -> bytes:
        """Join what is wanted of one level (all of it when `level` is None)."""
        begin = position
        found = dict(level.empty) if level else {}
        while position < end:
            tag, vr, length = _HEAD(data, position)
            start = position + 8
            if vr in LONG_VRS:
                (length,) = _LONG.unpack_from(data, start)
                start += 4
            after = start + length
            if level is None or tag in found:
                inner = level.items.get(tag) if level else None
                if tag == _STATION_TAG and (not length or self._own):
                    found[tag] = self._station
                elif vr == _SEQUENCE:
                    items = self._items(data, start, after, inner, texts)
                    found[tag] = _element(tag, vr, items, self._implicit)
                elif (
                    texts is not None
                    and vr in _TEXTS
                    and (texts.shaped or not data[start:after].isascii())
                ):
                    value = texts.encode(tag, vr, data[start:after], data[begin:end])
                    found[tag] = _element(tag, vr, value, self._implicit)
                elif self._implicit:
                    found[tag] = tag + _LONG.pack(length) + data[start:after]
                else:
                    found[tag] = data[position:after]
            position = after
        return b"".join(found.values())

    def _mirror(self, written: bytes) -> bytes:
        """Add what the step holds at the root too, for devices that asked for it there."""
        if not self._mirrored:
            return written
        root = _elements(written, self._implicit)
        step = _content(root.get(_STEPS_TAG, b""), self._implicit)
        inside = _elements(step[_ITEM_HEAD:], self._implicit)
        root |= {tag: inside[tag] for tag in self._mirrored if tag in inside}
        return b"".join(root[tag] for tag in sorted(root, key=lambda t: t[1::-1] + t[:1:-1]))

    def _items(
        self, data: bytes, position: int, end: int, level: _Level | None, texts: _Text | None
    ) -> bytes:
        items = []
        while position < end:
            (length,) = _LONG.unpack_from(data, position + 4)
            start = position + _ITEM_HEAD
            wanted = level
            if level and level.long and _find(data[start : start + length], _LONG_CODE):
                wanted = level.long
            content = self._level(data, start, start + length, wanted, texts)
            items += [_ITEM_TAG, _LONG.pack(len(content)), content]
            position = start + length
        return b"".join(items)


def _element(tag: bytes, vr: bytes, value: bytes, implicit: bool) -> bytes:
    if implicit:
        return tag + _LONG.pack(len(value)) + value
    if vr in LONG_VRS:
        return tag + vr + b"\0\0" + _LONG.pack(len(value)) + value
    return tag + vr + _SHORT_LENGTH(len(value)) + value


def _shapes(quirks: Quirks) -> bool:
    """Whether texts are changed beyond what the character set demands."""
    return bool(quirks.upper_case or quirks.longest_text or quirks.name_groups)


def _shaped(text: str, tag: bytes, vr: bytes, quirks: Quirks) -> str:
    """A text as a device with these quirks can take it; what identifies stays as it is."""
    if tag in _IDENTIFYING:
        return text
    text = text.upper() if quirks.upper_case else text
    is_name, longest = vr == b"PN", quirks.longest_text
    values = [text] if vr in _OF_PARAGRAPHS else text.split("\\")
    if is_name and quirks.name_groups:
        values = ["=".join(name.split("=")[: quirks.name_groups]) for name in values]
    if longest and quirks.ascii_only:
        values = [to_ascii(value) for value in values]  # may be longer than what it stands for
    if longest and is_name:
        values = ["=".join(g[:longest].rstrip(" ^") for g in name.split("=")) for name in values]
    elif longest:
        values = [value[:longest].rstrip() for value in values]
    return "\\".join(values)


def _elements(data: bytes, implicit: bool) -> dict[bytes, bytes]:
    """The elements of a level that was written here, by tag."""
    found, position = {}, 0
    while position < len(data):
        tag = data[position : position + 4]
        end = position + _head_length(data, position, implicit) + _length(data, position, implicit)
        found[tag] = data[position:end]
        position = end
    return found


def _content(element: bytes, implicit: bool) -> bytes:
    return element[_head_length(element, 0, implicit) :]


def _head_length(data: bytes, position: int, implicit: bool) -> int:
    return 12 if not implicit and data[position + 4 : position + 6] in LONG_VRS else 8


def _length(data: bytes, position: int, implicit: bool) -> int:
    if implicit:
        return int(_LONG.unpack_from(data, position + 4)[0])
    if data[position + 4 : position + 6] in LONG_VRS:
        return int(_LONG.unpack_from(data, position + 8)[0])
    return int.from_bytes(data[position + 6 : position + 8], "little")


def _find(data: bytes, path: Sequence[bytes]) -> bytes:
    """Give the value at a path, in the first item of each sequence on it; none when absent."""
    position = 0
    while position < len(data):
        tag, vr, length = _HEAD(data, position)
        start = position + 8
        if vr in LONG_VRS:
            (length,) = _LONG.unpack_from(data, start)
            start += 4
        position = start + length
        if tag == path[0]:
            value = data[start:position]
            return _find(value[_ITEM_HEAD:], path[1:]) if len(path) > 1 else value
    return b""


def _carried(data: bytes, character_set: CharacterSet) -> bool:
    """Whether a set can carry every text of an item. Its tags and lengths are not text."""
    return all(
        character_set.carries(value.decode())
        for value in _texts(data, 0, len(data))
        if not value.isascii()
    )


def _texts(data: bytes, position: int, end: int) -> list[bytes]:
    found = []
    while position < end:
        _, vr, length = _HEAD(data, position)
        start = position + 8
        if vr in LONG_VRS:
            (length,) = _LONG.unpack_from(data, start)
            start += 4
        position = start + length
        if vr == _SEQUENCE:
            found += _texts_of_items(data, start, position)
        elif vr in _TEXTS:
            found.append(data[start:position])
    return found


def _texts_of_items(data: bytes, position: int, end: int) -> list[bytes]:
    found = []
    while position < end:
        (length,) = _LONG.unpack_from(data, position + 4)
        found += _texts(data, position + _ITEM_HEAD, position + _ITEM_HEAD + length)
        position += _ITEM_HEAD + length
    return found
