"""Given a worklist entry, when it is encoded, then it is what pydicom would have written."""

from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from bridge.dicom.worklist_codec import WorklistCodec
from bridge.domain.errors import DataTypeError, RequiredFieldMissing
from bridge.domain.identifiers import Identifier
from bridge.domain.order import CodedConcept, OrderNumbers
from bridge.domain.worklist import WorklistEntry
from tests.unit.dicom.entries import full_entry

CODEC = WorklistCodec()


def decoded(entry: WorklistEntry) -> Dataset:
    declared = b"\x08\0\x05\0CS\x0a\0ISO_IR 192"
    return dcmread(BytesIO(declared + CODEC.encode(entry).encoded), force=True)


def written_by_pydicom(dataset: Dataset) -> bytes:
    out = DicomBytesIO()
    out.is_implicit_VR, out.is_little_endian = False, True
    write_dataset(out, dataset, parent_encoding="utf8")
    content: bytes = out.getvalue()
    return content


def code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def entity(namespace: str = "", universal_id: str = "") -> Dataset:
    item = Dataset()
    if namespace:
        item.LocalNamespaceEntityID = namespace
    if universal_id:
        item.UniversalEntityID, item.UniversalEntityIDType = universal_id, "ISO"
    return item


def by_hand() -> Dataset:
    """The dataset of `full_entry`, written the long way (PS3.4 Table K.6-1)."""
    other = Dataset()
    other.PatientID, other.IssuerOfPatientID, other.TypeOfPatientID = "0123456789", "BHYT", "TEXT"
    step = Dataset()
    step.Modality = "CT"
    step.ScheduledStationAETitle = ["CT01", "CT02"]
    step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime = (
        "20261124",
        "083000",
    )
    step.ScheduledPerformingPhysicianName = "DO^TOR"
    step.ScheduledProcedureStepDescription = "abdomen"
    step.ScheduledProtocolCodeSequence = [code("ABD1", "99HOSP", "abdomen")]
    step.ScheduledProcedureStepID = "SPS1"
    step.ScheduledStationName, step.ScheduledProcedureStepLocation = "CT-1", "ROOM1"
    step.ScheduledProcedureStepStatus = "SCHEDULED"
    root = Dataset()
    root.AccessionNumber = "A1"
    root.IssuerOfAccessionNumberSequence = [entity("HOSP", "1.2.3.4")]
    root.ReferringPhysicianName, root.RequestingPhysician = "TRAN^B^VAN", "LE^C^THI"
    root.PatientName = "NGUYỄN^ÁNH^VĂN"
    root.PatientID, root.IssuerOfPatientID = "P1", "HOSP"
    root.IssuerOfPatientIDQualifiersSequence = [entity("", "1.2.3.4")]
    root.OtherPatientIDsSequence = [other]
    root.PatientBirthDate, root.PatientSex = "19800101", "M"
    root.PatientSize, root.PatientWeight = "1.68", "62.5"
    root.MedicalAlerts, root.Allergies = "PACEMAKER", ["PENICILLIN", "LATEX"]
    root.PregnancyStatus = 4
    root.StudyInstanceUID = "2.25.1"
    root.RequestedProcedureDescription = "CT abdomen with contrast"
    root.RequestedProcedureCodeSequence = [code("CTABD", "99HOSP", "CT abdomen")]
    root.AdmissionID, root.CurrentPatientLocation = "V1", "WARD^1^2"
    root.OrderPlacerIdentifierSequence = [entity("HIS")]
    root.OrderFillerIdentifierSequence = [entity("", "1.2.9")]
    root.ScheduledProcedureStepSequence = [step]
    root.RequestedProcedureID = "RP1"
    root.ReasonForTheRequestedProcedure = "pain"
    root.RequestedProcedurePriority = "ROUTINE"
    root.PatientTransportArrangements = "WHEELCHAIR"
    root.RequestedProcedureComments = "first line\r\nsecond line"
    root.PlacerOrderNumberImagingServiceRequest = "PL1"
    root.FillerOrderNumberImagingServiceRequest = "FL1"
    return root


def test_given_a_full_entry_then_its_bytes_are_pydicoms_of_the_same_dataset() -> None:
    assert CODEC.encode(full_entry()).encoded == written_by_pydicom(by_hand())


def test_given_an_entry_then_the_item_says_whether_it_needs_a_character_set() -> None:
    assert not CODEC.encode(full_entry()).ascii_only
    assert CODEC.encode(full_entry(name="DOE^JANE")).ascii_only


def test_given_a_korean_issuer_then_a_character_set_is_needed_though_the_name_is_ascii() -> None:
    entry = full_entry(name="DOE^JANE")
    issuer = replace(entry.patient.identifiers[0].authority, namespace="고려대학교")
    patient = replace(entry.patient, identifiers=(Identifier("P1", issuer),))
    assert not CODEC.encode(replace(entry, patient=patient)).ascii_only


def test_given_no_station_then_any_station_may_take_it() -> None:
    entry = full_entry()
    item = CODEC.encode(replace(entry, step=replace(entry.step, station_ae_titles=())))
    assert item.any_station
    assert not CODEC.encode(entry).any_station


def test_given_no_descriptions_then_the_codes_describe() -> None:
    entry = full_entry()
    bare = replace(
        entry,
        procedure=replace(entry.procedure, attributes={}),
        step=replace(entry.step, attributes={}),
    )
    dataset = decoded(bare)
    assert dataset.RequestedProcedureDescription == "CT abdomen"
    assert dataset.ScheduledProcedureStepSequence[0].ScheduledProcedureStepDescription == "abdomen"


