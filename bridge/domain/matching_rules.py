"""The decision table of reconciliation as a value (STANDARDS 6.2): loaded, never written here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.matching import Key, Outcome, PatientAgreement


class Finding(StrEnum):
    """What the identifiers of a study led to: the strongest key, or why no key alone can tell."""

    STUDY_INSTANCE_UID = Key.STUDY_INSTANCE_UID.value
    REQUEST_ATTRIBUTES = Key.REQUEST_ATTRIBUTES.value
    ACCESSION_NUMBER = Key.ACCESSION_NUMBER.value
    PERFORMED_STEP = Key.PERFORMED_STEP.value
    ORDER_NUMBER = Key.ORDER_NUMBER.value
    CONTRADICTION = "keys of different orders"
    SEVERAL = "several procedures"
    CANCELED = "canceled order"


class Situation(StrEnum):
    """What is decided without comparing the patient."""

    NOTHING = "no order"
    SEVERAL_PATIENTS = "several patients"
    WRONG_ENTRY = "wrong worklist entry"


class NameStrictness(StrEnum):
    """How names are compared after folding: word by word, component by component, or as typed."""

    WORDS = "words"
    COMPONENTS = "components"
    EXACT = "exact"


class Field(StrEnum):
    """What is compared of a study and an order, by DICOM keyword of the study's side."""

    STUDY_INSTANCE_UID = "StudyInstanceUID"
    ACCESSION_NUMBER = "AccessionNumber"
    REQUESTED_PROCEDURE_ID = "RequestedProcedureID"
    STEP_ID = "ScheduledProcedureStepID"
    PATIENT_ID = "PatientID"
    PATIENT_NAME = "PatientName"
    PATIENT_BIRTH_DATE = "PatientBirthDate"
    PATIENT_SEX = "PatientSex"
    MODALITY = "Modality"
    STATION = "StationAETitle"
    START = "StudyDateTime"


@dataclass(frozen=True, slots=True)
class Rule:
    """One cell: the outcome, the reason as it is kept with a decision, and why it is so."""

    outcome: Outcome
    reason: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggesting:
    """What is suggested to a person for a study that no key leads anywhere.

    Steps that begin within `hours` of the study; at most `most` with a score of `least_score`.
    """

    hours: int
    least_score: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingRules:
    """Everything a site may decide of reconciliation. Total: every cell is there.

    `differences` of name, birth date and sex make another patient; `weights` is what each field
    that agrees adds to the score of a candidate, and takes from it when it differs.
    """

    cells: Mapping[tuple[Finding, PatientAgreement], Rule]
    situations: Mapping[Situation, Rule]
    differences: int
    names: NameStrictness
    weights: Mapping[Field, int]
    suggesting: Suggesting

    def rule(self, finding: Finding, agreement: PatientAgreement) -> Rule:
        """The cell."""
        return self.cells[finding, agreement]
