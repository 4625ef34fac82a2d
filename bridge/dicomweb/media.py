"""Media types of pixel data (PS3.18 tables 8.7.3-2 to 8.7.3-5), and which one a client gets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.dicom.encoding import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from bridge.dicomweb.accept import ANY_SYNTAX, MediaRange

OCTETS = "application/octet-stream"
MULTIPART = "multipart/related"

FRAME_MEDIA_TYPES: Mapping[str, str] = {
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.92": "image/jpx",
    "1.2.840.10008.1.2.4.93": "image/jpx",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
    "1.2.840.10008.1.2.4.100": "video/mpeg2",
    "1.2.840.10008.1.2.4.101": "video/mpeg2",
    "1.2.840.10008.1.2.4.102": "video/mp4",
    "1.2.840.10008.1.2.4.103": "video/mp4",
    "1.2.840.10008.1.2.4.104": "video/mp4",
    "1.2.840.10008.1.2.4.105": "video/mp4",
    "1.2.840.10008.1.2.4.106": "video/mp4",
}
"""What a frame in each compressed transfer syntax is, as it is stored."""

_ALIASES = {"image/x-jls": "image/jls", "image/x-dicom-rle": "image/dicom-rle"}
_NATIVE = frozenset({EXPLICIT_LITTLE, IMPLICIT_LITTLE})


@dataclass(frozen=True, slots=True)
class FrameForm:
    """How frames are given: their media type and transfer syntax, in parts or one alone."""

    media_type: str
    transfer_syntax_uid: str
    in_parts: bool
    as_stored: bool

    @property
    def content_type(self) -> str:
        """The Content-Type of one frame."""
        return f"{self.media_type}; transfer-syntax={self.transfer_syntax_uid}"


def frame_form(ranges: Iterable[MediaRange], stored: str, *, alone: bool) -> FrameForm | None:
    """How frames stored in this transfer syntax are given; None when no way is acceptable.

    `alone` says whether there is but one, which may then go without parts.
    """
    for each in ranges:
        in_parts = each.covers(MULTIPART)
        wanted = each.parameters.get("type", "*/*" if in_parts else each.type).lower()
        if not in_parts and not alone:
            continue
        form = _form(wanted, each.parameters.get("transfer-syntax", ""), stored, in_parts)
        if form is not None:
            return form
    return None


def _form(wanted: str, syntax: str, stored: str, in_parts: bool) -> FrameForm | None:
    wanted = _ALIASES.get(wanted, wanted)
    own = FRAME_MEDIA_TYPES.get(stored, OCTETS)
    if wanted in (OCTETS, "application/*", "*/*", ""):
        if stored in FRAME_MEDIA_TYPES and syntax in (ANY_SYNTAX, stored):
            kind = OCTETS if wanted == OCTETS else own
            return FrameForm(kind, stored, in_parts, as_stored=True)
        if syntax in (ANY_SYNTAX, "", *_NATIVE):
            return FrameForm(OCTETS, EXPLICIT_LITTLE, in_parts, as_stored=False)
        return None
    kind, _, part = wanted.partition("/")
    fits = own == wanted or (part == "*" and own.startswith(f"{kind}/"))
    if fits and stored in FRAME_MEDIA_TYPES and syntax in (ANY_SYNTAX, "", stored):
        return FrameForm(own, stored, in_parts, as_stored=True)
    return None
