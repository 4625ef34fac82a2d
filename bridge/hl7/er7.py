"""Reader of ER7 text, HL7 v2's own encoding (v2.5.1 2.5 to 2.7): lazy, tolerant, and fast.

It reads what stands there. No table of segments or types decides what a message may contain, so
nothing is dropped for being unknown or out of place. Form is never a reason to refuse: what had to
be tolerated is in `Message.warnings`. Only an unreadable MSH is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from bridge.hl7.characters import UTF_8
from bridge.hl7.detection import decode
from bridge.hl7.errors import CharacterSetRefused, Er7Error, HeaderMissing, HeaderUnreadable
from bridge.hl7.escapes import Encoding, encoding, parse_delimiters
from bridge.hl7.paths import Path
from bridge.hl7.segments import Field, Message, Segment, Segments

__all__ = [
    "CharacterSetRefused",
    "Er7Error",
    "Field",
    "Grouping",
    "HeaderMissing",
    "HeaderUnreadable",
    "Message",
    "Path",
    "Segment",
    "Segments",
    "group",
    "read",
]

ORDER_STARTS: Final = ("ORC", "OBR")
_PATIENT_NAME: Final = 5
_QUESTION_IN_WORD: Final = re.compile(r"\w\?+\w")
_BLANK: Final = " \t"
_INDENTS: Final = (" ", "\t")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def read(raw: bytes, *, encoding_override: str | None = None, fallback: str = UTF_8) -> Message:
    """Read one message as it came out of its frame.

    `encoding_override` is the peer's configured character set, believed before MSH-18; `fallback`
    the site's, for a blank MSH-18 with bytes that are not UTF-8.

    Raises:
        Er7Error: MSH is missing or unreadable, or the message is in UTF-16 or UTF-32.
        LookupError: `encoding_override` or `fallback` is no character set.
    """
    decoded = decode(raw, override=encoding_override, fallback=fallback)
    warnings = list(decoded.warnings)
    lines = _split_lines(_without_controls(decoded.text, warnings), warnings)
    separator, characters = _read_delimiters(lines[0])
    delimiters, warning = parse_delimiters(separator, characters)
    if warning:
        warnings.append(warning)
    message_encoding = encoding(delimiters, decoded.character_set)
    segments = _make_segments(_join_continuations(lines, separator, warnings), message_encoding)
    warnings.extend(_missing(segments[0]))
    warnings.extend(_lost(segments))
    return Message(segments, message_encoding, warnings)


class Grouping(NamedTuple):
    """The segments before the first group, and the groups."""

    header: Segments
    groups: tuple[Segments, ...]


def group(message: Segments, starts: Sequence[str] = ORDER_STARTS) -> Grouping:
    """Give each segment to the nearest group that was opened before it (STANDARDS 2.8).

    `starts` names the segments that open a group, in the order in which one group holds them. A
    start opens a new group unless the current one is still waiting for it: OBR joins its ORC, a
    second OBR or an OBR without ORC opens a group of its own. What lies between ORC and OBR stays
    with them.
    """
    header: list[Segment] = []
    groups: list[list[Segment]] = []
    reached = len(starts)
    for segment in message.segments:
        if segment.name in starts:
            position = starts.index(segment.name)
            if position <= reached:
                groups.append([])
            reached = position
        (groups[-1] if groups else header).append(segment)
    return Grouping(Segments(header), tuple(Segments(members) for members in groups))


def _without_controls(text: str, warnings: list[str]) -> str:
    """Control characters mean nothing in ER7, and neither databases nor other formats hold them."""
    if not _CONTROL.search(text):
        return text
    warnings.append("control characters were taken out of the text")
    return _CONTROL.sub("", text)


def _split_lines(text: str, warnings: list[str]) -> list[str]:
    """Split at any line end; the first line is not blank unless all are."""
    if "\n" in text:
        mixed = "\r" in text
        warnings.append(f"segments end with {'CR and LF' if mixed else 'LF'} instead of CR")
        text = text.replace("\r\n", "\r").replace("\n", "\r")
    text = text.lstrip(_BLANK + "\r\ufeff")
    whole = text.rstrip("\r")
    if not text.startswith("\r", len(whole)):
        warnings.append("the last segment does not end with CR")
    return whole.split("\r")


def _read_delimiters(header: str) -> tuple[str, str]:
    if not header.startswith("MSH"):
        raise HeaderMissing("message does not begin with MSH", location="MSH^1")
    separator = header[3:4]
    characters, found, _ = header[4:].partition(separator) if separator else ("", "", "")
    if not found:
        raise HeaderUnreadable("MSH ends before MSH-3", location="MSH^1^3")
    return separator, characters


def _join_continuations(lines: list[str], separator: str, warnings: list[str]) -> list[str]:
    """Give lines that begin no segment back to the field that they were broken out of.

    Senders put line ends into names and report text. A bare segment name is a segment without
    fields, but after a broken-off line it is more likely text.
    """
    segments: list[list[str]] = []
    broken = 0
    for written in lines:
        line = _without_indent(written, separator) if written[:1] in _INDENTS else written
        name = line[:3]
        continued = bool(segments) and len(segments[-1]) > 1
        if (line[3:4] == separator and name.isalnum() and name.isascii()) or (
            not continued and len(line) == len(name) and _is_segment_name(line)
        ):
            segments.append([line])
        elif line.strip(_BLANK):
            segments[-1].append(written)
            broken += 1
    if broken:
        warnings.append(f"{broken} line(s) begin no segment and were joined to the one before")
    return ["\n".join(parts) for parts in segments]


def _without_indent(line: str, separator: str) -> str:
    """A segment that somebody indented; other text keeps its blanks."""
    bare = line.lstrip(" \t")
    is_segment = bare[3:4] in ("", separator) and bare and _is_segment_name(bare[:3])
    return bare if is_segment else line


def _is_segment_name(line: str) -> bool:
    return line.isalnum() and line.isascii() and line.isupper() and line[0].isalpha()


def _make_segments(lines: list[str], message_encoding: Encoding) -> list[Segment]:
    counts: dict[str, int] = {}
    segments = []
    for line in lines:
        name = line[:3].upper()
        counts[name] = sequence = counts.get(name, 0) + 1
        segments.append(Segment(line, message_encoding, sequence))
    return segments


def _missing(header: Segment) -> Iterable[str]:
    """Name the MSH fields that every message must have, where they are empty."""
    for number in (9, 10, 12):
        if not header.raw(number):
            yield f"MSH-{number} is empty"


def _lost(segments: Iterable[Segment]) -> Iterable[str]:
    """Name the patients' names in which question marks took the places of letters."""
    for segment in segments:
        if segment.name == "PID" and _QUESTION_IN_WORD.search(segment.raw(_PATIENT_NAME)):
            yield f"PID-5 of patient {segment.sequence} has question marks where letters were lost"
