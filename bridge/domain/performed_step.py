"""Modality Performed Procedure Step (PS3.4 Annex F): what a modality says it did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bridge.domain.attribute_tree import AttributeTree
from bridge.domain.discontinuation import CLOSED, Consequence
from bridge.domain.errors import BridgeError
from bridge.domain.identifiers import Identifier, is_placeholder
from bridge.domain.names import same_name
from bridge.domain.patient import Attributes, Patient
from bridge.domain.performed_series import PerformedSeries
from bridge.domain.radiation_dose import RadiationDose
from bridge.domain.step_status import StepEvent

_START_DATE = "PerformedProcedureStepStartDate"
_SAME_NUMBER = 180  # days


class PerformedStepStatus(StrEnum):
    """Performed Procedure Step Status (0040,0252)."""

    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    DISCONTINUED = "DISCONTINUED"


class Operation(StrEnum):
    """How a performed step was told of."""

    CREATE = "N-CREATE"
    SET = "N-SET"


class DuplicatePerformedStep(BridgeError):
    """N-CREATE of an instance that exists (PS3.7: 0111H Duplicate SOP Instance)."""


class NoSuchPerformedStep(BridgeError):
    """N-SET of an instance that was never created (PS3.7: 0112H No Such Object Instance)."""


class PerformedStepFinal(BridgeError):
    """N-SET of a completed or discontinued step (PS3.4 F.7.2.2.2: 0110H with Error ID A710H)."""


class UnfitAttributes(BridgeError):
    """Attributes are not as they have to be; `attributes` names them by keyword."""

    def __init__(self, message: str, attributes: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.attributes = tuple(attributes)


class InvalidAttributeValue(UnfitAttributes):
    """A value that is not allowed here (PS3.7: 0106H)."""


class InvalidPerformedStepStatus(InvalidAttributeValue):
    """A status other than the ones the service allows here (PS3.7: 0106H)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, ("PerformedProcedureStepStatus",))


class MissingAttribute(UnfitAttributes):
    """A required attribute is absent (PS3.7: 0120H)."""


class MissingAttributeValue(UnfitAttributes):
    """An attribute that must have a value is empty (PS3.7: 0121H)."""


class NoSuchAttribute(UnfitAttributes):
    """An attribute that may not be set, or was never created (PS3.7: 0105H)."""


