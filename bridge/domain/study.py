"""Studies as they arrive: what an instance's header tells, and the study they add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bridge.domain.announced_study import AnnouncedImages, AnnouncedSeries
from bridge.domain.errors import BridgeError, DataTypeError
from bridge.domain.identifiers import Identifier
from bridge.domain.rejection import RejectionNote


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
    `rejection` is what it rejects, when it is a rejection note. `flaws` are what is wrong with how
    it is written, in words.
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
    rejection: RejectionNote | None = None
    flaws: tuple[str, ...] = ()


class Receipt(StrEnum):
    """What became of an arriving instance."""

    STORED = "stored"
    ALREADY_HELD = "already held"
    CONFLICT = "conflict"
    MISPLACED = "misplaced"
    REPLACED = "replaced"


class Duplicates(StrEnum):
    """Which of two instances counts that differ and have the same SOP Instance UID."""

    KEEP = "keep"  # the first; the other is kept beside it
    REPLACE = "replace"  # the last, likewise
    REJECT = "reject"  # the first; the other is refused


class UnsupportedSopClass(BridgeError):
    """Instances of this SOP class are not taken (DICOM: 0122H)."""


class DuplicateInstance(BridgeError):
    """An instance of this UID is held and differs (DICOM: 0111H)."""

    code = "205"


class InstanceElsewhere(DataTypeError):
    """The UID is that of an instance of another study, series or patient (DICOM: A900H)."""


class StudyState(StrEnum):
    """Receiving until complete, then available, until a late instance reopens it."""

    RECEIVING = "receiving"
    AVAILABLE = "available"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance as indexed: `path` is its key in the object store, empty when elsewhere."""

    sop_instance_uid: str
    sop_class_uid: str
    number: int | None
    path: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A series and its instances; `elsewhere` counts those of others that nobody listed."""

    series_instance_uid: str
    modality: str
    number: int | None
    attributes: Mapping[str, str]
    instances: tuple[Instance, ...]
    elsewhere: int = 0

    @property
    def count(self) -> int:
        """How many instances there are, wherever they are held."""
        return len(self.instances) + self.elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study as received, with the identity its images carry.

    `further_patient_ids` and `further_accessions` are those that some images carry instead of
    `patient_id` and `accession`: none of it depends on which image came first. `updated_at` is when
    its newest instance arrived (unix time). `announced` are images of it that others hold,
    `sources` the AE titles that its own came from.
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
    further_accessions: tuple[Identifier, ...] = ()
    updated_at: float = 0.0
    announced: AnnouncedImages | None = None
    sources: frozenset[str] = frozenset()

    @property
    def accessions(self) -> tuple[Identifier, ...]:
        """Every accession number that its images carry."""
        return (self.accession, *self.further_accessions) if self.accession else ()

    @property
    def instance_uids(self) -> frozenset[str]:
        """SOP Instance UIDs of every instance held."""
        return frozenset(i.sop_instance_uid for s in self.series for i in s.instances)

    @property
    def whole_series(self) -> tuple[Series, ...]:
        """Every series there is, those that others hold included."""
        if self.announced is None or not self.announced.series:
            return self.series
        elsewhere = {each.series_instance_uid: each for each in self.announced.series}
        ours = tuple(
            _joined(each, elsewhere.pop(each.series_instance_uid))
            if each.series_instance_uid in elsewhere
            else each
            for each in self.series
        )
        return (*ours, *(_series_elsewhere(each) for each in elsewhere.values()))


def _series_elsewhere(announced: AnnouncedSeries) -> Series:
    bare = Series(
        series_instance_uid=announced.series_instance_uid,
        modality=announced.modality,
        number=announced.number,
        attributes=announced.attributes,
        instances=(),
    )
    return _joined(bare, announced)


def _joined(ours: Series, announced: AnnouncedSeries) -> Series:
    """A series with the instances that are only elsewhere."""
    known = {each.sop_instance_uid for each in ours.instances}
    others = tuple(
        Instance(sop_instance_uid=uid, sop_class_uid=sop_class, number=None, path="")
        for uid, sop_class in announced.instances
        if uid not in known
    )
    instances = (*ours.instances, *others)
    unlisted = max(announced.count - len(instances), 0)
    return replace(ours, instances=instances, elsewhere=unlisted)


@dataclass(frozen=True, slots=True)
class Held:
    """What is held under a SOP Instance UID: the digest of its dataset, and where it belongs.

    `patient_id` is that of its study, empty when the images carry none.
    """

    digest: str
    study_instance_uid: str
    series_instance_uid: str
    patient_id: str

    def is_same(self, header: InstanceHeader, digest: str) -> bool:
        """Whether an instance is the one that is held."""
        return (digest, header.study_instance_uid) == (self.digest, self.study_instance_uid)

    def fits(self, header: InstanceHeader) -> bool:
        """Whether an instance of this UID is of the same study, series and patient."""
        said = header.patient_id.value if header.patient_id else ""
        same_patient = not said or not self.patient_id or said == self.patient_id
        place = (header.study_instance_uid, header.series_instance_uid)
        return same_patient and place == (self.study_instance_uid, self.series_instance_uid)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedInstance:
    """An instance that was not taken: how it begins, and as far as it said what it is."""

    beginning: bytes
    peer: str
    reason: str
    sop_instance_uid: str = ""
    header: InstanceHeader | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One stored object to be indexed."""

    header: InstanceHeader
    path: str
    digest: str
    size: int
    peer: str
    now: float
