"""How the domain's states are said in FHIR, as tables: the one place both directions read."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from bridge.domain.appointment import AppointmentAction
from bridge.domain.order_state import OrderState
from bridge.domain.step_status import StepStatus
from bridge.domain.visit import VisitStatus

ORDER_STATUS: Mapping[OrderState, str] = {
    OrderState.HELD: "on-hold",
    OrderState.ACTIVE: "active",
    OrderState.COMPLETED: "completed",
    OrderState.CANCELED: "revoked",
}
TASK_STATUS: Mapping[StepStatus, str] = {
    StepStatus.SCHEDULED: "accepted",
    StepStatus.ARRIVED: "ready",
    StepStatus.READY: "ready",
    StepStatus.STARTED: "in-progress",
    StepStatus.DEPARTED: "in-progress",
    StepStatus.COMPLETED: "completed",
    StepStatus.DISCONTINUED: "failed",
    StepStatus.CANCELED: "cancelled",
    StepStatus.HELD: "on-hold",
}
ENCOUNTER_STATUS: Mapping[VisitStatus, str] = {
    VisitStatus.PLANNED: "planned",
    VisitStatus.ARRIVED: "arrived",
    VisitStatus.IN_PROGRESS: "in-progress",
    VisitStatus.FINISHED: "finished",
    VisitStatus.CANCELLED: "cancelled",
}

# What a scheduler told last → AppointmentStatus.
APPOINTMENT_STATUS: Mapping[AppointmentAction, str] = {
    AppointmentAction.BOOK: "booked",
    AppointmentAction.RESCHEDULE: "booked",
    AppointmentAction.MODIFY: "booked",
    AppointmentAction.CANCEL: "cancelled",
    AppointmentAction.DELETE: "cancelled",
    AppointmentAction.NO_SHOW: "noshow",
    AppointmentAction.ARRIVE: "arrived",
    AppointmentAction.START: "checked-in",
    AppointmentAction.FULFIL: "fulfilled",
}


_State = TypeVar("_State", bound=StrEnum)

# Codes of one line say the same to the domain: what a client wrote stays as it wrote it.
ALIKE: Mapping[str, tuple[frozenset[str], ...]] = {
    "Task": (
        frozenset({"requested", "received", "accepted", "ready"}),
        frozenset({"cancelled", "rejected", "failed", "entered-in-error"}),
    ),
    "ServiceRequest": (frozenset({"revoked", "entered-in-error"}),),
    "Encounter": (
        frozenset({"in-progress", "triaged", "onleave", "on-hold"}),
        frozenset({"finished", "completed", "discharged"}),
        frozenset({"cancelled", "entered-in-error"}),
    ),
    "Appointment": (
        frozenset({"booked", "proposed", "pending", "waitlist"}),
        frozenset({"arrived", "checked-in"}),
        frozenset({"cancelled", "entered-in-error"}),
    ),
}


def codes_of(table: Mapping[_State, str]) -> Mapping[str, tuple[str, ...]]:
    """FHIR code → the values that records have for it."""
    found: dict[str, tuple[str, ...]] = {}
    for state, code in table.items():
        found[code] = (*found.get(code, ()), state.value)
    return found
