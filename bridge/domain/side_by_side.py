"""A study and an order side by side, field by field, for whoever has to tell whether they agree."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.matching import Candidate, Evidence, Key, PatientAgreement, Verdict
from bridge.domain.matching_rules import MatchingRules
from bridge.domain.names import fold
from bridge.domain.ranking import evidence_of, number_of
from bridge.domain.study import Study


class Likeness(StrEnum):
    """How one field compares.

    `SOUNDS_ALIKE` is for names only, `MISSING`: one of the two does not say, or neither does.
    """

    EQUAL = "equal"
    SOUNDS_ALIKE = "sounds alike"
    DIFFERS = "differs"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class ComparedField:
    """One field by DICOM keyword: what the study says, what the order says, and how they compare.

    Names and texts are equal when they are after folding (case, accents, carets, blanks).
    """

    field: str
    study: str
    order: str
    likeness: Likeness

    @property
    def is_spelled_differently(self) -> bool:
        """Whether the two are equal only after folding, or by another number of the patient."""
        return self.likeness is Likeness.EQUAL and self.study != self.order


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """A study beside one procedure of an order.

    `number` is what the order is called by, `keys` what led from the study to it, `agreement` how
    the patients compare.
    """

    study_instance_uid: str
    procedure_pk: int
    number: str
    keys: tuple[Key, ...]
    agreement: PatientAgreement
    fields: tuple[ComparedField, ...]


_LIKENESS = {
    Verdict.AGREES: Likeness.EQUAL,
    Verdict.SOUNDS_ALIKE: Likeness.SOUNDS_ALIKE,
    Verdict.DIFFERS: Likeness.DIFFERS,
    Verdict.UNKNOWN: Likeness.MISSING,
}


def side_by_side(
    study: Study, candidate: Candidate, agreement: PatientAgreement, rules: MatchingRules
) -> SideBySide:
    """Compare everything that both can say."""
    compared = (*map(_compared, evidence_of(study, candidate, rules)), *_further(study, candidate))
    return SideBySide(
        study_instance_uid=study.study_instance_uid,
        procedure_pk=candidate.procedure.pk,
        number=number_of(candidate.order),
        keys=tuple(sorted(candidate.keys)),
        agreement=agreement,
        fields=compared,
    )


def _compared(evidence: Evidence) -> ComparedField:
    return ComparedField(
        evidence.field, evidence.study, evidence.order, _LIKENESS[evidence.verdict]
    )


def _further(study: Study, candidate: Candidate) -> tuple[ComparedField, ...]:
    """What no decision is built on: issuers, and what the two call examination and referrer."""
    order, procedure, patient = candidate.order, candidate.procedure, candidate.patient
    accession = order.numbers.accession
    named = study.patient_id
    said = study.attributes
    described = procedure.attributes.get("RequestedProcedureDescription", "")
    return (
        _folded(
            "IssuerOfPatientID",
            named.authority.key if named else "",
            patient.patient_id.authority.key,
        ),
        _folded(
            "IssuerOfAccessionNumberSequence",
            study.accession.authority.key if study.accession else "",
            accession.authority.key if accession else "",
        ),
        _folded("StudyID", said.get("StudyID", ""), procedure.rp_id),
        _folded("StudyDescription", said.get("StudyDescription", ""), described),
        _folded(
            "ReferringPhysicianName",
            said.get("ReferringPhysicianName", ""),
            order.attributes.get("ReferringPhysicianName", ""),
        ),
    )


def _folded(field: str, study: str, order: str) -> ComparedField:
    if not study or not order:
        return ComparedField(field, study, order, Likeness.MISSING)
    words = [fold(each.replace("^", " ")) for each in (study, order)]
    likeness = Likeness.EQUAL if words[0] == words[1] else Likeness.DIFFERS
    return ComparedField(field, study, order, likeness)
