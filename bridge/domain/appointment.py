"""Appointments: when and where an ordered examination takes place (HL7 SIU, FHIR Appointment)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.identifiers import Identifier
from bridge.domain.order import Category, OrderNumbers, OrderReceived, StepDetails
from bridge.domain.patient import PatientDetails


class AppointmentAction(StrEnum):
    """What a scheduler tells of an appointment (SIU S12–S17, S26 and SCH-25; STANDARDS 2.9)."""

    BOOK = "book"
    RESCHEDULE = "reschedule"
    MODIFY = "modify"
    CANCEL = "cancel"
    DELETE = "delete"
    NO_SHOW = "no show"
    ARRIVE = "arrive"
    START = "start"
    FULFIL = "fulfil"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentReceived:
    """One event of one appointment.

    `numbers` are those the scheduler (SCH-1, placer; SCH-2, filler) knows the appointment by.
    `orders` names the orders it is for (SCH-26, SCH-27); empty when only the appointment numbers
    tell. `steps` say what is booked, each empty where nothing is said: start, station, location,
    modality, and the service as a protocol code. `order` is what the message amounts to when a
    site lets appointments create orders; None when they do not. `category` says whether it shows
    itself to be for imaging.
    """

    action: AppointmentAction
    numbers: tuple[Identifier, ...]
    orders: tuple[OrderNumbers, ...] = ()
    patient: PatientDetails
    steps: tuple[StepDetails, ...] = ()
    order: OrderReceived | None = None
    category: Category = Category.IMAGING
    occurred_at: str = ""
    location: str = "SCH^1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """An appointment as held: what happened to it last, when (UTC), and the steps it is for."""

    pk: int
    action: AppointmentAction
    occurred_at: str = ""
    step_pks: frozenset[int] = frozenset()