@dataclass(frozen=True, slots=True)
class ScheduledReference:
    """One item of Scheduled Step Attributes Sequence (0040,0270): what the step was done for."""

    study_instance_uid: str = ""
    accession: Identifier | None = None
    rp_id: str = ""
    sps_id: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a step was performed on, as far as the modality says."""

    patient_id: Identifier | None = None
    name: str = ""
    birth_date: str = ""
    sex: str = ""

    @property
    def identifier(self) -> Identifier | None:
        """The Patient ID, unless it is one that is written when there is none."""
        given = self.patient_id
        return None if given is None or is_placeholder(given.value) else given

    def differs_from(self, patient: Patient, formerly: Iterable[Attributes] = ()) -> bool:
        """Whether more than one of name, birth date and sex is another: one may be mistyped.

        `formerly` is what records said that were merged into the patient's.
        """
        return all(self._differs(each) for each in (patient.attributes, *formerly))

    def _differs(self, attributes: Attributes) -> bool:
        name = attributes.get("PatientName", "")
        other_name = bool(self.name and name) and not same_name(self.name, name)
        pairs = ((self.birth_date, "PatientBirthDate"), (self.sex, "PatientSex"))
        others = [said and attributes.get(key) not in ("", None, said) for said, key in pairs]
        return sum(map(bool, (other_name, *others))) > 1


@dataclass(frozen=True, slots=True)
class Performance:
    """What tells, beside the identifiers it names, which scheduled step was performed.

    `date` is that of its start (DA), empty when it was not said.
    """

    subject: Subject = Subject()
    modality: str = ""
    date: str = ""

    def may_be_of(self, scheduled_date: str) -> bool:
        """Whether a step of this date may be meant by a number alone: numbers are used again."""
        ours, theirs = _day(self.date), _day(scheduled_date)
        return ours is None or theirs is None or abs(ours - theirs) <= _SAME_NUMBER


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformedStepReport:
    """The content of one N-CREATE or N-SET.

    `instances` maps each SOP Instance UID referenced by the Performed Series Sequence to its
    Series Instance UID; `series` is None when that sequence was not told. Empty texts and tuples
    were not said. `content` is all that was said, `encoded` the dataset as it came.
    """

    sop_instance_uid: str
    status: str
    scheduled: tuple[ScheduledReference, ...] = ()
    patient_id: Identifier | None = None
    patient_name: str = ""
    modality: str = ""
    station_ae_title: str = ""
    pps_id: str = ""
    discontinuation_reason: str = ""
    discontinuation_scheme: str = ""
    instances: Mapping[str, str] = field(default_factory=dict)
    series: tuple[PerformedSeries, ...] | None = None
    dose: RadiationDose | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    content: AttributeTree = field(default_factory=dict)
    encoded: bytes = b""
    transfer_syntax_uid: str = ""

    @property
    def subject(self) -> Subject:
        """Whom it was performed on."""
        return Subject(
            self.patient_id,
            self.patient_name,
            self.attributes.get("PatientBirthDate", ""),
            self.attributes.get("PatientSex", ""),
        )

    @property
    def performance(self) -> Performance:
        """What tells which scheduled step it was."""
        date = self.attributes.get(_START_DATE, "")
        return Performance(self.subject, self.modality, date)


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformedStepMessage:
    """One N-CREATE or N-SET as it came: `number` counts those of one step from 1."""

    number: int
    operation: Operation
    transfer_syntax_uid: str
    encoded: bytes
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a message: attributes that were passed over, and what was wrong with it."""

    ignored: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformedStep:
    """A performed step as held.

    `created` holds what the N-CREATE said of attributes that may not change, `created_keywords`
    all that it gave. `attributes` are further values by keyword, the newest of each. `consequence`
    is what its discontinuation leads to.
    """

    sop_instance_uid: str
    status: PerformedStepStatus
    scheduled: tuple[ScheduledReference, ...]
    instances: Mapping[str, str]
    step_pks: tuple[int, ...] = ()
    subject: Subject = Subject()
    modality: str = ""
    station_ae_title: str = ""
    pps_id: str = ""
    discontinuation_reason: str = ""
    discontinuation_scheme: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    created: AttributeTree = field(default_factory=dict)
    created_keywords: frozenset[str] = frozenset()
    consequence: Consequence = CLOSED
    created_at: float = 0.0

    @property
    def patient_id(self) -> Identifier | None:
        """The Patient ID that the modality gave."""
        return self.subject.patient_id

    @property
    def performance(self) -> Performance:
        """What tells which scheduled step it was."""
        return Performance(self.subject, self.modality, self.attributes.get(_START_DATE, ""))

    @property
    def is_open(self) -> bool:
        """Whether the modality is still at it."""
        return self.status is PerformedStepStatus.IN_PROGRESS

    @property
    def wrong_entry(self) -> bool:
        """Whether its images may show somebody else than they name."""
        return self.status is PerformedStepStatus.DISCONTINUED and self.consequence.quarantines

    @property
    def end(self) -> StepEvent | None:
        """What its end does to the scheduled steps; None while it is in progress."""
        if self.is_open:
            return None
        if self.status is PerformedStepStatus.COMPLETED:
            return StepEvent.COMPLETE
        return StepEvent.WRONG_ENTRY if self.consequence.reschedules else StepEvent.DISCONTINUE


_PRECEDENCE = (StepEvent.COMPLETE, None, StepEvent.DISCONTINUE, StepEvent.WRONG_ENTRY)


def end_of_all(performed: Iterable[PerformedStep]) -> StepEvent | None:
    """What all performed steps of one scheduled step together make of it; None: it goes on.

    One that was completed did it, whatever others did. Else it goes on while any is in progress;
    and it is only put back on the worklist when each of them was.
    """
    ends = {each.end for each in performed}
    return next((each for each in _PRECEDENCE if each in ends), None)


def _day(date: str) -> int | None:
    """A DA value as the number of a day; None when it is no date."""
    try:
        return datetime.strptime(date, "%Y%m%d").toordinal()  # noqa: DTZ007 - a day, not a moment
    except ValueError:
        return None


def spelled(status: str) -> str:
    """A status as the standard spells it: many devices write `IN_PROGRESS` or two blanks."""
    return " ".join(status.replace("_", " ").upper().split())
