"""A DICOM file (PS3.10) opened for reading: its header in memory, what is large where it lies.

An instance may be larger than memory, and may have been made to do harm: only the header is
parsed, values beyond `LARGE` stay where they are, and what is deflated inflates to a limit.
"""

from __future__ import annotations

import io
import struct
import tempfile
import weakref
import zlib
from dataclasses import dataclass
from typing import IO, Any

from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID

from bridge.dicom.part10 import split_file
from bridge.domain.errors import BridgeError, DataTypeError
from bridge.services.content import PIECE, Content

LARGE = 262_144
"""Bytes of a binary value beyond which it is not read with the header."""

FLOAT_PIXELS, DOUBLE_PIXELS, PIXELS = 0x7FE00008, 0x7FE00009, 0x7FE00010
_PIXEL_DATA = frozenset({FLOAT_PIXELS, DOUBLE_PIXELS, PIXELS})
_BULK_VRS = frozenset(
    {"OB", "OD", "OF", "OL", "OV", "OW", "UN", "FL", "FD", "SL", "SS", "UL", "US"}
)
_LONGEST_META = 1 << 20
_LARGEST_HEADER = 256 << 20
_MOST_INFLATED = 2 << 30
_IN_MEMORY = 16 << 20
_UNDEFINED = 0xFFFFFFFF
_IMPLICIT = frozenset({"1.2.840.10008.1.2", "1.2.840.113619.5.2"})
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_DEFLATED = "1.2.840.10008.1.2.1.99"


class UnreadableFile(BridgeError):
    """What is stored cannot be read as DICOM, or holds more than is read."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Where the value of an element lies; `length` is None when it ends by a delimiter."""

    vr: str
    start: int
    length: int | None


