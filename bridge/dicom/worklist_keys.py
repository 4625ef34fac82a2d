"""The keys of the worklist (PS3.4 Table K.6-1): how each is matched and returned.

This table is what the code goes by, and what the conformance statement prints.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from bridge.dicom.attributes import attribute


class Matching(StrEnum):
    """How a key is matched (C.2.2.2)."""

    WILDCARD = "single value, wildcard or any of several values"
    NAME = "single value or wildcard, without regard to case and accents"
    UIDS = "list of UID"
    RANGE = "single value or range"
    SEQUENCE = "sequence: an item with all of its keys"
    NONE = "returned only"


class Level(StrEnum):
    """Where a key stands."""

    ROOT = "root"
    STEP = "ScheduledProcedureStepSequence"


class WorklistKey(NamedTuple):
    """One key. `requirement` is R or O for matching, `type` that of the returned attribute.

    `indexed` keys are matched by the database, the others on the stored answer.
    """

    keyword: str
    level: Level
    requirement: str
    type: str
    matching: Matching
    indexed: bool = False


_W, _N, _U, _R, _S, _NONE = Matching


def _keys(level: Level, type_: str, matching: Matching, *keywords: str) -> list[WorklistKey]:
    return [WorklistKey(keyword, level, "O", type_, matching) for keyword in keywords]


def _indexed(
    level: Level, requirement: str, type_: str, matching: Matching, *keywords: str
) -> list[WorklistKey]:
    return [WorklistKey(k, level, requirement, type_, matching, indexed=True) for k in keywords]


_ROOT, _STEP = Level

WORKLIST_KEYS: Final = (
    *_indexed(_STEP, "R", "1", _W, "ScheduledStationAETitle", "Modality"),
    *_indexed(
        _STEP,
        "R",
        "1",
        _R,
        "ScheduledProcedureStepStartDate",
        "ScheduledProcedureStepStartTime",
    ),
    *_indexed(_STEP, "R", "2", _N, "ScheduledPerformingPhysicianName"),
    *_indexed(_STEP, "O", "1", _W, "ScheduledProcedureStepID"),
    *_indexed(_STEP, "O", "2", _W, "ScheduledStationName", "ScheduledProcedureStepLocation"),
    *_indexed(_STEP, "O", "3", _W, "ScheduledProcedureStepStatus"),
    *_keys(_STEP, "1C", _W, "ScheduledProcedureStepDescription"),
    *_keys(_STEP, "1C", _S, "ScheduledProtocolCodeSequence"),
    *_keys(_STEP, "2C", _W, "PreMedication", "RequestedContrastAgent"),
    *_keys(_STEP, "3", _W, "BodyPartExamined", "CommentsOnTheScheduledProcedureStep"),
    *_keys(_STEP, "3", _R, "ScheduledProcedureStepEndDate", "ScheduledProcedureStepEndTime"),
    *_indexed(_ROOT, "R", "1", _N, "PatientName"),
    *_indexed(_ROOT, "R", "1", _W, "PatientID"),
    *_indexed(_ROOT, "O", "3", _W, "IssuerOfPatientID", "WorklistLabel"),
    *_indexed(_ROOT, "O", "2", _R, "PatientBirthDate"),
    *_indexed(_ROOT, "O", "2", _W, "PatientSex", "AccessionNumber", "AdmissionID"),
    *_indexed(_ROOT, "O", "1", _W, "RequestedProcedureID"),
    *_indexed(_ROOT, "O", "1", _U, "StudyInstanceUID"),
    *_keys(_ROOT, "1C", _W, "RequestedProcedureDescription"),
    *_keys(_ROOT, "1C", _S, "RequestedProcedureCodeSequence"),
    *_keys(_ROOT, "2", _N, "RequestingPhysician", "ReferringPhysicianName"),
    *_keys(
        _ROOT,
        "2",
        _W,
        "RequestedProcedurePriority",
        "PatientTransportArrangements",
        "CurrentPatientLocation",
        "PatientState",
        "MedicalAlerts",
        "Allergies",
        "SpecialNeeds",
        "ConfidentialityConstraintOnPatientDataDescription",
    ),
    *_keys(
        _ROOT,
        "2",
        _NONE,
        "PatientWeight",
        "PregnancyStatus",
        "ReferencedStudySequence",
        "ReferencedPatientSequence",
    ),
    *_keys(
        _ROOT,
        "3",
        _S,
        "IssuerOfAccessionNumberSequence",
        "IssuerOfPatientIDQualifiersSequence",
        "OtherPatientIDsSequence",
        "OrderPlacerIdentifierSequence",
        "OrderFillerIdentifierSequence",
    ),
    *_keys(
        _ROOT,
        "3",
        _W,
        "PlacerOrderNumberImagingServiceRequest",
        "FillerOrderNumberImagingServiceRequest",
        "ReasonForTheRequestedProcedure",
        "RequestedProcedureComments",
        "RequestedProcedureLocation",
        "ConfidentialityCode",
        "ReportingPriority",
        "RequestingService",
        "ReasonForTheImagingServiceRequest",
        "OrderEntererLocation",
        "OrderCallbackPhoneNumber",
        "ImagingServiceRequestComments",
        "PatientAddress",
        "PatientTelephoneNumbers",
        "EthnicGroup",
        "AdditionalPatientHistory",
        "PatientComments",
        "PatientInstitutionResidence",
    ),
    *_keys(
        _ROOT,
        "3",
        _N,
        "NamesOfIntendedRecipientsOfResults",
        "OrderEnteredBy",
        "OtherPatientNames",
        "PatientBirthName",
        "PatientMotherBirthName",
    ),
    *_keys(
        _ROOT,
        "3",
        _R,
        "PatientBirthTime",
        "IssueDateOfImagingServiceRequest",
        "IssueTimeOfImagingServiceRequest",
    ),
    *_keys(_ROOT, "3", _NONE, "PatientSize"),
)


def tag_of(keyword: str) -> int:
    """The tag of a keyword of the dictionary. Raises LookupError when there is none."""
    return attribute(keyword).tag


STEPS: Final = tag_of("ScheduledProcedureStepSequence")
BY_TAG: Final = {tag_of(key.keyword): key for key in WORKLIST_KEYS}
"""Each key by its tag; no tag is a key of both levels."""

STEP_TAGS: Final = frozenset(tag for tag, key in BY_TAG.items() if key.level is Level.STEP)
