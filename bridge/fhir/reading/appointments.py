"""Appointment (FHIR R4 12.11; R5 the same but for its subject) → appointments."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.domain.appointment import AppointmentAction, AppointmentReceived
from bridge.domain.errors import BridgeError, RequiredFieldMissing
from bridge.domain.events import Event, Noted
from bridge.domain.order import OrderNumbers, StepDetails
from bridge.domain.patient import PatientDetails
from bridge.fhir.reading.orders import step_in
from bridge.fhir.reading.requests import Requests
from bridge.fhir.reading.values import Values
from bridge.mapping.elements import Element
from bridge.mapping.targets import Level

_NO_STEP = StepDetails()


def read_appointment(
    values: Values, requests: Requests, resource: Element, *, deleted: bool = False
) -> tuple[Event, ...]:
    """An Appointment: what the scheduler tells of it, by its status.

    Raises:
        BridgeError: it has no patient and names no request.
    """
    row = values.sender.profile.status("Appointment", resource.text("status"))
    if not row["action"] and not deleted:
        return (Noted(reason=row["because"] or "its status asks for nothing"),)
    action = AppointmentAction.DELETE if deleted else AppointmentAction(row["action"])
    of_orders = tuple(_orders(values, requests, resource))
    numbers = values.identifiers(resource)
    if not (numbers or of_orders):
        place = f"{resource.path}.identifier"
        raise RequiredFieldMissing("the appointment has no number", location=place)
    step = step_in(values.read(Level.STEP, {"Appointment": [resource]}))
    return (
        AppointmentReceived(
            action=action,
            numbers=numbers,
            orders=of_orders,
            patient=_patient(values, requests, resource),
            steps=(step,) if step != _NO_STEP else (),
            occurred_at=values.occurred_at(resource),
            location=resource.path,
        ),
    )


def _orders(values: Values, requests: Requests, resource: Element) -> Iterator[OrderNumbers]:
    for request in requests.requests_of(resource, "basedOn"):
        root = requests.root_of(request)
        found = values.numbers([root] if root is request else [root, request])
        if found:
            yield found


def _patient(values: Values, requests: Requests, resource: Element) -> PatientDetails:
    """The one who takes part, else the subject (R5), else whom the request is for."""
    for found in _patients(values, requests, resource):
        try:
            return values.patient(found)
        except BridgeError:
            continue
    place = f"{resource.path}.participant"
    raise RequiredFieldMissing("the patient is not named", location=place)


def _patients(values: Values, requests: Requests, resource: Element) -> Iterator[Element]:
    for participant in resource.children("participant"):
        found = values.referred_patient(participant, ("actor",), required=False)
        if found is not None:
            yield found
    for owner in (resource, *requests.requests_of(resource, "basedOn")):
        found = values.referred_patient(owner, ("subject",), required=False)
        if found is not None:
            yield found
