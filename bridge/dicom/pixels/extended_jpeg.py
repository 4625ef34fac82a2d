"""JPEG Extended of 12 bits by gdcm, which pydicom's own plugin for gdcm leaves out.

gdcm decodes it when the pixel format says 12 bits stored in 16 allocated. Checked against the
values that pydicom's tests expect of their sample.
"""

from __future__ import annotations

from typing import Any

from pydicom import uid

DECODER_DEPENDENCIES = {uid.JPEGExtended12Bit: ("python-gdcm",)}


def is_available(transfer_syntax: str) -> bool:
    """Whether this decodes a transfer syntax."""
    return transfer_syntax in DECODER_DEPENDENCIES


def decode_frame(source: bytes, runner: Any) -> bytes:
    """Decode one frame, as pydicom asks its plugins to."""
    import gdcm  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: PLC0415

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(source)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((runner.columns, runner.rows, 1))
    image.SetDataElement(element)
    kind = gdcm.PhotometricInterpretation.GetPIType(str(runner.photometric_interpretation))
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    syntax = gdcm.TransferSyntax.GetTSType(str.__str__(runner.transfer_syntax))
    image.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    stored = runner.bits_stored
    image.SetPixelFormat(
        gdcm.PixelFormat(
            runner.samples_per_pixel,
            runner.bits_allocated,
            stored,
            stored - 1,
            runner.pixel_representation,
        )
    )
    buffer = image.GetBuffer()
    if not buffer:
        raise ValueError("gdcm gave no pixels")
    return bytes(buffer.encode("utf-8", "surrogateescape"))
