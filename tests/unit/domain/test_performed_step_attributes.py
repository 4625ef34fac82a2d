"""PS3.4 Table F.7.2-1: what a message about a performed step lacks, and what it may not say."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.datadict import tag_for_keyword

from bridge.domain.performed_step_attributes import (
    ATTRIBUTES,
    NOT_SETTABLE,
    at_creation,
    at_the_end,
    never_created,
    not_allowed,
)

SCHEDULED: dict[str, Any] = {
    "StudyInstanceUID": "1.2.3",
    "ReferencedStudySequence": (),
    "AccessionNumber": "",
    "RequestedProcedureID": "",
    "RequestedProcedureDescription": "",
    "ScheduledProcedureStepID": "",
    "ScheduledProcedureStepDescription": "",
    "ScheduledProtocolCodeSequence": (),
}
CREATED: dict[str, Any] = {
    "ScheduledStepAttributesSequence": (SCHEDULED,),
    "PatientName": "",
    "PatientID": "",
    "PatientBirthDate": "",
    "PatientSex": "",
    "ReferencedPatientSequence": (),
    "PerformedProcedureStepID": "PPS1",
    "PerformedStationAETitle": "CT01",
    "PerformedStationName": "",
    "PerformedLocation": "",
    "PerformedProcedureStepStartDate": "20260105",
    "PerformedProcedureStepStartTime": "090000",
    "PerformedProcedureStepStatus": "IN PROGRESS",
    "PerformedProcedureStepDescription": "",
    "PerformedProcedureTypeDescription": "",
    "ProcedureCodeSequence": (),
    "PerformedProcedureStepEndDate": "",
    "PerformedProcedureStepEndTime": "",
    "Modality": "CT",
    "StudyID": "",
    "PerformedProtocolCodeSequence": (),
    "PerformedSeriesSequence": (),
}
SERIES: dict[str, Any] = {
    "PerformingPhysicianName": "",
    "ProtocolName": "HEAD",
    "OperatorsName": "",
    "SeriesInstanceUID": "1.2.3.1",
    "SeriesDescription": "",
    "RetrieveAETitle": "",
    "ReferencedImageSequence": (),
    "ReferencedNonImageCompositeSOPInstanceSequence": (),
}
ENDED: dict[str, Any] = {
    "PerformedProcedureStepEndDate": "20260105",
    "PerformedProcedureStepEndTime": "093000",
    "PerformedSeriesSequence": (SERIES,),
}
VALUES = [k for k, v in CREATED.items() if v]


def test_every_attribute_of_the_table_is_one_of_the_dictionary() -> None:
    assert all(tag_for_keyword(rule.keyword) is not None for rule in ATTRIBUTES)
    assert len({rule.path for rule in ATTRIBUTES}) == len(ATTRIBUTES)


def test_given_all_that_is_asked_for_then_nothing_is_lacking() -> None:
    assert not at_creation(CREATED)
    assert not at_the_end(ENDED)


@pytest.mark.parametrize("keyword", CREATED)
def test_given_an_attribute_is_left_out_then_it_is_missing(keyword: str) -> None:
    said = {name: value for name, value in CREATED.items() if name != keyword}
    assert at_creation(said).missing == (keyword,)


@pytest.mark.parametrize("keyword", CREATED)
def test_given_an_attribute_is_empty_then_only_type_1_is_lacking_its_value(keyword: str) -> None:
    empty: Any = () if isinstance(CREATED[keyword], tuple) else ""
    lacking = at_creation({**CREATED, keyword: empty})
    assert lacking.empty == ((keyword,) if keyword in VALUES else ())
    assert not lacking.missing


@pytest.mark.parametrize("keyword", SCHEDULED)
def test_given_one_item_of_several_lacks_an_attribute_then_its_path_is_told(keyword: str) -> None:
    item = {name: value for name, value in SCHEDULED.items() if name != keyword}
    said = {**CREATED, "ScheduledStepAttributesSequence": (SCHEDULED, item)}
    assert at_creation(said).missing == (f"ScheduledStepAttributesSequence.{keyword}",)


@pytest.mark.parametrize(
    ("said", "missing", "empty"),
    [
        ({"PerformedProcedureStepEndDate": ""}, (), ("PerformedProcedureStepEndDate",)),
        ({"PerformedProcedureStepEndTime": ""}, (), ("PerformedProcedureStepEndTime",)),
        ({"PerformedSeriesSequence": ()}, (), ("PerformedSeriesSequence",)),
        (
            {"PerformedSeriesSequence": ({**SERIES, "ProtocolName": ""},)},
            (),
            ("PerformedSeriesSequence.ProtocolName",),
        ),
        (
            {
                "PerformedSeriesSequence": (
                    {k: v for k, v in SERIES.items() if k != "RetrieveAETitle"},
                )
            },
            ("PerformedSeriesSequence.RetrieveAETitle",),
            (),
        ),
    ],
)
def test_given_an_end_without_what_it_needs_then_that_is_told(
    said: dict[str, Any], missing: tuple[str, ...], empty: tuple[str, ...]
) -> None:
    lacking = at_the_end({**ENDED, **said})
    assert (lacking.missing, lacking.empty) == (missing, empty)


def test_given_a_set_then_what_is_told_once_may_be_repeated_but_not_changed() -> None:
    assert not_allowed(ENDED, CREATED) == ()
    assert not_allowed(CREATED, CREATED) == ()
    assert not_allowed({"PatientID": "P2", "Modality": "CT"}, CREATED) == ("PatientID",)
    other = {**SCHEDULED, "AccessionNumber": "A2"}
    said = {"ScheduledStepAttributesSequence": (other,)}
    assert not_allowed(said, CREATED) == ("ScheduledStepAttributesSequence",)
    assert "PerformedProcedureStepStatus" not in NOT_SETTABLE


def test_given_a_set_of_what_was_not_created_then_that_is_told() -> None:
    said = {"CommentsOnRadiationDose": "x", "SpecificCharacterSet": "ISO_IR 100", "PatientID": "P"}
    assert never_created(said, CREATED) == ("CommentsOnRadiationDose",)
    assert never_created(ENDED, CREATED) == ()
