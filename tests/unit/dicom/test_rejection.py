"""Given Key Object Selection documents, only those with a title of rejection reject anything."""

from __future__ import annotations

import pytest
from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from bridge.dicom.rejection import read_rejection
from bridge.domain.rejection import KEY_OBJECT_SELECTION, REJECTIONS, RejectionNote


def document(code: str, scheme: str = "DCM") -> Dataset:
    title = Dataset()
    title.CodeValue, title.CodingSchemeDesignator, title.CodeMeaning = code, scheme, "a title"
    made = Dataset()
    made.SOPClassUID = KEY_OBJECT_SELECTION
    made.ConceptNameCodeSequence = [title]
    made.CurrentRequestedProcedureEvidenceSequence = [
        evidence("1.2", {"1.2.1": ["1.1", "1.2"], "1.2.2": ["1.3"]}),
        evidence("1.3", {"1.3.1": ["2.1"]}),
    ]
    return made


def evidence(study: str, series: dict[str, list[str]]) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID = study
    item.ReferencedSeriesSequence = []
    for uid, instances in series.items():
        of_series = Dataset()
        of_series.SeriesInstanceUID = uid
        of_series.ReferencedSOPSequence = [reference(each) for each in instances]
        item.ReferencedSeriesSequence.append(of_series)
    return item


def reference(sop: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", sop
    return item


def encoded(dataset: Dataset, syntax: str) -> bytes:
    target = DicomBytesIO()
    target.is_little_endian, target.is_implicit_VR = True, syntax == ImplicitVRLittleEndian
    write_dataset(target, dataset)
    return target.getvalue()


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("code", REJECTIONS)
def test_given_a_title_of_rejection_then_all_that_it_refers_to_is_rejected(
    code: str, syntax: str
) -> None:
    every = {("1.2", "1.1"), ("1.2", "1.2"), ("1.2", "1.3"), ("1.3", "2.1")}
    found = read_rejection(encoded(document(code), syntax), syntax)
    assert found == RejectionNote(code, frozenset(every))


@pytest.mark.parametrize(("code", "scheme"), [("113000", "DCM"), ("113001", "99LOCAL")])
def test_given_another_title_then_nothing_is_rejected(code: str, scheme: str) -> None:
    syntax = ExplicitVRLittleEndian
    assert read_rejection(encoded(document(code, scheme), syntax), syntax) is None


def test_given_no_title_at_all_then_nothing_is_rejected() -> None:
    assert (
        read_rejection(encoded(Dataset(), ExplicitVRLittleEndian), ExplicitVRLittleEndian) is None
    )
