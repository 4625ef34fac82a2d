"""Find and read what was received, as it was received (PS3.18 sections 10.4 and 10.6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from bridge.domain.errors import BridgeError, ResourceBusy
from bridge.domain.identifiers import Identifier
from bridge.domain.patient import Patient
from bridge.domain.surrogate import LONGEST_LO, LONGEST_SH, shown, sought
from bridge.domain.worklist import UNBOUNDED, DateTimeRange
from bridge.services.content import Content, Source

T = TypeVar("T")
_WILDCARDS = frozenset("*?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageQuery:
    """What to find: an empty key matches everything, a tuple means any of these.

    Texts may hold the wildcards `*` and `?` (PS3.4 C.2.2.2.4). `started` bounds study date and
    time as one continuous interval, `study_date` and `study_time` each on their own (C.2.2.2.5).
    `modalities_in_study` asks for studies with some series of these, `modality` for the series
    themselves. `limit` is the most to give, None for all; `offset` how many of the first to leave
    out. `with_notes` gives rejection notes too, which other archives have to
    hear of. `also_called` are the other identifiers of those whom `patient_id` names. `rp_id` and
    `sps_id` are those of one request (PS3.3 table 10-9). `fuzzy_names` lets the words of a name
    begin words of the name that is held, in any order.
    """

    patient_name: str = ""
    patient_id: str = ""
    issuer_of_patient_id: str = ""
    also_called: tuple[Identifier, ...] = ()
    patient_birth_date: DateTimeRange = UNBOUNDED
    patient_sex: str = ""
    study_instance_uids: tuple[str, ...] = ()
    accession_number: str = ""
    study_date: DateTimeRange = UNBOUNDED
    study_time: DateTimeRange = UNBOUNDED
    started: DateTimeRange = UNBOUNDED
    study_id: str = ""
    study_description: str = ""
    referring_physician: str = ""
    modalities_in_study: tuple[str, ...] = ()
    series_instance_uids: tuple[str, ...] = ()
    modality: str = ""
    series_number: int | None = None
    sop_instance_uids: tuple[str, ...] = ()
    sop_class_uids: tuple[str, ...] = ()
    instance_number: int | None = None
    rp_id: str = ""
    sps_id: str = ""
    performed_date: DateTimeRange = UNBOUNDED
    performed_time: DateTimeRange = UNBOUNDED
    fuzzy_names: bool = False
    limit: int | None = None
    offset: int = 0
    with_notes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundStudy:
    """A study, with the identity its images carry and what it consists of."""

    study_instance_uid: str
    patient_id: Identifier | None
    patient_name: str
    accession: Identifier | None
    attributes: Mapping[str, str]
    modalities: tuple[str, ...]
    sop_class_uids: tuple[str, ...]
    series_count: int
    instance_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPatient:
    """A patient as the images of some studies name one."""

    patient_id: Identifier
    patient_name: str
    attributes: Mapping[str, str]
    study_count: int
    series_count: int
    instance_count: int


@dataclass(frozen=True, slots=True)
class FoundRequest:
    """What a study was asked for: Requested Procedure ID and Scheduled Procedure Step ID."""

    rp_id: str
    sps_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSeries:
    """A series of a study; `requests` are those of its study."""

    study_instance_uid: str
    series_instance_uid: str
    modality: str
    number: int | None
    attributes: Mapping[str, str]
    instance_count: int
    requests: tuple[FoundRequest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInstance:
    """An instance; `path` is its key in the object store, `peer` who sent it."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    modality: str
    number: int | None
    attributes: Mapping[str, str]
    path: str
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Above:
    """The studies and series that something found is in, by their UIDs; empty when not asked."""

    studies: Mapping[str, FoundStudy] = field(default_factory=dict)
    series: Mapping[str, FoundSeries] = field(default_factory=dict)


class Images(Protocol):
    """The index of what was received."""

    def patients(self, query: ImageQuery) -> Sequence[FoundPatient]: ...
    def studies(self, query: ImageQuery) -> Sequence[FoundStudy]: ...
    def series(self, query: ImageQuery) -> Sequence[FoundSeries]: ...
    def instances(self, query: ImageQuery) -> Sequence[FoundInstance]: ...


class PatientNames(Protocol):
    """What patients are called."""

    def called(self, value: str) -> tuple[Patient, ...]: ...


class ImageTransaction(Protocol):
    """A transaction in which images can be found."""

    @property
    def patients(self) -> PatientNames: ...
    @property
    def images(self) -> Images: ...


class ImageStore(Protocol):
    """Runs work that only reads."""

    def read(self, work: Callable[[ImageTransaction], T]) -> T: ...


class ImageObjects(Protocol):
    """Where image objects are kept."""

    def open(self, key: str) -> Source:
        """Give the object stored under `key` piece by piece. Raises OSError and BridgeError."""


