"""Which steps an appointment is for (STANDARDS 2.9): by the orders it names, never by a guess."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bridge.domain.appointment import Appointment, AppointmentReceived
from bridge.domain.errors import DuplicateKey
from bridge.domain.order import Order, Procedure, Step, StepDetails
from bridge.domain.step_status import FINAL
from bridge.services.find_order import find_order, find_order_by_value, known_patients
from bridge.services.origin import Origin
from bridge.services.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Booking:
    """An order, and what the appointment says of its steps, by their pks."""

    order: Order
    steps: Mapping[int, StepDetails]


def find_bookings(
    tx: Transaction, event: AppointmentReceived, held: Appointment | None, origin: Origin
) -> tuple[Booking, ...]:
    """The orders that are meant with their steps; none when there is no such order.

    By the order numbers; else by what an earlier message said under the appointment's own numbers;
    else, where the sender's profile allows, by patient and service, when only one order fits.

    Raises DuplicateKey when an order that is named is another patient's.
    """
    orders = _named(tx, event)
    if orders:
        return _booked(event, [(order, _all(order)) for order in orders])
    if held is not None and held.step_pks:
        found = _locked(tx, tx.orders.with_steps(held.step_pks))
        known = [(o, [s for s in _all(o) if s[1].pk in held.step_pks]) for o in found]
        return _booked(event, known)
    if not event.orders and origin.options.siu_matches_by_service:
        return _booked(event, _by_service(tx, event))
    return ()


Placed = tuple[Procedure, Step]


def _all(order: Order) -> list[Placed]:
    return [(procedure, step) for procedure in order.procedures for step in procedure.steps]


def _named(tx: Transaction, event: AppointmentReceived) -> list[Order]:
    found: dict[int, Order] = {}
    theirs = known_patients(tx, event.patient.identifiers)
    for numbers in event.orders:
        order, _ = find_order(tx, numbers, event.location)
        order = order or find_order_by_value(tx, numbers, event.patient)
        if order is None:
            continue
        if theirs and order.patient_pk not in theirs:
            raise DuplicateKey("the order belongs to another patient", location=event.location)
        found[order.pk] = order
    return list(found.values())


def _locked(tx: Transaction, orders: Sequence[Order]) -> list[Order]:
    """The same orders, held against whoever else would change them."""
    patients = sorted({order.patient_pk for order in orders})
    wanted = {order.pk for order in orders}
    return [o for pk in patients for o in tx.orders.of_patient(pk) if o.pk in wanted]


def _by_service(tx: Transaction, event: AppointmentReceived) -> list[tuple[Order, list[Placed]]]:
    """The one open order of the patient that has all the services of the appointment."""
    wanted = {code.value for step in event.steps for code in step.protocol_codes}
    fitting = []
    for patient_pk in sorted(known_patients(tx, event.patient.identifiers)):
        for order in tx.orders.of_patient(patient_pk):
            open_steps = [each for each in _all(order) if each[1].status not in FINAL]
            steps = [each for each in open_steps if _codes(*each) & wanted]
            if wanted and wanted <= {code for each in steps for code in _codes(*each)}:
                fitting.append((order, steps))
    return fitting if len(fitting) == 1 else []


def _codes(procedure: Procedure, step: Step) -> set[str]:
    codes = {code.value for code in step.protocol_codes}
    return codes | ({procedure.code.value} if procedure.code else set())


def _booked(
    event: AppointmentReceived, known: list[tuple[Order, list[Placed]]]
) -> tuple[Booking, ...]:
    every = [each for _, steps in known for each in steps]
    said = dict(_paired(every, event.steps))
    return tuple(
        Booking(order, {step.pk: said[step.pk] for _, step in steps if step.pk in said})
        for order, steps in known
    )


def _paired(
    held: Sequence[Placed], said: Sequence[StepDetails]
) -> Iterator[tuple[int, StepDetails]]:
    """What is said of each step: by ID, else by service, else by place, else of all alike.

    A service that no step has does not tell which is meant: schedulers have codes of their own.
    """
    known = {code for each in held for code in _codes(*each)}
    ids = {step.sps_id for _, step in held if step.sps_id}
    free = [step for step in said if not _tells(step, known, ids)]
    for place, (procedure, step) in enumerate(held):
        named = _named_step(procedure, step, said)
        if named is not None:
            yield step.pk, named
        elif len(free) == len(held):
            yield step.pk, free[place]
        elif free or not said:
            yield step.pk, free[0] if free else StepDetails()


def _tells(said: StepDetails, known: set[str], ids: set[str]) -> bool:
    return said.sps_id in ids or any(code.value in known for code in said.protocol_codes)


def _named_step(
    procedure: Procedure, step: Step, said: Sequence[StepDetails]
) -> StepDetails | None:
    by_id = (each for each in said if each.sps_id == step.sps_id != "")
    codes = _codes(procedure, step)
    by_code = (each for each in said if any(code.value in codes for code in each.protocol_codes))
    return next(by_id, None) or next(by_code, None)
