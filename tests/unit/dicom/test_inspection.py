"""Given a data set in any state, then all that can be read is read, and what is wrong is noted."""

from __future__ import annotations

import struct
import zlib

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from bridge.dicom.header import read_header
from bridge.domain.errors import RequiredFieldMissing
from bridge.domain.study import InstanceHeader
from tests.unit.dicom.test_elements import encode
from tests.unit.dicom.test_header import instance

EXPLICIT = str(ExplicitVRLittleEndian)
NATIVE = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def written(**changed: bytes) -> bytes:
    """A small data set, element by element, so that each can be broken."""
    values = {
        "character_set": element(0x00080005, b"CS", b"ISO_IR 100"),
        "sop_class": element(0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.2\0"),
        "sop_instance": element(0x00080018, b"UI", b"1.2.3.4\0"),
        "study_date": element(0x00080020, b"DA", b"20240501"),
        "accession": element(0x00080050, b"SH", b"A1"),
        "patient_name": element(0x00100010, b"PN", b"TRAN^ANNA "),
        "patient_id": element(0x00100020, b"LO", b"P1"),
        "study": element(0x0020000D, b"UI", b"1.2.3.1\0"),
        "series": element(0x0020000E, b"UI", b"1.2.3.1.1\0"),
        "number": element(0x00200013, b"IS", b"1 "),
        **changed,
    }
    return b"".join(values.values())


def read(data: bytes, syntax: str = EXPLICIT) -> InstanceHeader:
    header = read_header(data, syntax)
    assert header.sop_instance_uid == "1.2.3.4"
    return header


def test_given_a_sound_data_set_then_it_has_no_flaws() -> None:
    assert read(written()).flaws == ()
    for syntax in NATIVE:
        assert read_header(encode(instance(), syntax), syntax).flaws == ()


@pytest.mark.parametrize(
    ("tag", "vr", "text"),
    [
        (0x00080020, b"DA", b"2024.05.31"),
        (0x00080020, b"DA", b""),
        (0x00080030, b"TM", b"23"),
        (0x00080030, b"TM", b"2359"),
        (0x00080030, b"TM", b"235960.123456 "),
        (0x00080030, b"TM", b"10:15:00"),
        (0x00200013, b"IS", b" -12"),
    ],
)
def test_given_a_value_in_any_form_that_is_allowed_then_it_is_no_flaw(
    tag: int, vr: bytes, text: bytes
) -> None:
    padded = text + b" " * (len(text) & 1)
    assert not any(" is no " in flaw for flaw in read(written(more=element(tag, vr, padded))).flaws)


@pytest.mark.parametrize("actual", [*NATIVE, DeflatedExplicitVRLittleEndian])
@pytest.mark.parametrize("declared", [*NATIVE, DeflatedExplicitVRLittleEndian])
def test_given_it_is_written_otherwise_than_it_says_then_it_is_read_as_it_is_written(
    declared: str, actual: str
) -> None:
    header = read_header(encode(instance(), actual), declared)
    assert header.patient_name == read_header(encode(instance(), actual), actual).patient_name
    assert header.transfer_syntax_uid == actual
    assert bool(header.flaws) is (declared != actual)


def test_given_what_is_compressed_has_no_vrs_then_it_keeps_its_name() -> None:
    header = read_header(encode(instance(), ImplicitVRLittleEndian), JPEG2000Lossless)
    assert header.transfer_syntax_uid == JPEG2000Lossless
    assert header.flaws == ("the data set is written without VRs, little endian",)


@pytest.mark.parametrize(
    ("changed", "flaw"),
    [
        ({"study_date": element(0x00080020, b"DA", b"May 2024")}, "(0008,0020) is no DA"),
        ({"study_date": element(0x00080020, b"DA", b"20241301")}, "(0008,0020) is no DA"),
        ({"time": element(0x00080030, b"TM", b"2575")}, "(0008,0030) is no TM"),
        ({"study_date": element(0x00080020, b"QQ", b"20240501")}, "(0008,0020) has no valid VR"),
        (
            {"study_date": struct.pack("<HHL", 8, 0x20, 8) + b"20240501"},
            "(0008,0020) has no valid VR",
        ),
        (
            {"study_date": struct.pack("<HH2sHL", 8, 0x20, b"ZZ", 0, 8) + b"20240501"},
            "(0008,0020) has no valid VR",
        ),
        ({"number": element(0x00200013, b"IS", b"one ")}, "(0020,0013) is no IS"),
        ({"accession": element(0x00080050, b"SH", b"A")}, "(0008,0050) has an odd length"),
        ({"series": element(0x0020000E, b"UI", b"1.2.03")}, "(0020,000E) is no UI"),
        ({"series": element(0x0020000E, b"UI", b"1." * 40 + b"1\0")}, "(0020,000E) is no UI"),
        (
            {"character_set": element(0x00080005, b"CS", b"KLINGON ")},
            "(0008,0005) names 'KLINGON', which is unknown",
        ),
        (
            {"character_set": b"", "patient_name": element(0x00100010, b"PN", b"M\xdcLLER")},
            "(0010,0010) is not written in Specific Character Set",
        ),
        (
            {
                "character_set": element(0x00080005, b"CS", b"ISO_IR 192"),
                "patient_name": element(0x00100010, b"PN", b"M\xdcLLER"),
            },
            "(0010,0010) is not written in Specific Character Set",
        ),
        (
            {"patient_id": element(0x00100020, b"LO", b"P1" * 1000)},
            "(0010,0020) is longer than 1024 characters",
        ),
        (
            {"requests": element(0x00400275, b"LO", b"no items")},
            "(0040,0275) cannot be read: an item was expected, not (6F6E,6920)",
        ),
        ({"more": element(0x00080050, b"SH", b"A2")}, "(0008,0050) is out of order"),
        ({"more": struct.pack("<HH2sH", 0x7FE0, 0x10, b"OW", 0)}, None),
        (
            {"more": struct.pack("<HH2sHL", 0x7FE0, 0x10, b"OW", 0, 100) + b"\0" * 50},
            "(7FE0,0010) is cut short",
        ),
        (
            {"more": struct.pack("<HH2sHL", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF) + b"\0" * 50},
            "(7FE0,0010) is cut short",
        ),
        ({"more": b"\x08\0"}, "the data set ends inside an element"),
        (
            {"more": struct.pack("<HH2sHL", 0x41, 0x10, b"SQ", 0, 0xFFFFFFFF) + b"no item."},
            "an item was expected, not (6F6E,6920)",
        ),
    ],
)
def test_given_something_broken_then_it_is_read_and_the_flaw_named(
    changed: dict[str, bytes], flaw: str | None
) -> None:
    header = read(written(**changed))
    assert flaw is None or flaw in header.flaws


@pytest.mark.parametrize("vr", [b"ZZ", b"\0\0", b"  ", b"pn", b"??"])
def test_given_every_vr_is_wrong_then_all_is_read_by_the_dictionary(vr: bytes) -> None:
    data, at = bytearray(written()), 0
    while at < len(data):
        (length,) = struct.unpack_from("<H", data, at + 6)
        data[at + 4 : at + 6] = vr
        at += 8 + length
    header = read(bytes(data))
    assert header.patient_name == "TRAN^ANNA"
    assert header.transfer_syntax_uid == EXPLICIT
    assert "(0008,0005) has no valid VR" in header.flaws


def test_given_nuls_inside_a_text_then_they_are_left_out() -> None:
    header = read(written(patient_name=element(0x00100010, b"PN", b"TR\0AN^\0\0")))
    assert header.patient_name == "TRAN^"


def test_given_elements_out_of_order_then_they_are_found_wherever_they_stand() -> None:
    moved = written(patient_id=b"", more=element(0x00100020, b"LO", b"P9"))
    patient = read(moved).patient_id
    assert patient is not None
    assert patient.value == "P9"


def test_given_very_many_fragments_then_they_are_not_looked_at() -> None:
    fragments = (struct.pack("<HHL", 0xFFFE, 0xE000, 2) + b"\0\0") * 600_000
    end = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    head = struct.pack("<HH2sHL", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF)
    assert read(written(more=head + fragments + end)).flaws == ()


@pytest.mark.parametrize("data", [b"", b"\0", b"\x08", b"\xff" * 1000, bytes(1000), b"DICM" * 50])
def test_given_no_data_set_at_all_then_what_is_missing_is_named(data: bytes) -> None:
    for syntax in (*NATIVE, DeflatedExplicitVRLittleEndian):
        with pytest.raises(RequiredFieldMissing, match="SOPClassUID is missing"):
            read_header(data, syntax)


def test_given_a_bomb_then_only_its_beginning_is_inflated() -> None:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    large = struct.pack("<HH2sHL", 0x7FE0, 0x10, b"OW", 0, 300 << 20)
    bomb = deflate.compress(written(more=large))
    bomb += b"".join(deflate.compress(bytes(1 << 20)) for _ in range(300)) + deflate.flush()
    assert read(bomb, DeflatedExplicitVRLittleEndian).patient_name == "TRAN^ANNA"


def test_given_a_rejection_note_that_cannot_be_read_then_it_rejects_nothing() -> None:
    note = Dataset()
    note.SOPClassUID, note.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.59", "1.2.3.4"
    note.StudyInstanceUID, note.SeriesInstanceUID = "1.2.3.1", "1.2.3.1.1"
    data = encode(note, ExplicitVRLittleEndian)
    header = read(data + struct.pack("<HH2sHL", 0x40, 0xA043, b"SQ", 0, 8) + b"no item.")
    assert header.rejection is None
    assert header.flaws
