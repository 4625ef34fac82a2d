"""Give steps the time and place of their appointment, and take them back (STANDARDS 2.9)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from bridge.domain.appointment import Appointment, AppointmentAction, AppointmentReceived
from bridge.domain.identifiers import Identifier
from bridge.domain.journal import Disposition
from bridge.domain.order import Category, Order, Step, StepDetails
from bridge.domain.patient import merged
from bridge.domain.scheduling import held_reason
from bridge.domain.sender_options import AppointmentCancelled
from bridge.domain.step_history import can_be_ordered_again, recorded, status_of
from bridge.domain.step_status import FINAL, StepEvent, StepStatus
from bridge.services.find_booked_steps import Booking, find_bookings
from bridge.services.move_steps import steps_of, with_steps
from bridge.services.origin import Origin
from bridge.services.overlay_order import is_older, rescheduled
from bridge.services.parking import park
from bridge.services.performed_orders import catch_up
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.receive_order import ReceiveOrder
from bridge.services.reconcile import Reconcile
from bridge.services.transaction import Transaction

_ACTIONS = AppointmentAction
TAKES_BACK = frozenset({_ACTIONS.CANCEL, _ACTIONS.DELETE, _ACTIONS.NO_SHOW})
# What happens to the steps besides being scheduled. That a visit has started says that the patient
# is there; that the examination has started is the modality's to say.
_STEP_EVENTS = {
    _ACTIONS.ARRIVE: StepEvent.ARRIVE,
    _ACTIONS.START: StepEvent.ARRIVE,
    _ACTIONS.FULFIL: StepEvent.COMPLETE,
}
_TAKEN_BACK = {
    AppointmentCancelled.UNSCHEDULE: StepEvent.UNSCHEDULE,
    AppointmentCancelled.CANCEL: StepEvent.CANCEL,
}
_BEGUN = FINAL | {StepStatus.STARTED, StepStatus.DEPARTED}


class ScheduleAppointment:
    """Applies events of appointments."""

    def __init__(
        self, orders: ReceiveOrder, worklist: ProjectWorklist, reconcile: Reconcile
    ) -> None:
        self._orders = orders
        self._worklist = worklist
        self._reconcile = reconcile

    def apply(self, tx: Transaction, event: AppointmentReceived, origin: Origin) -> Disposition:
        """Apply one event. Raises a BridgeError that names its place in the message."""
        keys = [_key(number, origin) for number in event.numbers]
        held = tx.appointments.find(keys)
        if held is not None and is_older(event.occurred_at, held.occurred_at):
            return Disposition.STALE
        bookings = find_bookings(tx, event, held, origin)
        if not bookings and event.order is not None:
            event = self._create_order(tx, event, origin)
            bookings = find_bookings(tx, event, held, origin)
        if not bookings:
            return self._without_order(tx, event, held, origin)
        held = held or _new(tx, event, origin)
        changed = [self._schedule(tx, each, event, held, origin) for each in bookings]
        self._keep(tx, event, held, bookings, keys, origin)
        return Disposition.APPLIED if any(changed) else Disposition.NOTED

    def _create_order(
        self, tx: Transaction, event: AppointmentReceived, origin: Origin
    ) -> AppointmentReceived:
        assert event.order is not None  # noqa: S101 - the caller has asked
        self._orders.apply(tx, event.order, origin)
        return replace(event, orders=(event.order.numbers,))

    def _without_order(
        self,
        tx: Transaction,
        event: AppointmentReceived,
        held: Appointment | None,
        origin: Origin,
    ) -> Disposition:
        """Nothing is scheduled: wait for the order, unless there is no reason to expect one."""
        if held is not None and event.action in TAKES_BACK:
            self._keep(tx, event, held, (), (), origin)
            return Disposition.APPLIED
        if event.category is Category.OTHER and not event.orders:
            return Disposition.NOTED
        return park(tx, event, origin, event.location)

    def _schedule(
        self,
        tx: Transaction,
        booking: Booking,
        event: AppointmentReceived,
        held: Appointment,
        origin: Origin,
    ) -> bool:
        """Schedule the steps of one order; returns whether anything of it changed."""
        if event.action in TAKES_BACK:
            change = _taking_back(event, origin, _of_others(tx, booking.steps, held))
        else:
            change = _booking(event, held, origin)
        order = _changed(tx, booking, change)
        if order == booking.order:
            _tell(booking, event, origin)
            return False
        patient = tx.patients.get(order.patient_pk)
        order = catch_up(tx, order, patient)
        order = replace(order, held_reason=held_reason(patient, order))
        tx.orders.change(order, origin.received_at)
        self._worklist.project(tx, order, patient)
        self._reconcile.changed(tx, [order], patient, origin.received_at)
        return True

    def _keep(
        self,
        tx: Transaction,
        event: AppointmentReceived,
        held: Appointment,
        bookings: Iterable[Booking],
        keys: Iterable[str],
        origin: Origin,
    ) -> None:
        """Remember the appointment; one that is taken back takes no step from another."""
        steps = {pk for booking in bookings for pk in booking.steps}
        if event.action in TAKES_BACK:
            steps -= _of_others(tx, steps, held)
        appointment = replace(
            held,
            action=event.action,
            occurred_at=event.occurred_at or held.occurred_at,
            step_pks=held.step_pks | steps,
        )
        tx.appointments.change(appointment, origin.received_at)
        tx.appointments.add_keys(appointment.pk, keys)


Change = Callable[[Step, StepDetails], Step]


def _new(tx: Transaction, event: AppointmentReceived, origin: Origin) -> Appointment:
    pk = tx.appointments.add(event.action, event.occurred_at, origin.received_at)
    return Appointment(pk=pk, action=event.action, occurred_at=event.occurred_at)


def _of_others(tx: Transaction, step_pks: Iterable[int], held: Appointment) -> frozenset[int]:
    """The steps that another appointment is for."""
    return tx.appointments.booked(step_pks) - held.step_pks


def _key(number: Identifier, origin: Origin) -> str:
    """A number is unique to who assigned it: without a name, to its sender and its kind."""
    assigned_by = number.authority.key or f"{origin.source} {number.type_code}".strip()
    return f"{number.value}^{assigned_by}"


def _changed(tx: Transaction, booking: Booking, change: Change) -> Order:
    """The order with the change made to each booked step that has not begun."""

    def changed(step: Step) -> Step:
        if step.pk not in booking.steps:
            return step
        new = change(step, booking.steps[step.pk])
        if new != step:
            tx.orders.change_step(new)
        return new

    return with_steps(booking.order, changed)


def _booking(event: AppointmentReceived, held: Appointment, origin: Origin) -> Change:
    """Time, place and people as the appointment has them; then what it says has happened."""
    at = event.occurred_at
    revives = held.action in TAKES_BACK and (
        origin.options.siu_cancelled is AppointmentCancelled.CANCEL
    )

    def book(step: Step, said: StepDetails) -> Step:
        if revives and can_be_ordered_again(step.history, at):
            step = _happened(step, at, StepEvent.REORDER)
        if step.status not in _BEGUN and not is_older(at, step.scheduled_at):
            attributes = merged(step.attributes, said.attributes)
            modality = step.modality or said.modality
            step = replace(step, attributes=attributes, modality=modality)
            step = rescheduled(step, said, at)
        happened = _STEP_EVENTS.get(event.action)
        return _happened(step, at, happened) if happened else step

    return book


def _taking_back(event: AppointmentReceived, origin: Origin, others: frozenset[int]) -> Change:
    """The time that the appointment gave is gone; a newer one, or another's, stays."""
    at = event.occurred_at
    happened = _TAKEN_BACK[origin.options.siu_cancelled]

    def take_back(step: Step, _said: StepDetails) -> Step:
        if step.pk in others or step.status in _BEGUN or is_older(at, step.scheduled_at):
            return step
        step = _happened(step, at, happened)
        if happened is StepEvent.UNSCHEDULE and step.status is StepStatus.HELD:
            return replace(step, start_date="", start_time="", scheduled_at=at)
        return step

    return take_back


def _happened(step: Step, at: str, event: StepEvent) -> Step:
    history = recorded(step.history, at, event) or step.history
    return replace(step, history=history, status=status_of(history))


def _tell(booking: Booking, event: AppointmentReceived, origin: Origin) -> None:
    """An appointment that came too late is accepted, and its sender told that nothing moved."""
    steps = steps_of(booking.order, booking.steps)
    if steps and all(step.status in _BEGUN for step in steps):
        origin.warn(event.location, "the examination has begun or is over; its schedule stays")
