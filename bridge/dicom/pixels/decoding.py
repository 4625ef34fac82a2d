"""Decoding one frame by whichever of pydicom's decoders can. Runs in the worker process only."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, JPEGExtended12Bit

from bridge.dicom.pixels import extended_jpeg

Samples = np.ndarray[Any, Any]
_FLOATS = {"FloatPixelData": "<f4", "DoubleFloatPixelData": "<f8"}


def add_decoders() -> None:
    """Tell pydicom of our own decoder."""
    decoder = get_decoder(JPEGExtended12Bit)
    decoder.add_plugin("bridge", (extended_jpeg.__name__, extended_jpeg.decode_frame.__name__))


def decode(
    header: Dataset, frame: bytes, syntax: str, keyword: str, *, exact: bool
) -> tuple[Samples, str]:
    """Give the samples of a frame, in colours as RGB, and what they mean now.

    With `exact` bits beyond those that are said to be stored are kept (overlays were put there).

    Raises whatever the decoders do.
    """
    if keyword in _FLOATS:
        floats = np.frombuffer(frame, _FLOATS[keyword].replace("<", _order(syntax)))
        return floats.reshape(header.Rows, header.Columns), "MONOCHROME2"
    uid = UID(syntax)
    header.NumberOfFrames = 1
    header.PixelData = encapsulate([frame]) if uid.is_encapsulated else frame
    header["PixelData"].VR = "OW" if int(header.BitsAllocated) > 8 else "OB"  # noqa: PLR2004
    if uid.is_encapsulated:
        header["PixelData"].is_undefined_length = True
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = uid
    options: Any = {"correct_unused_bits": not exact}
    samples, said = get_decoder(uid).as_array(header, index=0, **options)
    return samples, str(said.get("photometric_interpretation", header.PhotometricInterpretation))


def native(samples: Samples, header: Dataset) -> bytes:
    """Samples as a native frame in little endian, as many bits as are allocated."""
    bits = int(header.get("BitsAllocated") or samples.dtype.itemsize * 8)
    if bits == 1:
        return np.packbits(samples.ravel().astype(np.uint8), bitorder="little").tobytes()
    if samples.dtype.kind != "f" and samples.dtype.itemsize * 8 != bits:
        samples = samples.astype(f"{samples.dtype.kind}{bits // 8}")
    return samples.astype(samples.dtype.newbyteorder("<"), copy=False).tobytes()


def _order(syntax: str) -> str:
    return ">" if syntax == "1.2.840.10008.1.2.2" else "<"