class ContentFile(io.RawIOBase):
    """A content as a file that can be read and sought in."""

    def __init__(self, content: Content) -> None:
        super().__init__()
        self._content = content
        self._position = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move there."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._content.size}
        self._position = max(0, base[whence] + offset)
        return self._position

    def readinto(self, buffer: object) -> int:
        """Fill a buffer as far as there is something, at most a piece at a time."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        wanted = min(len(view), PIECE, max(0, self._content.size - self._position))
        got = self._content.read(self._position, wanted) if wanted else b""
        view[: len(got)] = got
        self._position += len(got)
        return len(got)


class StoredFile:
    """A file as opened. `file` is what `bulk` and `pixel_data` say places of.

    `header` is the data set before the pixel data without the values in `bulk`; `pixel_start` is
    where the element of the pixel data begins, the end of the file when there is none.
    """

    def __init__(self, content: Content) -> None:
        """Read the header. Raises UnreadableFile, and ImageUnreadable as `content` does."""
        self.content = content
        self.file: IO[bytes] = io.BufferedReader(ContentFile(content), 65_536)
        try:
            self.transfer_syntax_uid, self.data_start = read_meta(self.file)
            self.meta = content.read(0, self.data_start)
            if self.is_deflated:
                self.file, self.data_start = _inflated(self.file, self.data_start), 0
                weakref.finalize(self, self.file.close)
            self.header = self._read_header()
            self.pixel_start = self.file.tell()
            self.pixel_tag, self.pixel_data = self._pixels()
        except BridgeError:
            raise
        except Exception as error:  # a parser's own words: whatever they are, it is not readable
            raise UnreadableFile(
                f"the stored file cannot be read: {type(error).__name__}"
            ) from error

    @property
    def is_deflated(self) -> bool:
        """Whether the data set is deflated (PS3.5 A.5)."""
        return self.transfer_syntax_uid == _DEFLATED

    @property
    def is_big_endian(self) -> bool:
        """Whether numbers begin with their highest byte."""
        return self.transfer_syntax_uid == _BIG_ENDIAN

    @property
    def is_encapsulated(self) -> bool:
        """Whether the pixel data are fragments (PS3.5 A.4)."""
        return self.pixel_data is not None and self.pixel_data.length is None

    def read(self, extent: Extent, start: int = 0, length: int | None = None) -> bytes:
        """Read a value of defined length, or a part of it."""
        there = max(0, (extent.length or 0) - start)
        self.file.seek(extent.start + start)
        return self.file.read(there if length is None else min(there, length))

    def _read_header(self) -> Dataset:
        implicit = self.transfer_syntax_uid in _IMPLICIT
        self.file.seek(self.data_start)
        file: Any = self.file
        header = read_dataset(
            file, implicit, not self.is_big_endian, stop_when=_is_pixel_data, defer_size=LARGE
        )
        at = self.file.tell()
        self.bulk = self._set_aside(header)
        self.file.seek(at)
        header.file_meta = FileMetaDataset()
        header.file_meta.TransferSyntaxUID = UID(self.transfer_syntax_uid)
        return header

    def _set_aside(self, header: Dataset) -> dict[int, Extent]:
        """Take what is large and binary out of the header; read what is large and is not."""
        end, total = self.file.seek(0, io.SEEK_END), 0
        bulk: dict[int, Extent] = {}
        for tag in list(header.keys()):
            raw: Any = header.get_item(tag)
            if not isinstance(raw, RawDataElement) or raw.value is not None or not raw.length:
                continue
            vr = raw.VR or _vr(tag)
            length = min(raw.length, max(0, end - raw.value_tell))
            if vr in _BULK_VRS:
                bulk[int(tag)] = Extent(vr, raw.value_tell, length)
                del header[tag]
                continue
            total += length
            if total > _LARGEST_HEADER:
                raise UnreadableFile("the header of the stored file is too large to be read")
            self.file.seek(raw.value_tell)
            header._dict[tag] = raw._replace(value=self.file.read(length))
        return bulk

    def _pixels(self) -> tuple[int, Extent | None]:
        """The pixel data element, read by hand: its value stays where it is."""
        end = self.file.seek(0, io.SEEK_END)
        self.file.seek(self.pixel_start)
        head = self.file.read(12)
        self.file.seek(self.pixel_start)
        implicit, little = self.header.original_encoding
        order = "<" if little else ">"
        if len(head) < (8 if implicit else 12):
            return 0, None
        group, element = struct.unpack_from(order + "HH", head)
        tag, at = group << 16 | element, 8 if implicit else 12
        if tag not in _PIXEL_DATA:
            return 0, None
        vr = "OW" if implicit else head[4:6].decode("ascii", "replace")
        (length,) = struct.unpack_from(order + "L", head, at - 4)
        start = self.pixel_start + at
        return tag, Extent(vr, start, None if length == _UNDEFINED else min(length, end - start))


def prepare_library() -> None:
    """Let pydicom read values as they are: a switch that it has for the whole process."""
    config.settings.reading_validation_mode = config.IGNORE


def _is_pixel_data(tag: BaseTag, vr: str | None, length: int) -> bool:
    return int(tag) in _PIXEL_DATA


def _vr(tag: int) -> str:
    try:
        return dictionary_VR(tag)[:2]
    except KeyError:
        return "UN"


def read_meta(file: IO[bytes]) -> tuple[str, int]:
    """Transfer syntax and where the data set begins; most of these heads are short."""
    for length in (4096, _LONGEST_META):
        file.seek(0)
        head = file.read(length)
        try:
            return split_file(head)
        except (DataTypeError, struct.error) as error:
            if len(head) < length or length == _LONGEST_META:
                raise UnreadableFile("the stored file has no readable meta information") from error
    raise AssertionError


def _inflated(file: IO[bytes], start: int) -> IO[bytes]:
    """The inflated data set, in memory or (when it is large) in a temporary file."""
    target: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    file.seek(start)
    piece = file.read(PIECE)
    while piece and not inflater.eof:
        target.write(inflater.decompress(piece, PIECE))
        if target.tell() > _MOST_INFLATED:
            target.close()
            raise UnreadableFile("the deflated data set is larger than is read")
        piece = inflater.unconsumed_tail or file.read(PIECE)
    target.seek(0)
    return target