def test_given_no_protocol_then_the_procedure_describes_the_step() -> None:
    entry = full_entry()
    step = replace(entry.step, attributes={}, protocol_codes=())
    described = decoded(replace(entry, step=step)).ScheduledProcedureStepSequence[0]
    assert described.ScheduledProcedureStepDescription == "CT abdomen with contrast"


def test_given_a_long_code_then_it_is_a_long_code_value() -> None:
    entry = full_entry()
    long = CodedConcept("1234567890123456789", "SCT", "something long")
    dataset = decoded(replace(entry, procedure=replace(entry.procedure, code=long)))
    item = dataset.RequestedProcedureCodeSequence[0]
    assert item.LongCodeValue == "1234567890123456789"
    assert "CodeValue" not in item


def with_procedure_text(keyword: str, text: str) -> Dataset:
    entry = full_entry()
    attributes = {**entry.procedure.attributes, keyword: text}
    return decoded(replace(entry, procedure=replace(entry.procedure, attributes=attributes)))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("ă" * 70, "ă" * 64),
        ("knee\\hip", "knee/hip"),
        ("two\r\nlines\tand a tab", "two  lines and a tab"),
        ("bell\x07", "bell"),
    ],
)
def test_given_a_description_that_does_not_fit_then_it_is_made_to_fit(text: str, kept: str) -> None:
    dataset = with_procedure_text("RequestedProcedureDescription", text)
    assert dataset.RequestedProcedureDescription == kept


def test_given_comments_then_their_lines_and_backslashes_stay() -> None:
    dataset = with_procedure_text("RequestedProcedureComments", "a\r\nb\\c")
    assert dataset.RequestedProcedureComments == "a\r\nb\\c"


def test_given_a_long_name_then_each_group_is_cut_to_64_characters() -> None:
    name = decoded(full_entry(name="N" * 70 + "=" + "阮" * 70)).PatientName
    assert (name.alphabetic, name.ideographic) == ("N" * 64, "阮" * 64)


def test_given_a_partial_birth_date_then_none_is_told() -> None:
    entry = full_entry()
    attributes = {**entry.patient.attributes, "PatientBirthDate": "1980"}
    dataset = decoded(replace(entry, patient=replace(entry.patient, attributes=attributes)))
    assert "PatientBirthDate" not in dataset


@pytest.mark.parametrize(
    "entry",
    [
        replace(full_entry(), patient=replace(full_entry().patient, attributes={})),
        replace(full_entry(), patient=replace(full_entry().patient, identifiers=())),
        replace(full_entry(), procedure=replace(full_entry().procedure, study_instance_uid="")),
        replace(full_entry(), procedure=replace(full_entry().procedure, rp_id="")),
        replace(full_entry(), procedure=replace(full_entry().procedure, attributes={}, code=None)),
        replace(full_entry(), step=replace(full_entry().step, sps_id="")),
        replace(full_entry(), step=replace(full_entry().step, modality="")),
        replace(full_entry(), step=replace(full_entry().step, start_date="")),
    ],
)
def test_given_a_type_1_attribute_without_value_then_encoding_refuses(entry: WorklistEntry) -> None:
    with pytest.raises(RequiredFieldMissing):
        CODEC.encode(entry)


def test_given_an_identifier_that_is_too_long_then_encoding_refuses_rather_than_cuts() -> None:
    entry = full_entry()
    numbers = OrderNumbers(accession=Identifier("A" * 17))
    with pytest.raises(DataTypeError, match=r"\(0008,0050\)"):
        CODEC.encode(replace(entry, order=replace(entry.order, numbers=numbers)))


@given(
    name=st.text(st.characters(codec="utf-8"), min_size=1),
    text=st.text(st.characters(codec="utf-8")),
)
def test_given_any_texts_then_the_item_is_a_data_set_that_reads_back(name: str, text: str) -> None:
    entry = full_entry(name=name)
    said = {
        "RequestedProcedureDescription": text or "x",
        "RequestedProcedureComments": text,
        "RequestedProcedurePriority": text,
        "NamesOfIntendedRecipientsOfResults": text,
    }
    entry = replace(
        entry,
        procedure=replace(entry.procedure, attributes=said),
        step=replace(entry.step, attributes={"ScheduledStationName": text}),
    )
    dataset = decoded(entry)
    assert dataset.StudyInstanceUID == "2.25.1"
    assert dataset.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID == "SPS1"
    assert dataset.FillerOrderNumberImagingServiceRequest == "FL1"


@pytest.mark.parametrize(
    ("start", "minutes", "end"),
    [
        ("20261124 0830", "45", "20261124 091500"),
        ("20261231 235000", "15", "20270101 000500"),
        ("20261124 ", "45", " "),
        ("20261124 0830", "soon", " "),
    ],
)
def test_given_how_long_a_step_takes_then_its_end_follows_from_its_start(
    start: str, minutes: str, end: str
) -> None:
    entry = full_entry()
    start_date, start_time = start.split(" ")
    step = replace(
        entry.step,
        start_date=start_date,
        start_time=start_time,
        attributes={"DurationInMinutes": minutes, "BodyPartExamined": "CHEST"},
    )
    item = decoded(replace(entry, step=step)).ScheduledProcedureStepSequence[0]
    found = (item.get("ScheduledProcedureStepEndDate"), item.get("ScheduledProcedureStepEndTime"))
    assert " ".join(each or "" for each in found) == end
    assert item.BodyPartExamined == "CHEST"
