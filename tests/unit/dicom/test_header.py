"""Given an arriving instance, when its header is read, then its keys are told."""

import pytest
from pydicom.dataset import Dataset

from bridge.dicom.header import read_header
from bridge.domain.errors import RequiredFieldMissing
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.study import RequestAttributes
from tests.unit.dicom.test_elements import BIG, DEFLATED, EXPLICIT, IMPLICIT, encode
from tests.unit.dicom.test_worklist_codec import entity
from tests.unit.dicom.test_worklist_query import of

CT = "1.2.840.10008.5.1.4.1.1.2"


def instance() -> Dataset:
    request = of(
        RequestedProcedureID="RP1",
        ScheduledProcedureStepID="SPS1",
        AccessionNumber="A2",
        StudyInstanceUID="1.2.9",
    )
    return of(
        SpecificCharacterSet="ISO_IR 192",
        SOPClassUID=CT,
        SOPInstanceUID="1.2.3.4",
        StudyInstanceUID="1.2.3",
        SeriesInstanceUID="1.2.3.1",
        PatientID="P1",
        IssuerOfPatientID="HOSP",
        IssuerOfPatientIDQualifiersSequence=[entity("", "1.2.3.4")],
        PatientName="NGUYỄN^ÁNH^VĂN",
        PatientBirthDate="19800101",
        AccessionNumber="A1",
        IssuerOfAccessionNumberSequence=[entity("RIS", "1.9")],
        Modality="CT",
        StudyDate="20261124",
        StudyDescription="",
        SeriesNumber=2,
        InstanceNumber=7,
        BodyPartExamined="ABDOMEN",
        RequestAttributesSequence=[request, of(RequestedProcedureID="RP2")],
        ReferencedPerformedProcedureStepSequence=[of(ReferencedSOPInstanceUID="1.2.7")],
        PixelData=b"\0" * 64,
    )


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG, DEFLATED])
def test_given_any_transfer_syntax_then_the_header_is_the_same(syntax: str) -> None:
    dataset = instance()
    header = read_header(encode(dataset, syntax), syntax)
    assert header.sop_class_uid == CT
    assert header.sop_instance_uid == "1.2.3.4"
    assert header.study_instance_uid == "1.2.3"
    assert header.series_instance_uid == "1.2.3.1"
    assert header.transfer_syntax_uid == syntax
    assert header.patient_id == Identifier("P1", Authority("HOSP", "1.2.3.4", "ISO"))
    assert header.patient_name == "NGUYỄN^ÁNH^VĂN"
    assert header.accession == Identifier("A1", Authority("RIS", "1.9", "ISO"))
    assert header.modality == "CT"
    assert header.request_attributes == (
        RequestAttributes("RP1", "SPS1", Identifier("A2"), "1.2.9"),
        RequestAttributes("RP2"),
    )
    assert header.performed_step_uids == ("1.2.7",)
    assert header.attributes == {
        "PatientName": "NGUYỄN^ÁNH^VĂN",
        "PatientBirthDate": "19800101",
        "StudyDate": "20261124",
        "SeriesNumber": "2",
        "InstanceNumber": "7",
        "BodyPartExamined": "ABDOMEN",
    }


@pytest.mark.parametrize(
    "keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
)
def test_given_a_uid_is_missing_or_empty_then_the_refusal_names_it(keyword: str) -> None:
    for change in (Dataset.__delattr__, lambda d, k: setattr(d, k, "")):
        dataset = instance()
        change(dataset, keyword)
        with pytest.raises(RequiredFieldMissing, match=keyword):
            read_header(encode(dataset, EXPLICIT), EXPLICIT)


def test_given_no_identity_then_there_is_none() -> None:
    dataset = instance()
    del dataset.PatientID, dataset.AccessionNumber, dataset.PatientName
    header = read_header(encode(dataset, EXPLICIT), EXPLICIT)
    assert header.patient_id is None
    assert header.accession is None
    assert header.patient_name == ""
