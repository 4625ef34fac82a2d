"""Encounter and Appointment (FHIR R4) from visits and appointments as held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.domain.appointment import AppointmentAction
from bridge.domain.identifiers import Identifier
from bridge.domain.patient import Patient
from bridge.domain.visit import Visit
from bridge.fhir.datatypes import display_name, read_date_time
from bridge.fhir.identifiers import Json
from bridge.fhir.server.order_resources import HeldOrder, NameOf, Site, distinct, filled, subject
from bridge.fhir.server.statuses import APPOINTMENT_STATUS, ENCOUNTER_STATUS
from bridge.services.find_records import RecordKind

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
VISIT_NUMBER, ACCOUNT = "VN", "AN"

# HL7 table 0004 → ActEncounterCode.
CLASSES: Mapping[str, tuple[str, str]] = {
    "I": ("IMP", "inpatient encounter"),
    "O": ("AMB", "ambulatory"),
    "E": ("EMER", "emergency"),
    "P": ("PRENC", "pre-admission"),
    "R": ("AMB", "ambulatory"),
    "B": ("IMP", "inpatient encounter"),
    "D": ("SS", "short stay"),
    "H": ("HH", "home health"),
}
UNKNOWN_CLASS = {"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK"}


def encounter(visit: Visit, patient: Patient, site: Site, name_of: NameOf) -> Json:
    """The visit."""
    code = CLASSES.get(visit.patient_class)
    location = visit.attributes.get("CurrentPatientLocation", "")
    referrer = display_name(visit.attributes.get("ReferringPhysicianName", ""))
    return filled(
        {
            "resourceType": "Encounter",
            "identifier": _visit_identifiers(visit, site),
            "status": ENCOUNTER_STATUS[visit.status],
            "class": {"system": ACT_CODE, "code": code[0], "display": code[1]}
            if code
            else UNKNOWN_CLASS,
            "subject": subject(patient, site, name_of),
            "participant": [{"individual": {"display": referrer}}] if referrer else [],
            "location": [{"location": {"display": location}}] if location else [],
        }
    )


def _visit_identifiers(visit: Visit, site: Site) -> list[Json]:
    typed: tuple[tuple[str, Identifier | None], ...] = (
        (VISIT_NUMBER, visit.numbers.number),
        (ACCOUNT, visit.numbers.account),
    )
    return [
        site.systems.resource(Identifier(each.value, each.authority), code)
        for code, each in typed
        if each is not None
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldAppointment:
    """An appointment with the numbers it is known by and the orders and steps it is for."""

    action: AppointmentAction
    numbers: Sequence[Identifier]
    orders: Sequence[HeldOrder]
    step_pks: frozenset[int]


def appointment(held: HeldAppointment, site: Site, name_of: NameOf) -> Json:
    """The appointment. There is one who takes part: the patient, and the stations as devices."""
    steps = [
        step
        for each in held.orders
        for procedure in each.order.procedures
        for step in procedure.steps
        if step.pk in held.step_pks
    ]
    starts = [(s.start_date, s.start_time) for s in steps if s.start_date]
    start = read_date_time(*min(starts), "", site.zone) if starts else ""
    patients = distinct(subject(each.patient, site, name_of) for each in held.orders)
    stations = dict.fromkeys(title for step in steps for title in step.station_ae_titles)
    return filled(
        {
            "resourceType": "Appointment",
            "identifier": [site.systems.resource(each) for each in held.numbers],
            "status": APPOINTMENT_STATUS[held.action],
            # Start and end go together (app-2); how long it takes nobody told us.
            "start": start if "T" in start else "",
            "end": start if "T" in start else "",
            "basedOn": [
                {"reference": name_of(RecordKind.ORDER, each.order.pk)} for each in held.orders
            ],
            "participant": [
                *({"actor": each, "status": "accepted"} for each in patients),
                *(
                    {"actor": {"type": "Device", "display": t}, "status": "accepted"}
                    for t in stations
                ),
            ],
        }
    )
