"""The frames of a stored file (PS3.3 C.7.6.6, PS3.5 section 8.2 and A.4), one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames, get_frame

from bridge.dicom.stored_file import PIXELS, Extent, StoredFile, UnreadableFile
from bridge.domain.errors import BridgeError

MOST_SAMPLES = 200_000_000
"""Samples of one frame beyond which it is not decoded."""

_DEPTHS = frozenset({1, 8, 16, 32, 64})


class NoPixels(BridgeError):
    """The instance has no pixel data."""


class NoSuchFrame(BridgeError):
    """The instance has no frame of that number."""


class FrameTooLarge(BridgeError):
    """A frame has more pixels than are decoded."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What one frame consists of."""

    rows: int
    columns: int
    samples: int
    bits: int
    photometric: str

    @property
    def bit_count(self) -> int:
        """Bits of a native frame; chroma is there for every second pixel only in 4:2:2."""
        samples = 2 if self.photometric == "YBR_FULL_422" and self.samples > 1 else self.samples
        return self.rows * self.columns * samples * self.bits


class Frames:
    """The frames of one file, counted from 1."""

    def __init__(self, stored: StoredFile) -> None:
        """Raises NoPixels, UnreadableFile and FrameTooLarge."""
        if stored.pixel_data is None:
            raise NoPixels("the instance has no pixel data")
        self.stored = stored
        self.extent: Extent = stored.pixel_data
        self.shape = _shape(stored.header)
        self.count = max(1, _number(stored.header, "NumberOfFrames", 1))

    def checked(self, number: int) -> int:
        """The number of a frame. Raises NoSuchFrame."""
        if not 1 <= number <= self.count:
            raise NoSuchFrame(f"frame {number} does not exist: there are {self.count}")
        return number

    def frame(self, number: int) -> bytes:
        """A frame as it is stored; native ones of single bits begin at a byte."""
        self.checked(number)
        return self._encapsulated(number) if self.stored.is_encapsulated else self._native(number)

    def __iter__(self) -> Iterator[bytes]:
        """Every frame, as it is stored."""
        if not self.stored.is_encapsulated:
            yield from (self._native(number) for number in range(1, self.count + 1))
            return
        self.stored.file.seek(self.extent.start)
        given = 0
        for frame in generate_frames(
            self.stored.file, number_of_frames=self.count, extended_offsets=self._offsets()
        ):
            position = self.stored.file.tell()
            yield frame
            self.stored.file.seek(position)
            given += 1
            if given == self.count:
                return
        if given < self.count:
            raise UnreadableFile(f"only {given} of {self.count} frames are there")

    def _native(self, number: int) -> bytes:
        start, length = self.shape.bit_count * (number - 1), self.shape.bit_count
        first, last = start // 8, -(-(start + length) // 8)
        content = self.stored.read(self.extent, first, last - first)
        if len(content) < last - first:
            raise UnreadableFile(f"the pixel data end before frame {number} does")
        if shift := start % 8:
            bits = int.from_bytes(content, "little") >> shift
            content = bits.to_bytes(len(content), "little")[: -(-length // 8)]
        return content

    def _encapsulated(self, number: int) -> bytes:
        self.stored.file.seek(self.extent.start)
        try:
            return get_frame(
                self.stored.file,
                number - 1,
                number_of_frames=self.count,
                extended_offsets=self._offsets(),
            )
        except BridgeError:
            raise
        except Exception as error:
            raise UnreadableFile(f"frame {number} cannot be found in the pixel data") from error

    def _offsets(self) -> tuple[bytes, bytes] | None:
        header = self.stored.header
        offsets, lengths = (
            header.get("ExtendedOffsetTable"),
            header.get("ExtendedOffsetTableLengths"),
        )
        return (offsets, lengths) if offsets and lengths else None

    def description(self, number: int) -> Dataset:
        """What decoding and rendering a frame need to know, its functional groups resolved."""
        header = self.stored.header
        made = header[0x00280000:0x00290000]
        for keyword in ("PixelPaddingValue", "PresentationLUTShape", "Modality"):
            if keyword in header:
                made[keyword] = header[keyword]
        for group in _functional_groups(header, number):
            for keyword in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
                for item in group.get(keyword) or ():
                    made.update(dict(item.items()))
        for keyword in ("NumberOfFrames", "ICCProfile"):
            if keyword in made:
                del made[keyword]
        return made

    def require_decodable(self) -> None:
        """Check that a frame is one that may be decoded. Raises FrameTooLarge, UnreadableFile."""
        shape = self.shape
        if shape.rows * shape.columns * shape.samples > MOST_SAMPLES:
            raise FrameTooLarge(
                f"{shape.rows}x{shape.columns} pixels of {shape.samples} samples are more than"
                " are decoded"
            )
        if self.stored.pixel_tag == PIXELS and shape.bits not in _DEPTHS:
            raise UnreadableFile(f"BitsAllocated of {shape.bits} is not one that can be decoded")


def _shape(header: Dataset) -> Shape:
    shape = Shape(
        rows=_number(header, "Rows", 0),
        columns=_number(header, "Columns", 0),
        samples=_number(header, "SamplesPerPixel", 1),
        bits=_number(header, "BitsAllocated", 0),
        photometric=str(header.get("PhotometricInterpretation") or ""),
    )
    if min(shape.rows, shape.columns, shape.samples, shape.bits) < 1:
        raise UnreadableFile("rows, columns, samples or bits of the pixel data are not said")
    return shape


def _number(header: Dataset, keyword: str, default: int) -> int:
    try:
        value: Any = header.get(keyword)
        return default if value in (None, "") else int(value)
    except (TypeError, ValueError):
        return default


def _functional_groups(header: Dataset, number: int) -> Iterator[Dataset]:
    shared = header.get("SharedFunctionalGroupsSequence") or ()
    frames = header.get("PerFrameFunctionalGroupsSequence") or ()
    yield from list(shared)[:1]
    if len(frames) >= number:
        yield frames[number - 1]
