"""Modality Worklist (PS3.4 Annex K): one entry per scheduled step, and what a query asks for."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.identifiers import Identifier
from bridge.domain.order import Order, Procedure, Step
from bridge.domain.patient import Patient


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


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistQuery:
    """Matching keys as the modality sent them; an empty one matches universally.

    Texts may hold the wildcards `*` and `?`. Tuples mean: any of these. `start` bounds date and
    time as one continuous interval (`YYYYMMDDHHMMSS`); `dates` and `times` bound them each on
    their own (PS3.4 K.6.1.2.2 with C.2.2.2.5). `impossible` marks keys that nothing can match,
    such as a range that ends before it begins. `shown_as` are the Patient IDs of those whom
    `patient_id` names by another of their identifiers: the number of a merged record, a national
    one.
    """

    station_ae_titles: tuple[str, ...] = ()
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
    impossible: bool = False
