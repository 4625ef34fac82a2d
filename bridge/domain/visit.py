"""Visits (encounters): where a patient is, under which number and account, and what became of it.

HL7 v2 PV1 and PID-18, DICOM's Patient Visit modules (PS3.3 C.3), FHIR Encounter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.domain.identifiers import Identifier
from bridge.domain.patient import Attributes, PatientDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitNumbers:
    """What a visit is known by: its Admission ID (PV1-19) and the patient account (PID-18)."""

    number: Identifier | None = None
    account: Identifier | None = None

    def __bool__(self) -> bool:
        return self.number is not None or self.account is not None

    @property
    def admission_id(self) -> str:
        """Admission ID (0038,0010) as modalities see it: the number, else the account."""
        shown = self.number or self.account
        return shown.value if shown else ""

    def belongs_to(self, visit: VisitNumbers) -> bool:
        """Whether what carries these numbers is of `visit`: its number decides, else the account.

        An account may hold several visits: another number is another visit.
        """
        if self.number and visit.number:
            return self.number.agrees_with(visit.number)
        if self.account and visit.account:
            return self.account.agrees_with(visit.account)
        return False


NO_NUMBERS = VisitNumbers()


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitDetails:
    """What one message says of a visit.

    `number` is the Admission ID (0038,0010; PV1-19), `account` the patient account (PID-18),
    `alternate` the Alternate Visit ID (PV1-50), `patient_class` HL7 table 0004. `attributes` are
    DICOM's visit attributes by keyword (CurrentPatientLocation, ReferringPhysicianName …).
    """

    number: Identifier | None = None
    account: Identifier | None = None
    alternate: Identifier | None = None
    patient_class: str = ""
    attributes: Attributes = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.numbers or self.patient_class or self.attributes)

    @property
    def numbers(self) -> VisitNumbers:
        """What the visit is known by."""
        return VisitNumbers(number=self.number, account=self.account)


class VisitStatus(StrEnum):
    """How a visit stands (FHIR Encounter.status says the same in its own words)."""

    PLANNED = "planned"
    ARRIVED = "arrived"
    IN_PROGRESS = "in progress"
    FINISHED = "finished"
    CANCELLED = "cancelled"


OPEN_VISITS = frozenset({VisitStatus.PLANNED, VisitStatus.ARRIVED, VisitStatus.IN_PROGRESS})


class VisitAction(StrEnum):
    """What an ADT event asks for; STANDARDS 3.3."""

    ADMIT = "admit"
    PREADMIT = "preadmit"
    UPDATE = "update"
    CHANGE_CLASS = "change class"
    TRANSFER = "transfer"
    DISCHARGE = "discharge"
    REOPEN = "reopen"
    ARRIVE = "arrive"
    DEPART = "depart"
    CANCEL = "cancel"


_S, _A = VisitStatus, VisitAction
_UNCHANGED = {status: status for status in VisitStatus}
_PLANNED = {_S.PLANNED: _S.IN_PROGRESS, _S.ARRIVED: _S.IN_PROGRESS}

# Action → (status before → status after). A clinician can proof-read it.
VISIT_TRANSITIONS: dict[VisitAction, dict[VisitStatus, VisitStatus]] = {
    _A.ADMIT: dict.fromkeys(VisitStatus, _S.IN_PROGRESS),
    _A.PREADMIT: _UNCHANGED | {_S.CANCELLED: _S.PLANNED, _S.FINISHED: _S.PLANNED},
    _A.UPDATE: _UNCHANGED,
    _A.CHANGE_CLASS: _UNCHANGED | _PLANNED,
    _A.TRANSFER: _UNCHANGED | _PLANNED,
    _A.DISCHARGE: _UNCHANGED | dict.fromkeys(OPEN_VISITS, _S.FINISHED),
    _A.REOPEN: _UNCHANGED | {_S.FINISHED: _S.IN_PROGRESS},
    _A.ARRIVE: _UNCHANGED | {_S.PLANNED: _S.ARRIVED},
    _A.DEPART: _UNCHANGED,
    _A.CANCEL: dict.fromkeys(VisitStatus, _S.CANCELLED),
}

_FIRST_STATUS: dict[VisitAction, VisitStatus] = {
    _A.PREADMIT: _S.PLANNED,
    _A.DISCHARGE: _S.FINISHED,
    _A.ARRIVE: _S.ARRIVED,
    _A.CANCEL: _S.CANCELLED,
}
PREADMITTED = "P"
"""Patient class of a visit to come (table 0004)."""


def visit_after(status: VisitStatus, action: VisitAction) -> VisitStatus:
    """The status of a visit once `action` happened to it. Total: every pair has an answer."""
    return VISIT_TRANSITIONS[action][status]


def first_status(action: VisitAction, patient_class: str) -> VisitStatus:
    """The status of a visit that is first heard of by `action`."""
    if action is _A.UPDATE and patient_class == PREADMITTED:
        return _S.PLANNED
    return _FIRST_STATUS.get(action, _S.IN_PROGRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A visit as held. `former` are numbers it was known by before it was renumbered."""

    pk: int
    patient_pk: int
    numbers: VisitNumbers
    alternate: Identifier | None = None
    patient_class: str = ""
    status: VisitStatus = VisitStatus.IN_PROGRESS
    attributes: Attributes = field(default_factory=dict)
    former: tuple[Identifier, ...] = ()
    occurred_at: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the patient is there, or is to come."""
        return self.status in OPEN_VISITS

    def is_called(self, said: VisitNumbers) -> bool:
        """Whether `said` names this visit by what it is, or was, known by."""
        if said.belongs_to(self.numbers):
            return True
        named = said.number or said.account
        return named is not None and any(named.agrees_with(each) for each in self.former)


def current_visit(visits: Iterable[Visit]) -> Visit | None:
    """The open visit that began last; one the patient is at goes before one that is planned."""
    open_visits = [visit for visit in visits if visit.is_open]
    return max(open_visits, key=_currency, default=None)


def _currency(visit: Visit) -> tuple[bool, str, int]:
    return (visit.status is not VisitStatus.PLANNED, visit.occurred_at, visit.pk)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitChanged:
    """ADT A01–A14, A38 and their kin, FHIR Encounter: one event of one visit.

    The patient comes with the message and is found or created. `previous` are the account and the
    visit number before the event (MRG-3, MRG-5 of A06 and A07). `occurred_at` orders the events of
    one visit, as it does of orders; `day` is its date (DA) at the site.
    """

    event: str
    action: VisitAction
    patient: PatientDetails
    visit: VisitDetails
    previous: VisitNumbers = NO_NUMBERS
    occurred_at: str = ""
    day: str = ""
    location: str = "PV1^1"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitsMoved:
    """ADT A44, A45: an account's or a visit's orders belong to another patient or account.

    They move from the patient whom `previous` names to `patient`. Exactly one of `account` and
    `visit` is given: what moves. `numbers` are those it has afterwards, where they were said.
    """

    event: str
    patient: PatientDetails
    previous: tuple[Identifier, ...]
    account: Identifier | None = None
    visit: Identifier | None = None
    numbers: VisitNumbers = NO_NUMBERS
    occurred_at: str = ""
    location: str = "MRG^1"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRenumbered:
    """ADT A49, A50, A51 (and A35, A41, A42): an account or a visit has another number from now on.

    `merges` says that both numbers may have been in use (A35, A36, A41, A42): what is known under
    the previous one joins the other. A mere change of number (A49–A51) must not meet another.
    """

    event: str
    patient: PatientDetails
    previous: Identifier
    current: Identifier
    is_account: bool
    is_alternate: bool = False
    merges: bool = False
    occurred_at: str = ""
    location: str = "MRG^1"
