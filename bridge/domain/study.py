"""Studies as they arrive: what an instance's header tells, and the study they add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.domain.identifiers import Identifier


@dataclass(frozen=True, slots=True)
class RequestAttributes:
    """One item of Request Attributes Sequence (0040,0275)."""

    rp_id: str = ""
    sps_id: str = ""
    accession: Identifier | None = None
    study_instance_uid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceHeader:
    """What is read of an instance on arrival.

    `patient_id` is None when the instance carries none. `attributes` are further values by DICOM
    keyword (StudyDate, BodyPartExamined …) of patient, study, series and instance level.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    patient_id: Identifier | None = None
    patient_name: str = ""
    accession: Identifier | None = None
    modality: str = ""
    request_attributes: tuple[RequestAttributes, ...] = ()
    performed_step_uids: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


class Receipt(StrEnum):
    """What became of an arriving instance."""

    STORED = "stored"
    ALREADY_HELD = "already held"
    CONFLICT = "conflict"


class StudyState(StrEnum):
    """Receiving until complete, then available, until a late instance reopens it."""

    RECEIVING = "receiving"
    AVAILABLE = "available"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance as indexed: `path` is its key in the object store."""

    sop_instance_uid: str
    sop_class_uid: str
    number: int | None
    path: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A series and its instances."""

    series_instance_uid: str
    modality: str
    number: int | None
    attributes: Mapping[str, str]
    instances: tuple[Instance, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study as received, with the identity its images carry.

    `further_patient_ids` are those that later images carry instead of `patient_id`. `updated_at`
    is when its newest instance arrived (unix time).
    """

    pk: int
    study_instance_uid: str
    state: StudyState
    patient_id: Identifier | None
    patient_name: str
    accession: Identifier | None
    attributes: Mapping[str, str]
    request_attributes: tuple[RequestAttributes, ...]
    performed_step_uids: tuple[str, ...]
    series: tuple[Series, ...]
    further_patient_ids: tuple[Identifier, ...] = ()
    updated_at: float = 0.0

    @property
    def instance_uids(self) -> frozenset[str]:
        """SOP Instance UIDs of every instance held."""
        return frozenset(i.sop_instance_uid for s in self.series for i in s.instances)


@dataclass(frozen=True, slots=True)
class Held:
    """What is held under a SOP Instance UID: the digest of its dataset, and of which study."""

    digest: str
    study_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One stored object to be indexed."""

    header: InstanceHeader
    path: str
    digest: str
    size: int
    peer: str
    now: float