class Present(Protocol):
    """Makes a stored file say what its order says."""

    def __call__(self, instance: FoundInstance, content: Content) -> Content:
        """Give the file as it is shown."""

    def version(self, instance: FoundInstance) -> str:
        """A text that is another one once the same file is shown otherwise."""


class ImageUnreadable(BridgeError):
    """An instance is in the index, but its object cannot be read."""

    permanent = False


class ReadImages:
    """Finds studies, series and instances, and reads instances."""

    def __init__(
        self, *, store: ImageStore, objects: ImageObjects, present: Present | None = None
    ) -> None:
        """Without `present` images are given as they were received, else as it makes them."""
        self._store = store
        self._objects = objects
        self._present = present

    def patients(self, query: ImageQuery) -> Sequence[FoundPatient]:
        """Patients whose studies match, in order of their Patient IDs."""
        return self._store.read(lambda tx: tx.images.patients(_resolved(tx, query)))

    def studies(self, query: ImageQuery) -> Sequence[FoundStudy]:
        """Studies that match, in order of arrival. Raises ResourceBusy, as all of these do."""
        return self._store.read(lambda tx: tx.images.studies(_resolved(tx, query)))

    def series(self, query: ImageQuery) -> Sequence[FoundSeries]:
        """Series that match, of whichever study."""
        return self._store.read(lambda tx: tx.images.series(_resolved(tx, query)))

    def instances(self, query: ImageQuery) -> Sequence[FoundInstance]:
        """Instances that match, those of one series together."""
        return self._store.read(lambda tx: tx.images.instances(_resolved(tx, query)))

    def above(self, found: Sequence[object]) -> Above:
        """What series and instances are in; each study and series is asked for once."""
        series_uids = _distinct(found, FoundInstance, "series_instance_uid")
        study_uids = _distinct(found, (FoundInstance, FoundSeries), "study_instance_uid")
        if not study_uids:
            return Above()
        query = ImageQuery(study_instance_uids=study_uids, series_instance_uids=series_uids)
        studies = self.studies(replace(query, series_instance_uids=()))
        series = self.series(query) if series_uids else ()
        return Above(
            {each.study_instance_uid: each for each in studies},
            {each.series_instance_uid: each for each in series},
        )

    def open(self, instance: FoundInstance) -> Content:
        """The DICOM file (PS3.10) piece by piece, with what its order says of it.

        Raises ImageUnreadable, here or when a piece cannot be had.
        """
        try:
            content = Content(_Readable(self._objects.open(instance.path), instance))
        except _UNREADABLE as error:
            raise ImageUnreadable(_missing(instance)) from error
        return content if self._present is None else self._present(instance, content)

    def version(self, instance: FoundInstance) -> str:
        """A text that is another one whenever `open` gives something else."""
        shown = "" if self._present is None else self._present.version(instance)
        return f"{instance.path} {shown}"

    def content(self, instance: FoundInstance) -> bytes:
        """The DICOM file as `open` gives it, the whole of it. Raises ImageUnreadable."""
        return self.open(instance).whole()


def _distinct(found: Sequence[object], kinds: type | tuple[type, ...], uid: str) -> tuple[str, ...]:
    return tuple({getattr(each, uid): None for each in found if isinstance(each, kinds)})


_UNREADABLE = (OSError, ResourceBusy)


def _missing(instance: FoundInstance) -> str:
    return f"instance {instance.sop_instance_uid} is indexed, but its file cannot be read"


@dataclass(frozen=True, slots=True)
class _Readable:
    """An object whose pieces are those of an instance."""

    source: Source
    instance: FoundInstance

    @property
    def size(self) -> int:
        return self.source.size

    def read(self, start: int, length: int) -> bytes:
        try:
            piece = self.source.read(start, length)
        except _UNREADABLE as error:
            raise ImageUnreadable(_missing(self.instance)) from error
        if not piece and start < self.size and length:  # shorter than it was: never passed on so
            raise ImageUnreadable(_missing(self.instance))
        return piece


def _resolved(tx: ImageTransaction, query: ImageQuery) -> ImageQuery:
    """The query with all that the patient is called: images carry the number of their day."""
    value, issuer = query.patient_id, query.issuer_of_patient_id
    if not value or _WILDCARDS & set(value):
        return _as_shown(query)
    called = [
        each
        for patient in tx.patients.called(value)
        if any(i.value == value and issuer in ("", i.authority.key) for i in _names(patient))
        for each in _names(patient)
    ]
    others = tuple(shown(each, LONGEST_LO) for each in called if each.value != value)
    return replace(_as_shown(query), also_called=others)


def _names(patient: Patient) -> tuple[Identifier, ...]:
    return (*patient.identifiers, *patient.aliases)


def _as_shown(query: ImageQuery) -> ImageQuery:
    """The query with the surrogates that images carry for identifiers that are too long."""
    return replace(
        query,
        accession_number=sought(query.accession_number, LONGEST_SH),
        patient_id=sought(query.patient_id, LONGEST_LO),
    )
