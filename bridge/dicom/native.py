"""A stored file in Explicit VR Little Endian: what is compressed is decoded, frame by frame.

What every receiver must be able to take (PS3.5 section 10.1) whatever the image is stored in.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from pydicom.dataset import Dataset

from bridge.dicom.encoding import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from bridge.dicom.part10 import file_head
from bridge.dicom.pixels.frames import Frames, NoPixels
from bridge.dicom.pixels.pool import PixelPool
from bridge.dicom.rewriting import Section, Spliced, header_sections, source_of, tail
from bridge.dicom.stored_file import StoredFile
from bridge.services.content import Content, Memory

NATIVE = frozenset({EXPLICIT_LITTLE, IMPLICIT_LITTLE})
"""Transfer syntaxes that everything can be given in, as far as it can be decoded."""

_LONGEST_VALUE = 0xFFFFFFFE


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A file on its way out: how long it is, and its pieces, to be taken once."""

    size: int
    pieces: Iterator[bytes]


def is_native(transfer_syntax_uid: str) -> bool:
    """Whether a transfer syntax is one of those."""
    return transfer_syntax_uid in NATIVE


def as_native(stored: StoredFile, pool: PixelPool, syntax: str = EXPLICIT_LITTLE) -> Outgoing:
    """The file in Explicit (or Implicit) VR Little Endian.

    Raises NotDecodable, FrameTooLarge, UnreadableFile and ResourceBusy before the first piece.
    """
    head = file_head(
        sop_class_uid=str(stored.header.get("SOPClassUID", "")),
        sop_instance_uid=str(stored.header.get("SOPInstanceUID", "")),
        transfer_syntax_uid=syntax,
        source="",
    )
    body = data_set_as_native(stored, pool, syntax)
    return Outgoing(len(head) + body.size, chain([head], body.pieces))


def data_set_as_native(stored: StoredFile, pool: PixelPool, syntax: str) -> Outgoing:
    """The data set alone; raises as `as_native`."""
    implicit = syntax == IMPLICIT_LITTLE
    if not stored.is_encapsulated and not stored.is_big_endian:
        return _with_its_pixels(stored, implicit=implicit)
    try:
        frames = Frames(stored)
    except NoPixels:
        return _sections(stored, stored.header, [], implicit=implicit)
    return _decoded(stored, frames, pool, implicit=implicit)


def _with_its_pixels(stored: StoredFile, *, implicit: bool) -> Outgoing:
    pixels = stored.pixel_data
    if pixels is None:
        rest = list(tail(stored))
        was_implicit = bool(stored.header.original_encoding[0])
        return _sections(
            stored, stored.header, rest if was_implicit == implicit else [], implicit=implicit
        )
    length = pixels.length or 0
    vr = "OW" if pixels.vr not in ("OB", "OF", "OD") else pixels.vr
    head = _pixel_head(stored.pixel_tag, vr, length, implicit=implicit)
    made = [
        *header_sections(stored, stored.header, implicit=implicit, little=True),
        _in_memory(head),
        Section(source_of(stored), pixels.start, length),
    ]
    content = Content(Spliced(made))
    return Outgoing(content.size, iter(content))


def _decoded(stored: StoredFile, frames: Frames, pool: PixelPool, *, implicit: bool) -> Outgoing:
    decoded = pool.decode_each(frames)
    first = next(decoded)
    length = len(first.content) * frames.count
    if length > _LONGEST_VALUE:
        raise NoPixels("the decoded pixel data are longer than a value can be")
    header = _described(stored.header, first.photometric)
    vr = "OB" if frames.shape.bits <= 8 and not implicit else "OW"  # noqa: PLR2004
    parts = [*header_sections(stored, header, implicit=implicit, little=True)]
    parts.append(_in_memory(_pixel_head(stored.pixel_tag, vr, length, implicit=implicit)))
    content, padding = Content(Spliced(parts)), b"\0" * (length & 1)
    contents = (each.content for each in chain([first], decoded))
    return Outgoing(content.size + length + len(padding), chain(content, contents, [padding]))


def _described(header: Dataset, photometric: str) -> Dataset:
    """What the header says once the pixel data are native (PS3.5 section 8.2)."""
    made = header[:]
    made.file_meta = header.file_meta
    if photometric:
        made.PhotometricInterpretation = photometric
    if "PlanarConfiguration" in made:
        made.PlanarConfiguration = 0
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in made:
            del made[keyword]
    return made


def _sections(
    stored: StoredFile, header: Dataset, more: list[Section], *, implicit: bool
) -> Outgoing:
    made = [*header_sections(stored, header, implicit=implicit, little=True), *more]
    content = Content(Spliced(made))
    return Outgoing(content.size, iter(content))


def _in_memory(content: bytes) -> Section:
    return Section(Memory(content), 0, len(content))


def _pixel_head(tag: int, vr: str, length: int, *, implicit: bool) -> bytes:
    length += length & 1
    if implicit:
        return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, length)
    return struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr.encode(), 0, length)
