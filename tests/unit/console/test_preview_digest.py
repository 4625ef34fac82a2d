"""Given a preview that somebody saw, when it is made again, then it is known to be the same."""

from __future__ import annotations

from dataclasses import replace

from bridge.console.pages.reconciliation import digest_of
from bridge.domain.delivery import EventKind
from bridge.domain.matching import Outcome
from bridge.domain.study_preview import (
    Effect,
    StepChange,
    StepStanding,
    StudyChange,
    StudyPreview,
    StudyStanding,
    Told,
)

BEFORE = StudyStanding(study_instance_uid="1.2.8", outcome=Outcome.UNSCHEDULED)
TOLD = Told(
    destination="ehr",
    kind=EventKind.STUDY_AVAILABLE,
    effect=Effect.PUBLISHED,
    study_instance_uid="1.2.8",
)


def preview(accession: str = "HOSP000017", patient: str = "P9", told: Told = TOLD) -> StudyPreview:
    after = StudyStanding(
        study_instance_uid="1.2.8",
        outcome=Outcome.MATCHED,
        orders=(accession,),
        identity={"PatientID": patient, "AccessionNumber": accession},
    )
    step = StepStanding(order=accession, rp_id=f"R{accession}", sps_id="S", status="COMPLETED")
    return StudyPreview(
        study=StudyChange(before=BEFORE, after=after),
        steps=(StepChange(before=None, after=step),),
        told=(replace(told, order=accession),),
    )


def test_given_numbers_that_are_minted_anew_then_it_is_the_same_preview() -> None:
    assert digest_of(preview("HOSP000017")) == digest_of(preview("HOSP000018"))


def test_given_another_patient_or_another_effect_then_it_is_another() -> None:
    seen = digest_of(preview())
    assert digest_of(preview(patient="P1")) != seen
    assert digest_of(preview(told=replace(TOLD, effect=Effect.NOTHING))) != seen
