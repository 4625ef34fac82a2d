"""Modality Performed Procedure Step (PS3.4 Annex F): what a modality says it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.domain.errors import BridgeError
from bridge.domain.identifiers import Identifier
from bridge.domain.step_status import StepEvent


class PerformedStepStatus(StrEnum):
    """Performed Procedure Step Status (0040,0252)."""

    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    DISCONTINUED = "DISCONTINUED"


WRONG_WORKLIST_ENTRY = "110514"
"""DCM code: Incorrect worklist entry selected (PS3.16 CID 9300)."""


class DuplicatePerformedStep(BridgeError):
    """N-CREATE of an instance that exists (PS3.7: 0111H Duplicate SOP Instance)."""


class NoSuchPerformedStep(BridgeError):
    """N-SET of an instance that was never created (PS3.7: 0112H No Such Object Instance)."""


class PerformedStepFinal(BridgeError):
    """N-SET of a completed or discontinued step (PS3.4 F.7.2.2.2: 0110H with Error ID A710H)."""


class InvalidPerformedStepStatus(BridgeError):
    """A status other than the ones the service allows here (PS3.7: 0106H)."""


@dataclass(frozen=True, slots=True)
class ScheduledReference:
    """One item of Scheduled Step Attributes Sequence (0040,0270): what the step was done for."""

    study_instance_uid: str = ""
    accession: Identifier | None = None
    rp_id: str = ""
    sps_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformedStepReport:
    """The content of one N-CREATE or N-SET.

    `instances` maps each SOP Instance UID referenced by the Performed Series Sequence to its
    Series Instance UID. Empty texts and tuples were not said. `encoded` is the dataset as it came.
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
    instances: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    encoded: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformedStep:
    """A performed step as held. `wrong_entry`: the modality had chosen the wrong worklist entry."""

    sop_instance_uid: str
    status: PerformedStepStatus
    scheduled: tuple[ScheduledReference, ...]
    instances: Mapping[str, str]
    step_pks: tuple[int, ...] = ()
    patient_id: Identifier | None = None
    wrong_entry: bool = False

    @property
    def events(self) -> tuple[StepEvent, ...]:
        """What happened to the scheduled steps, in order."""
        if self.status is PerformedStepStatus.IN_PROGRESS:
            return (StepEvent.START,)
        if self.status is PerformedStepStatus.COMPLETED:
            return (StepEvent.START, StepEvent.COMPLETE)
        end = StepEvent.WRONG_ENTRY if self.wrong_entry else StepEvent.DISCONTINUE
        return (StepEvent.START, end)
