"""Orders and the visits they are placed in: an order may come without its visit, or before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bridge.domain.order import Order, OrderReceived
from bridge.domain.patient import Attributes, Patient
from bridge.domain.visit import Visit, VisitNumbers, current_visit
from bridge.services.transaction import Transaction

ADMISSION_ID = "AdmissionID"


def placed_in_visit(tx: Transaction, event: OrderReceived, patient: Patient) -> OrderReceived:
    """A new order with what is known of its visit: the one it names, else the current one.

    What the order says itself stays.
    """
    visits = tx.visits.of_patient(patient.pk)
    visit = _visit_of(event, visits) if visits else None
    if visit is None:
        return event
    attributes = {**visit.attributes, **event.attributes}
    shown, said = visit.numbers.admission_id, event.visit.admission_id
    if shown and attributes.get(ADMISSION_ID, "") in ("", said):
        attributes[ADMISSION_ID] = shown
    return replace(event, visit=joined(event.visit, visit), attributes=attributes)


def under_todays_numbers(tx: Transaction, event: OrderReceived, patient: Patient) -> OrderReceived:
    """An order event whose sender still knows the visit by a number it had before (ADT A49–A51)."""
    if not event.visit:
        return event
    for visit in tx.visits.of_patient(patient.pk):
        if visit.is_called(event.visit) and not event.visit.belongs_to(visit.numbers):
            attributes = dict(event.attributes)
            if attributes.get(ADMISSION_ID) == event.visit.admission_id:
                attributes[ADMISSION_ID] = visit.numbers.admission_id
            return replace(event, visit=visit.numbers, attributes=attributes)
    return event


def in_visit(order: Order, said: VisitNumbers) -> Order:
    """The order in the visit that a newer message names; what it leaves out stays."""
    held = order.visit
    if said.number and held.number and not said.number.agrees_with(held.number):
        return replace(order, visit=said)  # another visit, and not of this one's account
    if not said:
        return order
    numbers = VisitNumbers(number=said.number or held.number, account=said.account or held.account)
    return replace(order, visit=numbers)


def _visit_of(event: OrderReceived, visits: Sequence[Visit]) -> Visit | None:
    if event.visit:
        return next((each for each in visits if each.is_called(event.visit)), None)
    said = event.attributes.get(ADMISSION_ID, "")
    if said:
        return next((each for each in visits if each.numbers.admission_id == said), None)
    return current_visit(visits)


def joined(said: VisitNumbers, visit: Visit) -> VisitNumbers:
    """The numbers of the visit, with what was said of it besides."""
    return VisitNumbers(
        number=visit.numbers.number or said.number, account=visit.numbers.account or said.account
    )


def renumbered(order: Order, numbers: VisitNumbers) -> Order:
    """The order under other visit numbers; the Admission ID follows where it showed the old."""
    attributes: Attributes = order.attributes
    shown = attributes.get(ADMISSION_ID, "")
    if numbers.admission_id and shown in ("", order.visit.admission_id):
        attributes = {**attributes, ADMISSION_ID: numbers.admission_id}
    return replace(order, visit=numbers, attributes=attributes)
