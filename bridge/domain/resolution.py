"""What a person decided of a study: it stands against every rule until it is taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bridge.domain.matching import Candidate, MatchDecision, Outcome
from bridge.domain.patient import Patient
from bridge.domain.study import Study

_BY_A_PERSON = "operator "
_OF_THE_PATIENT = ("PatientBirthDate", "PatientSex")


class ResolutionAction(StrEnum):
    """`LINK` to procedures, keep `UNLINK`ed from procedures, `REJECT` the images.

    `MOVE` says whose images they are: the rules then decide of a study of that patient.
    """

    LINK = "link"
    UNLINK = "unlink"
    REJECT = "reject"
    MOVE = "move"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """One decision of a person, with who made it, why and when (unix time).

    `patient_pk` is the record that a study was moved to, 0 when it was not.
    """

    action: ResolutionAction
    procedure_pks: tuple[int, ...] = ()
    patient_pk: int = 0
    who: str
    reason: str
    at: float
    pk: int = 0


def resolved(resolution: Resolution) -> MatchDecision | None:
    """What a resolution decides by itself; None when the rules still have a say."""
    decided_by = f"{_BY_A_PERSON}{resolution.who}"
    if resolution.action is ResolutionAction.LINK:
        return MatchDecision(
            outcome=Outcome.MATCHED,
            reason=resolution.reason,
            procedure_pks=resolution.procedure_pks,
            decided_by=decided_by,
        )
    if resolution.action is ResolutionAction.REJECT:
        return MatchDecision(
            outcome=Outcome.REJECTED, reason=resolution.reason, decided_by=decided_by
        )
    return None


def person_of(decided_by: str) -> str:
    """Who made a decision that a person made (`MatchDecision.decided_by`)."""
    return decided_by.removeprefix(_BY_A_PERSON)


def shown_as(study: Study, patient: Patient) -> Study:
    """A study that was moved to a patient, as if its images named that patient alone."""
    said = {keyword: patient.attributes.get(keyword, "") for keyword in _OF_THE_PATIENT}
    return replace(
        study,
        patient_id=patient.patient_id,
        further_patient_ids=(),
        patient_name=patient.attributes.get("PatientName", ""),
        attributes={**study.attributes, **said},
    )


def allowed(candidates: Sequence[Candidate], resolution: Resolution | None) -> list[Candidate]:
    """The candidates but those that a person unlinked the study from."""
    if resolution is None or resolution.action is not ResolutionAction.UNLINK:
        return list(candidates)
    return [each for each in candidates if each.procedure.pk not in resolution.procedure_pks]
