"""Visits: what ADT events make of them, and of the orders placed in them (STANDARDS 3.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bridge.domain.errors import DuplicateKey
from bridge.domain.identifiers import Identifier
from bridge.domain.journal import Disposition
from bridge.domain.order import Order
from bridge.domain.patient import Patient, merged
from bridge.domain.step_status import StepEvent
from bridge.domain.visit import (
    Visit,
    VisitAction,
    VisitChanged,
    VisitDetails,
    VisitNumbers,
    VisitRenumbered,
    VisitStatus,
    current_visit,
    first_status,
    visit_after,
)
from bridge.services.change_patient import ChangePatient, belongs, is_open
from bridge.services.move_steps import move_steps
from bridge.services.origin import Origin
from bridge.services.transaction import Transaction
from bridge.services.visit_orders import ADMISSION_ID, renumbered

_SAYS_WHERE = frozenset(VisitAction) - {
    VisitAction.DISCHARGE,
    VisitAction.REOPEN,
    VisitAction.CANCEL,
}
"""What brings the location and the numbers of a visit to its orders; the rest leaves them be."""

_BEGINS = frozenset({VisitAction.ADMIT, VisitAction.PREADMIT})
CANCELLED_VISIT = "its visit was cancelled"


class ChangeVisit:
    """Applies what messages say of visits."""

    def __init__(self, patients: ChangePatient) -> None:
        self._patients = patients

    def change(self, tx: Transaction, event: VisitChanged, origin: Origin) -> Disposition:
        """One event of one visit. An older one adds what is not known and changes nothing."""
        now = origin.received_at
        patient, _ = self._patients.resolve(
            tx, event.patient, event.occurred_at, now, warnings=origin.warnings
        )
        self._renumber_in_passing(tx, event, patient, origin)
        visits = tx.visits.of_patient(patient.pk)
        visit = _find(visits, event)
        if visit is None and event.action is VisitAction.UPDATE and not event.visit.numbers:
            return Disposition.APPLIED  # of the patient; there is no visit to tell of
        stale = visit is not None and _is_older(event.occurred_at, visit.occurred_at)
        if visit is None:
            visit = tx.visits.add(_new(event, patient), now)
        else:
            visit = _filled(visit, event) if stale else _changed(visit, event)
            tx.visits.change(visit, now)
        if not stale:
            self._tell_orders(tx, event, visit, patient, origin)
        return Disposition.STALE if stale else Disposition.APPLIED

    def renumber(self, tx: Transaction, event: VisitRenumbered, origin: Origin) -> Disposition:
        """ADT A49–A51 change a number, A35, A41 and A42 join two.

        Raises DuplicateKey for a change of number to one that another visit has, or to itself.
        """
        if event.previous.agrees_with(event.current):
            raise DuplicateKey("both numbers are the same", location=event.location)
        patient, _ = self._patients.resolve(
            tx, event.patient, event.occurred_at, origin.received_at, warnings=origin.warnings
        )
        done = self._renumber(tx, event, patient, origin.received_at)
        if done is None:
            tx.visits.add(_heard_of(event, patient), origin.received_at)
        return done or Disposition.APPLIED

    def _renumber_in_passing(
        self, tx: Transaction, event: VisitChanged, patient: Patient, origin: Origin
    ) -> None:
        """A06 and A07 name the account and the visit number there were before (MRG-3, MRG-5)."""
        pairs = (
            (event.previous.account, event.visit.account, True),
            (event.previous.number, event.visit.number, False),
        )
        for previous, current, is_account in pairs:
            if previous and current and not previous.agrees_with(current):
                change = VisitRenumbered(
                    event=event.event,
                    patient=event.patient,
                    previous=previous,
                    current=current,
                    is_account=is_account,
                    merges=True,
                    occurred_at=event.occurred_at,
                )
                self._renumber(tx, change, patient, origin.received_at)

    def _renumber(
        self, tx: Transaction, event: VisitRenumbered, patient: Patient, now: float
    ) -> Disposition | None:
        """None when nothing is known under either number."""
        visits = tx.visits.of_patient(patient.pk)
        there = [v for v in visits if _carries(v, event.current, event)]
        had = [v for v in visits if v not in there and _carries(v, event.previous, event)]
        orders = [] if event.is_alternate else _orders_under(tx, event, patient)
        if there and not had and not orders:
            return self._remember(tx, there[0], event, now)
        if there and not event.merges:
            raise DuplicateKey("another visit has this number", location=event.location)
        for visit in had:
            self._join(tx, visit, there, event, now)
        if not (had or there or orders):
            return None
        moved = [renumbered(order, _exchanged(order.visit, event)) for order in orders]
        self._keep_orders(tx, moved, patient, now)
        return Disposition.APPLIED

    def _remember(
        self, tx: Transaction, visit: Visit, event: VisitRenumbered, now: float
    ) -> Disposition:
        """Nothing carries the previous number any more, or yet: orders that come with it may."""
        if any(event.previous.agrees_with(each) for each in visit.former):
            return Disposition.NOTED
        tx.visits.change(replace(visit, former=(*visit.former, event.previous)), now)
        return Disposition.APPLIED

    def _join(
        self,
        tx: Transaction,
        visit: Visit,
        there: Sequence[Visit],
        event: VisitRenumbered,
        now: float,
    ) -> None:
        changed = _renamed(visit, event)
        other = next((each for each in there if _is_same_visit(changed, each)), None)
        if other is None:
            tx.visits.change(changed, now)
            return
        tx.visits.remove(visit.pk)
        newer = other if other.occurred_at >= changed.occurred_at else changed
        joined = replace(
            newer,
            pk=other.pk,
            numbers=other.numbers,
            attributes=merged(visit.attributes, newer.attributes),
            former=tuple(dict.fromkeys((*other.former, *changed.former))),
        )
        tx.visits.change(joined, now)

    def _tell_orders(
        self,
        tx: Transaction,
        event: VisitChanged,
        visit: Visit,
        patient: Patient,
        origin: Origin,
    ) -> None:
        """What a visit's event means for the patient's orders that are still to be done."""
        orders = [o for o in tx.orders.of_patient(patient.pk) if is_open(o)]
        theirs = [order for order in orders if belongs(order.visit, visit)]
        if event.action is VisitAction.CANCEL:
            flag = f"{CANCELLED_VISIT} ({event.event})"
            self._keep_orders(
                tx, [replace(o, flag=flag) for o in theirs], patient, origin.received_at
            )
            if theirs:
                origin.warn(event.location, "orders of the visit stand and are flagged")
            return
        changed = {order.pk: order for order in orders}
        if event.action in _SAYS_WHERE and visit.is_open:
            changed |= {o.pk: _placed(o, event, visit) for o in self._placed_in(tx, visit, orders)}
        for order in theirs:
            if visit.is_open and order.flag.startswith(CANCELLED_VISIT):
                changed[order.pk] = replace(changed[order.pk], flag="")
        differing = [changed[order.pk] for order in orders if changed[order.pk] != order]
        self._keep_orders(tx, differing, patient, origin.received_at)
        if event.action is VisitAction.ARRIVE:
            day = event.day or origin.default_start()[:8]
            for order in changed.values():
                self._arrive(tx, order, day, event.occurred_at, patient, origin.received_at)

    def _placed_in(self, tx: Transaction, visit: Visit, orders: Iterable[Order]) -> Iterable[Order]:
        """Orders of the visit; where it is the current one, also those that came without any."""
        current = current_visit(tx.visits.of_patient(visit.patient_pk))
        takes_in = current is not None and current.pk == visit.pk
        for order in orders:
            shown = order.attributes.get(ADMISSION_ID, "")
            unplaced = takes_in and not order.visit and not shown
            named = not order.visit and shown == visit.numbers.admission_id != ""
            if belongs(order.visit, visit) or unplaced or named:
                yield order

    def _arrive(
        self, tx: Transaction, order: Order, day: str, at: str, patient: Patient, now: float
    ) -> None:
        """The patient is there: the steps of that day may begin."""
        due = [
            step.pk
            for procedure in order.procedures
            for step in procedure.steps
            if step.start_date == day
        ]
        if due:
            moved = move_steps(tx, order, due, StepEvent.ARRIVE, at)
            self._patients.show(tx, patient, [moved], now)

    def _keep_orders(
        self, tx: Transaction, orders: Sequence[Order], patient: Patient, now: float
    ) -> None:
        for order in orders:
            tx.orders.change(order, now)
        self._patients.show(tx, patient, orders, now)


def _is_older(said: str, held: str) -> bool:
    return bool(said and held and said < held)


def _find(visits: Sequence[Visit], event: VisitChanged) -> Visit | None:
    """The visit meant: by number, else account; a message that names none means the obvious one."""
    said = event.visit.numbers
    if said:
        return _newest(v for v in visits if v.is_called(said))
    unnumbered = [visit for visit in visits if not visit.numbers]
    if event.action is VisitAction.REOPEN:
        return _newest(v for v in visits if v.status is VisitStatus.FINISHED)
    if event.action in _BEGINS:
        return _newest(v for v in unnumbered if v.is_open)
    return current_visit(unnumbered) or current_visit(visits)


def _newest(visits: Iterable[Visit]) -> Visit | None:
    return max(visits, key=lambda v: (v.is_open, v.occurred_at, v.pk), default=None)


def _new(event: VisitChanged, patient: Patient) -> Visit:
    details = event.visit
    return Visit(
        pk=0,
        patient_pk=patient.pk,
        numbers=details.numbers,
        alternate=details.alternate,
        patient_class=details.patient_class,
        status=first_status(event.action, details.patient_class),
        attributes=merged({}, details.attributes),
        occurred_at=event.occurred_at,
    )


def _changed(visit: Visit, event: VisitChanged) -> Visit:
    details = event.visit
    return replace(
        visit,
        numbers=_with(visit.numbers, details),
        alternate=details.alternate or visit.alternate,
        patient_class=details.patient_class or visit.patient_class,
        status=visit_after(visit.status, event.action),
        attributes=merged(visit.attributes, details.attributes),
        occurred_at=event.occurred_at or visit.occurred_at,
    )


def _filled(visit: Visit, event: VisitChanged) -> Visit:
    """The visit with what an older event says that is not known yet."""
    details = event.visit
    return replace(
        visit,
        numbers=VisitNumbers(
            number=visit.numbers.number or details.number,
            account=visit.numbers.account or details.account,
        ),
        alternate=visit.alternate or details.alternate,
        patient_class=visit.patient_class or details.patient_class,
        attributes=merged(details.attributes, visit.attributes),
    )


def _with(numbers: VisitNumbers, details: VisitDetails) -> VisitNumbers:
    """Numbers said over numbers held; one it was called by formerly does not come back."""
    if numbers.number and details.number and not numbers.number.agrees_with(details.number):
        return numbers
    return VisitNumbers(
        number=details.number or numbers.number, account=details.account or numbers.account
    )


def _placed(order: Order, event: VisitChanged, visit: Visit) -> Order:
    """The order with what the event says of the visit, and what is known of it besides."""
    attributes = merged(order.attributes, event.visit.attributes)
    attributes = merged(visit.attributes, attributes)
    numbers = VisitNumbers(
        number=visit.numbers.number or order.visit.number,
        account=visit.numbers.account or order.visit.account,
    )
    return renumbered(replace(order, attributes=attributes), numbers)


def _carries(visit: Visit, identifier: Identifier, event: VisitRenumbered) -> bool:
    if event.is_alternate:
        held = visit.alternate
    else:
        held = visit.numbers.account if event.is_account else visit.numbers.number
    return held is not None and held.agrees_with(identifier)


def _orders_under(tx: Transaction, event: VisitRenumbered, patient: Patient) -> list[Order]:
    def held(order: Order) -> Identifier | None:
        return order.visit.account if event.is_account else order.visit.number

    orders = tx.orders.of_patient(patient.pk)
    return [o for o in orders if (h := held(o)) is not None and h.agrees_with(event.previous)]


def _exchanged(numbers: VisitNumbers, event: VisitRenumbered) -> VisitNumbers:
    if event.is_account:
        return replace(numbers, account=event.current)
    return replace(numbers, number=event.current)


def _renamed(visit: Visit, event: VisitRenumbered) -> Visit:
    if event.is_alternate:
        return replace(visit, alternate=event.current)
    former = tuple(dict.fromkeys((*visit.former, event.previous)))
    return replace(visit, numbers=_exchanged(visit.numbers, event), former=former)


def _is_same_visit(one: Visit, other: Visit) -> bool:
    """Whether two rows are one visit now: same number, or an account alone and the same."""
    if one.numbers.number and other.numbers.number:
        return one.numbers.number.agrees_with(other.numbers.number)
    return one.numbers == other.numbers and bool(one.numbers)


def _heard_of(event: VisitRenumbered, patient: Patient) -> Visit:
    """A visit of which only the change of its number is known."""
    visit = Visit(pk=0, patient_pk=patient.pk, numbers=VisitNumbers(), status=VisitStatus.PLANNED)
    return _renamed(visit, event)
