"""Everything that a message can ask for or tell of, whatever language it is written in."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.announced_study import StudyAnnounced
from bridge.domain.appointment import AppointmentReceived
from bridge.domain.order import OrderReceived
from bridge.domain.patient_events import (
    IdentifierChanged,
    IdentifiersMoved,
    PatientRemoved,
    PatientsLinked,
    PatientsMerged,
    PatientUpdated,
)
from bridge.domain.result import ResultReported
from bridge.domain.visit import VisitChanged, VisitRenumbered, VisitsMoved


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A message that changes nothing here: acknowledged and journaled with the reason."""

    reason: str


PatientEvent = (
    PatientUpdated
    | PatientsMerged
    | PatientsLinked
    | IdentifiersMoved
    | IdentifierChanged
    | PatientRemoved
)
VisitEvent = VisitChanged | VisitsMoved | VisitRenumbered
Event = (
    OrderReceived
    | PatientEvent
    | VisitEvent
    | AppointmentReceived
    | ResultReported
    | StudyAnnounced
    | Noted
)
