"""Given the Identifier of a query, then it means what the standard says and consoles intend."""

import pytest
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from bridge.dicom.elements import read
from bridge.dicom.worklist_keys import STEPS
from bridge.dicom.worklist_query import Identifier, read_identifier
from bridge.domain.errors import DataTypeError
from bridge.domain.worklist import DateTimeRange, WorklistQuery
from tests.unit.dicom.test_elements import EXPLICIT, IMPLICIT, encode


def identifier(root: Dataset, step: Dataset | None = None, syntax: str = EXPLICIT) -> Identifier:
    if step is not None:
        root.ScheduledProcedureStepSequence = [step]
    return read_identifier(read(encode(root, syntax), syntax))


def of(**keys: object) -> Dataset:
    """A Dataset of keywords; values as consoles send them, legal or not."""
    dataset = Dataset()
    for keyword, value in keys.items():
        tag = Tag(keyword)
        dataset.add(DataElement(tag, dictionary_VR(tag)[:2], value, validation_mode=IGNORE))
    return dataset


def step_query(**keys: object) -> WorklistQuery:
    return identifier(Dataset(), of(**keys)).query


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_given_matching_keys_of_both_levels_then_each_is_asked_for(syntax: str) -> None:
    root = of(
        PatientName="NGUYEN*",
        PatientID="P1",
        IssuerOfPatientID="HOSP",
        PatientBirthDate="19800101",
        PatientSex="m",
        AccessionNumber="A1",
        RequestedProcedureID="RP1",
        StudyInstanceUID=["1.2", "1.3"],
        AdmissionID="V1",
    )
    step = of(
        Modality="CT",
        ScheduledStationAETitle="CT01",
        ScheduledPerformingPhysicianName="DO*",
        ScheduledProcedureStepID="SPS1",
        ScheduledStationName="CT-1",
        ScheduledProcedureStepLocation="ROOM1",
        ScheduledProcedureStepStatus="SCHEDULED",
    )
    day = DateTimeRange(first="19800101", last="19800101")
    assert identifier(root, step, syntax).query == WorklistQuery(
        station_ae_titles=("CT01",),
        modalities=("CT",),
        performing_physician="DO*",
        patient_name="NGUYEN*",
        patient_id="P1",
        issuer_of_patient_id="HOSP",
        patient_birth_date=day,
        patient_sex="M",
        accession_number="A1",
        requested_procedure_id="RP1",
        study_instance_uids=("1.2", "1.3"),
        sps_id="SPS1",
        sps_statuses=("SCHEDULED",),
        station_name="CT-1",
        sps_location="ROOM1",
        admission_id="V1",
    )


def test_given_empty_keys_and_lone_wildcards_then_they_match_universally() -> None:
    root = of(PatientName="*", PatientID="*", AccessionNumber="", StudyInstanceUID="")
    step = of(Modality="*", ScheduledStationAETitle="", ScheduledProcedureStepStartDate="")
    assert identifier(root, step).query == WorklistQuery()


def test_given_a_name_of_nothing_but_wildcards_and_carets_then_it_matches_universally() -> None:
    assert identifier(of(PatientName="*^*")).query.patient_name == ""


def test_given_several_modalities_then_any_of_them_matches_in_capitals() -> None:
    assert step_query(Modality=["ct", "MR "]).modalities == ("CT", "MR")


def test_given_step_keys_at_the_root_then_they_count_as_keys_of_the_step() -> None:
    found = identifier(of(Modality="CT", ScheduledProcedureStepStartDate="20261124", PatientID=""))
    assert found.query.modalities == ("CT",)
    assert found.query.dates == DateTimeRange(first="20261124", last="20261124")
    assert list(found.keys) == [0x00100020, STEPS]
    assert list(found.keys[STEPS].items) == [0x00080060, 0x00400002]


