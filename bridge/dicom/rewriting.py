"""A stored file with another header: what is large stays where it lies and is passed through."""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from bridge.dicom.stored_file import Extent, StoredFile
from bridge.services.content import PIECE, Content, Memory, Source

_LONG_VR = struct.Struct("HH2sHL")


@dataclass(frozen=True, slots=True)
class Section:
    """`length` bytes of a source from `start` on."""

    source: Source
    start: int
    length: int


class Spliced:
    """Sections one after the other, as one source."""

    def __init__(self, sections: Sequence[Section]) -> None:
        self._sections = [each for each in sections if each.length]
        self._ends = list(accumulate(each.length for each in self._sections))

    @property
    def size(self) -> int:
        """How many bytes there are in all."""
        return self._ends[-1] if self._ends else 0

    def read(self, start: int, length: int) -> bytes:
        """Give `length` bytes from `start`, fewer only at the end."""
        found = []
        index = bisect_right(self._ends, start)
        while length > 0 and index < len(self._sections):
            section = self._sections[index]
            inside = start - (self._ends[index] - section.length)
            piece = section.source.read(
                section.start + inside, min(length, section.length - inside)
            )
            if not piece:
                raise EOFError("a part of the stored file is missing")
            found.append(piece)
            start, length = start + len(piece), length - len(piece)
            if start >= self._ends[index]:
                index += 1
        return b"".join(found)


def with_header(stored: StoredFile, header: Dataset) -> Content:
    """The file in its own transfer syntax, with this header instead of its own."""
    implicit, little = stored.header.original_encoding
    body = [
        *header_sections(stored, header, implicit=bool(implicit), little=bool(little)),
        *tail(stored),
    ]
    meta = Section(Memory(stored.meta), 0, len(stored.meta))
    if stored.is_deflated:
        deflated = Memory(b"".join(_deflated(Content(Spliced(body)))))
        return Content(Spliced([meta, Section(deflated, 0, deflated.size)]))
    return Content(Spliced([meta, *body]))


def header_sections(
    stored: StoredFile, header: Dataset, *, implicit: bool, little: bool
) -> Iterator[Section]:
    """The data set up to its pixel data, encoded anew; large values come from where they lie."""
    source = source_of(stored)
    begin = 0
    for tag, extent in sorted(stored.bulk.items()):
        yield _encoded(header, slice(begin, tag), implicit=implicit, little=little)
        head = _head(tag, extent, implicit=implicit, little=little)
        yield Section(Memory(head), 0, len(head))
        yield Section(source, extent.start, extent.length or 0)
        begin = tag + 1
    yield _encoded(header, slice(begin, None), implicit=implicit, little=little)


def tail(stored: StoredFile) -> Iterator[Section]:
    """Everything from the pixel data on, as it is."""
    source = source_of(stored)
    yield Section(source, stored.pixel_start, source.size - stored.pixel_start)


def source_of(stored: StoredFile) -> Source:
    """What the places in a file are places of."""
    return _Inflated(stored) if stored.is_deflated else stored.content


class _Inflated:
    """The inflated data set of a file."""

    def __init__(self, stored: StoredFile) -> None:
        self._stored = stored  # whose end closes the file
        self.size = stored.file.seek(0, 2)

    def read(self, start: int, length: int) -> bytes:
        self._stored.file.seek(start)
        return self._stored.file.read(length)


def _encoded(header: Dataset, tags: slice, *, implicit: bool, little: bool) -> Section:
    target = DicomBytesIO()
    target.is_implicit_VR, target.is_little_endian = implicit, little
    part = header[tags]
    write_dataset(target, part, parent_encoding=header._character_set)
    content = target.getvalue()
    return Section(Memory(content), 0, len(content))


def _head(tag: int, extent: Extent, *, implicit: bool, little: bool) -> bytes:
    order, length = "<" if little else ">", extent.length or 0
    if implicit:
        return struct.pack(order + "HHL", tag >> 16, tag & 0xFFFF, length)
    vr = extent.vr.encode("ascii")
    if vr in (b"FL", b"FD", b"SL", b"SS", b"UL", b"US"):
        # Longer than these VRs can say in Explicit VR: UN, as PS3.5 6.2.2 note 2 has it.
        vr = b"UN"
    return struct.pack(order + _LONG_VR.format, tag >> 16, tag & 0xFFFF, vr, 0, length)


def _deflated(content: Content) -> Iterator[bytes]:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    for start in range(0, content.size, PIECE):
        yield deflater.compress(content.read(start, PIECE))
    yield deflater.flush()
