"""Given an MPPS attribute list, when it is read, then the report says what was done for whom."""

from contextlib import suppress
from dataclasses import replace
from random import Random

import pytest

from bridge.dicom.performed_step_report import read_report
from bridge.dicom.performed_step_state import state_of
from bridge.domain.errors import DataTypeError
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.performed_step import (
    Operation,
    PerformedStepMessage,
    PerformedStepReport,
    ScheduledReference,
)
from tests.unit.dicom.test_elements import EXPLICIT, IMPLICIT, encode
from tests.unit.dicom.test_worklist_codec import code, entity
from tests.unit.dicom.test_worklist_query import of


def test_given_an_n_create_then_the_scheduled_steps_and_the_patient_are_told() -> None:
    scheduled = of(
        StudyInstanceUID="1.2.3",
        AccessionNumber="A1",
        IssuerOfAccessionNumberSequence=[entity("RIS")],
        RequestedProcedureID="RP1",
        ScheduledProcedureStepID="SPS1",
    )
    attributes = of(
        ScheduledStepAttributesSequence=[scheduled],
        PatientID="P1",
        PatientName="DOE^JANE",
        Modality="CT",
        PerformedStationAETitle="CT01",
        PerformedProcedureStepID="PPS1",
        PerformedProcedureStepStatus="IN PROGRESS",
        PerformedProcedureStepStartDate="20261124",
        PerformedSeriesSequence=[],
    )
    content = encode(attributes, IMPLICIT)
    report = read_report(content, IMPLICIT, "1.2.9")
    assert report.content["PatientID"] == "P1"
    assert replace(report, content={}) == PerformedStepReport(
        sop_instance_uid="1.2.9",
        status="IN PROGRESS",
        scheduled=(ScheduledReference("1.2.3", Identifier("A1", Authority("RIS")), "RP1", "SPS1"),),
        patient_id=Identifier("P1"),
        patient_name="DOE^JANE",
        modality="CT",
        station_ae_title="CT01",
        pps_id="PPS1",
        attributes={"PerformedProcedureStepStartDate": "20261124"},
        series=(),
        encoded=content,
        transfer_syntax_uid=IMPLICIT,
    )


def test_given_an_n_set_then_its_instances_and_the_reason_are_told() -> None:
    first = of(
        SeriesInstanceUID="1.2.3.1",
        ReferencedImageSequence=[of(ReferencedSOPInstanceUID="1.2.3.1.1")],
        ReferencedNonImageCompositeSOPInstanceSequence=[of(ReferencedSOPInstanceUID="1.2.3.1.2")],
    )
    changes = of(
        PerformedProcedureStepStatus="DISCONTINUED",
        PerformedProcedureStepDiscontinuationReasonCodeSequence=[
            code("110514", "DCM", "Incorrect worklist entry selected")
        ],
        PerformedSeriesSequence=[first, of(SeriesInstanceUID="1.2.3.2")],
    )
    report = read_report(encode(changes, EXPLICIT), EXPLICIT, "1.2.9")
    assert report.status == "DISCONTINUED"
    assert report.discontinuation_reason == "110514"
    assert report.instances == {"1.2.3.1.1": "1.2.3.1", "1.2.3.1.2": "1.2.3.1"}
    assert report.scheduled == ()


def test_given_no_attributes_then_nothing_was_said() -> None:
    assert read_report(b"", EXPLICIT, "1.2.9") == PerformedStepReport(
        sop_instance_uid="1.2.9", status="", transfer_syntax_uid=EXPLICIT
    )


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_given_a_data_set_that_was_damaged_then_it_is_read_or_refused(syntax: str) -> None:
    whole = encode(of(ScheduledStepAttributesSequence=[of(StudyInstanceUID="1.2.3")]), syntax)
    whole += encode(of(PerformedSeriesSequence=[of(SeriesInstanceUID="1.1")]), syntax)
    random = Random(4)
    for _ in range(500):
        damaged = bytearray(whole)
        for _ in range(random.randint(1, 5)):
            damaged[random.randrange(len(damaged))] = random.randrange(256)
        kept = PerformedStepMessage(
            number=1,
            operation=Operation.CREATE,
            transfer_syntax_uid=syntax,
            encoded=bytes(damaged),
        )
        with suppress(DataTypeError):
            read_report(kept.encoded, syntax, "1.2.9")
        with suppress(DataTypeError):
            state_of([kept])


def test_given_dose_in_binary_numbers_then_they_are_read() -> None:
    exposure = of(KVP="120")
    exposure.add_new(0x00189345, "FD", 38.25)
    changes = of(ExposureDoseSequence=[exposure], TotalNumberOfExposures=7)
    for syntax in (EXPLICIT, IMPLICIT):
        dose = read_report(encode(changes, syntax), syntax, "1.2.9").dose
        assert dose is not None
        assert (dose.ctdi_vol, dose.number_of_exposures) == (38.25, 7)
