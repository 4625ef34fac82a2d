"""Modality Worklist (PS3.4 Annex K): one entry per scheduled step, and what a query asks for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bridge.domain.identifiers import Identifier
from bridge.domain.order import Order, Procedure, Step
from bridge.domain.patient import Patient
from bridge.domain.step_status import StepStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistEntry:
    """Everything one worklist item is made of."""

    patient: Patient
    order: Order
    procedure: Procedure
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistItem:
    """One stored answer: its item as Explicit VR Little Endian bytes in UTF-8.

    `ascii_only` says that no text needs a character set. `any_station` says that the step is
    open to every station of its modality, so the answer names the station that asks.
    """

    step_pk: int
    encoded: bytes
    ascii_only: bool
    any_station: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DateTimeRange:
    """DA/TM range matching (PS3.4 C.2.2.2.5): inclusive bounds, an empty bound is open."""

    first: str = ""
    last: str = ""

    def __bool__(self) -> bool:
        return bool(self.first or self.last)


UNBOUNDED = DateTimeRange()
"""Matches universally."""


class Rule(StrEnum):
    """What decides whether a step that is on the worklist is in an answer."""

    KEY = "matching key"
    STATION = "not for this station"
    MODALITY = "not of this station's modalities"
    LABEL = "not under this station's worklist labels"
    STATUS = "status is hidden from this station"
    WINDOW = "outside the days shown without a date"
    IMPOSSIBLE = "keys that nothing can match"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One reason why an entry is not in an answer: `asked` of `key`, and what the entry holds."""

    rule: Rule
    key: str
    asked: str
    held: str


class FurtherKeys(Protocol):
    """Matching keys that the worklist has no column for; they are matched on the stored answer."""

    def mismatches(self, encoded: bytes) -> tuple[Mismatch, ...]:
        """The keys that an item does not match."""


@dataclass(frozen=True, slots=True)
class OpenSteps:
    """Which steps that any station may do a station takes; empty: whatever it is.

    A step that names no location is open to every location (HL7 v2 IPC-7 to IPC-9).
    """

    modalities: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stations:
    """AE titles, any of which a step must be scheduled for; none: any step.

    Titles may hold wildcards. A step that is open to any station is wanted when one of `takes`
    takes it, or there is none to say.
    """

    ae_titles: tuple[str, ...] = ()
    takes: tuple[OpenSteps, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ae_titles)


ANYWHERE = Stations()


@dataclass(frozen=True, slots=True, kw_only=True)
class Visibility:
    """What a peer is shown at all, whatever it asks for; empty: everything.

    `window` bounds the start (`YYYYMMDDHHMMSS`) of steps whose patient is not in the house yet.
    An entry without a worklist label is everybody's.
    """

    stations: Stations = ANYWHERE
    modalities: tuple[str, ...] = ()
    worklist_labels: tuple[str, ...] = ()
    hidden_statuses: tuple[str, ...] = ()
    window: DateTimeRange = UNBOUNDED


SHOWN_ON_ANY_DAY = (StepStatus.ARRIVED, StepStatus.READY, StepStatus.STARTED)
"""Statuses of patients who are in the house: no default window leaves them out."""

EVERYTHING = Visibility()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistQuery:
    """Matching keys as the modality sent them; an empty one matches universally.

    Texts may hold the wildcards `*` and `?`. Tuples mean: any of these. `start` bounds date and
    time as one continuous interval (`YYYYMMDDHHMMSS`); `dates` and `times` bound them each on
    their own (PS3.4 K.6.1.2.2 with C.2.2.2.5). `impossible` marks keys that nothing can match,
    such as a range that ends before it begins. `shown_as` are the Patient IDs of those whom
    `patient_id` names by another of their identifiers: the number of a merged record, a national
    one. `station_takes` bounds which steps open to any station are meant by the stations asked
    for. `fuzzy` lets names match that only sound alike. `visible` is what the peer may see.
    """

    station_ae_titles: tuple[str, ...] = ()
    station_takes: tuple[OpenSteps, ...] = ()
    modalities: tuple[str, ...] = ()
    start: DateTimeRange = UNBOUNDED
    dates: DateTimeRange = UNBOUNDED
    times: DateTimeRange = UNBOUNDED
    performing_physician: str = ""
    patient_name: str = ""
    patient_id: str = ""
    issuer_of_patient_id: str = ""
    shown_as: tuple[Identifier, ...] = ()
    patient_birth_date: DateTimeRange = UNBOUNDED
    patient_sex: str = ""
    accession_number: str = ""
    requested_procedure_id: str = ""
    study_instance_uids: tuple[str, ...] = ()
    sps_id: str = ""
    sps_statuses: tuple[str, ...] = ()
    station_name: str = ""
    sps_location: str = ""
    admission_id: str = ""
    worklist_label: str = ""
    further: FurtherKeys | None = None
    fuzzy: bool = False
    visible: Visibility = EVERYTHING
    impossible: bool = False

    @property
    def stations(self) -> Stations:
        """The stations asked for."""
        return Stations(self.station_ae_titles, self.station_takes)