def test_given_a_key_at_both_levels_then_that_of_the_step_counts() -> None:
    assert identifier(of(Modality="MR"), of(Modality="CT")).query.modalities == ("CT",)


def test_given_two_ranges_then_they_make_one_interval() -> None:
    query = step_query(
        ScheduledProcedureStepStartDate="20260705-20260707",
        ScheduledProcedureStepStartTime="10-18",
    )
    assert query.start == DateTimeRange(first="20260705100000", last="20260707185959")
    assert not query.dates
    assert not query.times


@pytest.mark.parametrize(
    ("date", "time", "dates", "times"),
    [
        ("20261124", "1000-1800", ("20261124", "20261124"), ("100000", "180059")),
        ("20261124-20261125", "083000", ("20261124", "20261125"), ("083000", "083000")),
        ("20261124-", "", ("20261124", ""), ("", "")),
        ("-20261124", "", ("", "20261124"), ("", "")),
        ("20261124 - 20261125", "", ("20261124", "20261125"), ("", "")),
        ("2026.11.24", "08:30", ("20261124", "20261124"), ("083000", "083059")),
        ("", "08", ("", ""), ("080000", "085959")),
        ("", "083000.000000", ("", ""), ("083000", "083000")),
        ("", "-2400", ("", ""), ("", "235959")),
        ("*", "*", ("", ""), ("", "")),
    ],
)
def test_given_a_date_and_a_time_then_each_bounds_on_its_own(
    date: str, time: str, dates: tuple[str, str], times: tuple[str, str]
) -> None:
    query = step_query(ScheduledProcedureStepStartDate=date, ScheduledProcedureStepStartTime=time)
    assert query.dates == DateTimeRange(first=dates[0], last=dates[1])
    assert query.times == DateTimeRange(first=times[0], last=times[1])
    assert not query.start


@pytest.mark.parametrize(("date", "time"), [("20261125-20261124", ""), ("", "1800-0600")])
def test_given_a_range_that_ends_before_it_begins_then_nothing_can_match(
    date: str, time: str
) -> None:
    assert step_query(
        ScheduledProcedureStepStartDate=date, ScheduledProcedureStepStartTime=time
    ).impossible


@pytest.mark.parametrize(
    ("date", "time"), [("today", ""), ("202611", ""), ("", "noon"), ("", "083")]
)
def test_given_what_is_no_date_or_time_then_reading_refuses(date: str, time: str) -> None:
    with pytest.raises(DataTypeError, match="of the query is not"):
        step_query(ScheduledProcedureStepStartDate=date, ScheduledProcedureStepStartTime=time)


def test_given_a_wildcard_in_a_uid_then_it_matches_universally() -> None:
    assert identifier(of(StudyInstanceUID="1.2.*")).query.study_instance_uids == ()


def test_given_a_query_in_its_own_character_set_then_the_name_is_decoded() -> None:
    root = of(SpecificCharacterSet="ISO_IR 192", PatientName="NGUYỄN^*")
    found = identifier(root)
    assert found.query.patient_name == "NGUYỄN^*"
    assert list(found.keys) == [0x00100010]


def test_given_sequences_with_and_without_keys_then_both_ways_to_ask_are_kept() -> None:
    root = of(
        RequestedProcedureCodeSequence=[], ReferencedStudySequence=[of(ReferencedSOPClassUID="")]
    )
    keys = identifier(root).keys
    assert keys[0x00321064].items == {}
    assert list(keys[0x00081110].items) == [0x00081150]


def test_given_private_attributes_and_a_level_then_they_are_no_keys() -> None:
    root = of(QueryRetrieveLevel="STUDY", PatientID="")
    root.add_new(0x00090010, "LO", "VENDOR")
    root.add_new(0x00091001, "LO", "x")
    assert list(identifier(root).keys) == [0x00100020]


def test_given_no_keys_at_all_then_everything_matches() -> None:
    assert read_identifier(read(b"")).query == WorklistQuery()
