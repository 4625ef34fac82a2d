"""Given a data set as bytes, when it is read, then what pydicom finds is found."""

import struct
import zlib
from io import BytesIO

import pytest
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from bridge.dicom.elements import DataSet, dictionary_vr, read
from bridge.dicom.encoding import coding_of
from bridge.domain.errors import DataTypeError

IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
REQUESTS, PURPOSE, CODE, PATIENT_ID = 0x00400275, 0x0040A170, 0x00080100, 0x00100020


def encode(dataset: Dataset, syntax: str) -> bytes:
    coding = coding_of(syntax)
    out = DicomBytesIO()
    out.is_implicit_VR, out.is_little_endian = coding.implicit, not coding.big_endian
    write_dataset(out, dataset)
    content: bytes = out.getvalue()
    if syntax == DEFLATED:
        squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        return squeeze.compress(content) + squeeze.flush()
    return content


def nested(undefined_length: bool) -> Dataset:
    inner = Dataset()
    inner.CodeValue = "INNER"
    first, second = Dataset(), Dataset()
    first.CodeValue, second.CodeValue = "FIRST", "SECOND"
    first.PurposeOfReferenceCodeSequence = [inner, inner]
    root = Dataset()
    root.PatientID = "P1"
    root.ReferencedStudySequence = []
    root.RequestAttributesSequence = [first, second]
    root.PatientComments = "after"
    root.PregnancyStatus = 3
    if undefined_length:
        for sequence in (
            root["RequestAttributesSequence"],
            root["ReferencedStudySequence"],
            first["PurposeOfReferenceCodeSequence"],
        ):
            sequence.is_undefined_length = True
        for item in (first, inner):
            item.is_undefined_length_sequence_item = True
    return root


@pytest.mark.parametrize("undefined_length", [False, True])
@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG, DEFLATED])
def test_given_nested_sequences_then_every_level_is_read(
    syntax: str, undefined_length: bool
) -> None:
    found = read(encode(nested(undefined_length), syntax), syntax)
    items = found.items(REQUESTS)
    assert [item.text(CODE) for item in items] == ["FIRST", "SECOND"]
    assert [item.text(CODE) for item in items[0].items(PURPOSE)] == ["INNER", "INNER"]
    assert found.items(0x00081110) == ()
    assert found.text(0x00104000) == "after"
    assert found.number(0x001021C0) == 3
    assert found.number(0x00280010) is None


def test_given_wanted_tags_then_only_they_and_the_character_set_are_read() -> None:
    dataset = nested(False)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    found = read(encode(dataset, EXPLICIT), EXPLICIT, {PATIENT_ID})
    assert set(found) == {0x00080005, PATIENT_ID}


def test_given_items_without_a_character_set_then_they_inherit_it() -> None:
    item = Dataset()
    item.CodeMeaning = "abdomen"
    root = Dataset()
    root.SpecificCharacterSet = "ISO_IR 100"
    root.RequestAttributesSequence = [item]
    content = encode(root, EXPLICIT).replace(b"abdomen", b"abd\xf6men")
    assert read(content).items(REQUESTS)[0].text(0x00080104) == "abdömen"


def test_given_an_unknown_vr_then_its_content_is_read_as_implicit() -> None:
    inside = Dataset()
    inside.CodeValue = "A"
    content = encode(inside, IMPLICIT)
    items = struct.pack("<HHL", 0xFFFE, 0xE000, len(content)) + content
    element = struct.pack("<HH2sHL", 0x0040, 0x0275, b"UN", 0, len(items)) + items
    found = read(element)
    assert found.items(REQUESTS)[0].text(CODE) == "A"
    assert found.vr(REQUESTS) == "SQ"


def test_given_an_element_without_vr_among_explicit_ones_then_it_is_read_all_the_same() -> None:
    content = struct.pack("<HHL", 0x0010, 0x0020, 2) + b"P1"
    assert read(content).text(PATIENT_ID) == "P1"


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_given_a_data_set_cut_short_anywhere_then_reading_ends_without_an_accident(
    syntax: str,
) -> None:
    content = encode(nested(True), syntax)
    for length in range(len(content)):
        found = read(content[:length], syntax)
        for tag in found:
            found.items(tag) if found.vr(tag) == "SQ" else found.text(tag)


def test_given_sequences_without_end_then_reading_refuses() -> None:
    opening = struct.pack("<HHL", 0x0040, 0xA730, 0xFFFFFFFF)
    opening += struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    with pytest.raises(DataTypeError, match="nested deeper"):
        read(opening * 6000, IMPLICIT)


def test_given_sequences_nested_deeper_than_python_recurses_then_what_follows_is_read() -> None:
    opening = struct.pack("<HHL", 0x0008, 0x1140, 0xFFFFFFFF)
    opening += struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    closing = struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    after = struct.pack("<HHL", 0x0010, 0x0020, 2) + b"P1"
    assert read(opening * 4000 + closing * 4000 + after, IMPLICIT).text(PATIENT_ID) == "P1"


def test_given_an_item_that_lacks_its_delimiter_then_that_of_its_sequence_ends_it() -> None:
    opening = struct.pack("<HHLHHL", 0x0008, 0x1140, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF)
    closing = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    after = struct.pack("<HHL", 0x0010, 0x0020, 2) + b"P1"
    assert read(opening + closing + after, IMPLICIT).text(PATIENT_ID) == "P1"


def test_given_no_item_where_one_must_be_then_reading_refuses() -> None:
    dataset = DataSet({REQUESTS: (b"SQ", b"\x10\0\x20\0\2\0\0\0P1")})
    with pytest.raises(DataTypeError, match="an item was expected"):
        dataset.items(REQUESTS)


def test_given_what_is_not_deflated_then_reading_refuses() -> None:
    with pytest.raises(DataTypeError, match="inflated"):
        read(b"\xff\xff\xff", DEFLATED)


def test_given_a_private_or_unknown_tag_then_its_vr_is_unknown() -> None:
    assert dictionary_vr(0x00091001) == "UN"
    assert dictionary_vr(0x00280106) == "US"


def test_given_padding_then_values_come_without_it() -> None:
    dataset = Dataset()
    dataset.ScheduledStationAETitle = ["CT1", "CT22 "]
    assert read(encode(dataset, EXPLICIT)).texts(0x00400001) == ("CT1", "CT22")
    assert BytesIO(encode(dataset, EXPLICIT)).read()
