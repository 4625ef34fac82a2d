"""What a person's act on a study would change: seen before it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.domain.coercion import Coercion
from bridge.domain.delivery import EventKind
from bridge.domain.matching import Outcome
from bridge.domain.study import Study


class Effect(StrEnum):
    """What a destination gets to hear of what is queued for it."""

    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"
    UNMATCHED = "told that it is unmatched"
    IMAGES = "gets images"
    ORDER = "told of the order"
    DECISION = "told of the decision"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyStanding:
    """How a study stands: what was decided, and as whose it is found and retrieved.

    `outcome` is None before the first decision. `orders` are the numbers of the orders it is
    matched to. `identity` is by keyword; `images` counts those that are shown to whoever asks.
    """

    study_instance_uid: str
    outcome: Outcome | None
    reason: str = ""
    decided_by: str = ""
    orders: tuple[str, ...] = ()
    identity: Mapping[str, str] = field(default_factory=dict)
    images: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStanding:
    """How a scheduled step stands; `hidden_because` is empty while it is on the worklist."""

    order: str
    rp_id: str
    sps_id: str
    status: str
    hidden_because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyChange:
    """One study before and after; `before` is None for one that there was not."""

    before: StudyStanding | None
    after: StudyStanding


@dataclass(frozen=True, slots=True, kw_only=True)
class StepChange:
    """One scheduled step before and after; None where there is no such step."""

    before: StepStanding | None
    after: StepStanding | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one destination is told: of the study of this UID, or of the order of this number."""

    destination: str
    kind: EventKind
    effect: Effect
    study_instance_uid: str = ""
    order: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPreview:
    """Everything an act would change.

    `study` is the one acted on; `others` are further ones whose decision the act changes.
    `steps` are those that change; `told` is in the order in which it is queued.
    """

    study: StudyChange
    others: tuple[StudyChange, ...] = ()
    steps: tuple[StepChange, ...] = ()
    told: tuple[Told, ...] = ()


def identity_shown(study: Study, coercion: Coercion | None) -> dict[str, str]:
    """As whose a study is found: what its images say, or what its order does; by keyword."""
    patient_id = coercion.patient_id if coercion else study.patient_id
    accession = coercion.accession_for(study.accession) if coercion else study.accession
    said = {
        "PatientID": patient_id.value if patient_id else "",
        "IssuerOfPatientID": patient_id.authority.key if patient_id else "",
        "PatientName": study.patient_name,
        "PatientBirthDate": study.attributes.get("PatientBirthDate", ""),
        "PatientSex": study.attributes.get("PatientSex", ""),
        "AccessionNumber": accession.value if accession else "",
    }
    ordered = coercion.said_over(study.patient_id, study.attributes) if coercion else {}
    return {keyword: ordered.get(keyword, text) for keyword, text in said.items()}
