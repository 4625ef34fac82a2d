"""Visits (encounters): where a patient is, under which number and account, and what became of it.

HL7 v2 PV1 and PID-18, DICOM's Patient Visit modules (PS3.3 C.3), FHIR Encounter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from bridge.domain.identifiers import Identifier
from bridge.domain.patient import Attributes, PatientDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitDetails:
    """What one message says of a visit.

    `number` is the Admission ID (0038,0010; PV1-19), `account` the patient account (PID-18),
    `patient_class` HL7 table 0004. `attributes` are DICOM's visit attributes by keyword
    (CurrentPatientLocation, ReferringPhysicianName …).
    """

    number: Identifier | None = None
    account: Identifier | None = None
    patient_class: str = ""
    attributes: Attributes = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.number or self.account or self.patient_class or self.attributes)


class VisitStatus(StrEnum):
    """How a visit stands (FHIR Encounter.status says the same in its own words)."""

    PLANNED = "planned"
    ARRIVED = "arrived"
    IN_PROGRESS = "in progress"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class VisitAction(StrEnum):
    """What an ADT event asks for; STANDARDS 3.3."""

    ADMIT = "admit"
    PREADMIT = "preadmit"
    UPDATE = "update"
    TRANSFER = "transfer"
    DISCHARGE = "discharge"
    REOPEN = "reopen"
    ARRIVE = "arrive"
    DEPART = "depart"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitChanged:
    """ADT A01–A13, A38 and their kin, FHIR Encounter: one event of one visit.

    The patient comes with the message and is found or created. `occurred_at` orders the events of
    one visit, as it does of orders.
    """

    event: str
    action: VisitAction
    patient: PatientDetails
    visit: VisitDetails
    occurred_at: str = ""
    location: str = "PV1^1"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitsMoved:
    """ADT A44, A45: an account's or a visit's orders belong to another patient.

    They move from the patient whom `previous` names to `patient`. Exactly one of `account` and
    `visit` is given.
    """

    event: str
    patient: PatientDetails
    previous: tuple[Identifier, ...]
    account: Identifier | None = None
    visit: Identifier | None = None
    occurred_at: str = ""
    location: str = "MRG^1"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRenumbered:
    """ADT A49, A50, A51 (and A41, A42): an account or a visit has another number from now on."""

    event: str
    patient: PatientDetails
    previous: Identifier
    current: Identifier
    is_account: bool
    occurred_at: str = ""
    location: str = "MRG^1"
