"""DICOM files (PS3.10 section 7.1): the preamble and meta information before a data set."""

from __future__ import annotations

import struct
from importlib.metadata import version

from bridge.domain.errors import DataTypeError
from bridge.services.content import Source

LONGEST_META = 1 << 20
"""Bytes within which the file meta information of a file must end."""

_PREAMBLE = b"\0" * 128 + b"DICM"
LENGTH_OF_PREAMBLE = len(_PREAMBLE)
_VERSION = struct.pack("<HH2sHL", 0x0002, 0x0001, b"OB", 0, 2) + b"\0\1"
_HEAD = struct.Struct("<HH2sH").pack
_ELEMENT_HEAD = struct.Struct("<xxH2sH").unpack_from
_LONG = struct.Struct("<L").unpack_from
_LONG_VRS = frozenset({b"OB", b"OW", b"SQ", b"UN", b"UT"})
_TRANSFER_SYNTAX_UID = 0x0010
_GROUP_LENGTH = struct.Struct("<HH2sHL").pack
# Made once by UUID (PS3.5 B.2), so that files tell which software wrote them.
IMPLEMENTATION_CLASS_UID = "2.25.60842393051889828945849782483714434735"
IMPLEMENTATION_VERSION = f"BRIDGE_{version('bridge')}"[:16]


def file_head(
    *, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, source: str
) -> bytes:
    """Give what goes before the data set; `source` is the AE title it came from."""
    meta = b"".join(
        [
            _VERSION,
            _element(0x0002, b"UI", sop_class_uid),
            _element(0x0003, b"UI", sop_instance_uid),
            _element(0x0010, b"UI", transfer_syntax_uid),
            _element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
            _element(0x0013, b"SH", IMPLEMENTATION_VERSION),
            _element(0x0016, b"AE", source) if source else b"",
        ]
    )
    return _PREAMBLE + _GROUP_LENGTH(0x0002, 0x0000, b"UL", 4, len(meta)) + meta


def _element(number: int, vr: bytes, text: str) -> bytes:
    value = text.encode("ascii", "ignore")
    if len(value) & 1:
        value += b"\0" if vr == b"UI" else b" "
    return _HEAD(0x0002, number, vr, len(value)) + value


def missing_preamble(content: bytes) -> bytes:
    """What must go before a file whose writer left the preamble out; nothing before others.

    pydicom does unless it is asked to enforce the file format, and with it PyPI's dicomweb-client.
    """
    bare = content[128:132] != b"DICM" and content[:2] == b"\x02\x00"
    return _PREAMBLE if bare else b""


def begins_as_file(content: bytes) -> bool:
    """Whether a data set has a file's head before it, as some devices send it."""
    return content[128:132] == b"DICM" or content[:2] == b"\x02\x00"


def locate(source: Source) -> tuple[bytes, str, int]:
    """What a file lacks before it, its transfer syntax, and where in `source` its data set begins.

    Raises DataTypeError when its beginning is not that of a DICOM file.
    """
    beginning = source.read(0, LONGEST_META)
    before = missing_preamble(beginning)
    syntax, start = split_file(before + beginning)
    return before, syntax, start - len(before)


def split_file(content: bytes) -> tuple[str, int]:
    """Give the transfer syntax of a DICOM file, and where its data set begins.

    Its first `LONGEST_META` bytes are enough.

    Raises:
        DataTypeError: it has no preamble, or no file meta information that says the syntax.
    """
    if content[128:132] != b"DICM":
        raise DataTypeError("not a DICOM file: DICM is missing after the preamble")
    position, syntax = len(_PREAMBLE), ""
    while content[position : position + 2] == b"\x02\x00":
        number, vr, length = _ELEMENT_HEAD(content, position)
        value = position + 8
        if vr in _LONG_VRS:
            (length,) = _LONG(content, value)
            value += 4
        if number == _TRANSFER_SYNTAX_UID:
            syntax = content[value : value + length].decode("ascii", "replace").rstrip("\0 ")
        position = value + length
    if not syntax or position > len(content):
        raise DataTypeError("the file meta information does not say the transfer syntax")
    return syntax, position
