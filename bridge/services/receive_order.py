"""Apply one order event: create, update, cancel or re-state an order and its steps."""

from __future__ import annotations

from dataclasses import replace

from bridge.domain.errors import (
    DuplicateKey,
    InvalidTransition,
    RequiredFieldMissing,
    TableValueNotFound,
    UnknownKey,
)
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.journal import Disposition
from bridge.domain.order import Category, Order, OrderNumbers, OrderReceived
from bridge.domain.order_control import Action, OrderControlRule, OrderControlTable
from bridge.domain.patient import Patient, merged
from bridge.domain.scheduling import held_reason
from bridge.domain.step_status import StepEvent, StepStatus, after
from bridge.services.change_patient import ChangePatient
from bridge.services.complete_order import Mode, completed, with_minted_accession
from bridge.services.move_steps import move_steps
from bridge.services.origin import Origin
from bridge.services.overlay_order import add_procedure, joined, named_steps, overlay
from bridge.services.performed_orders import catch_up
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.reconcile import Reconcile
from bridge.services.transaction import Transaction

_TOO_LATE_TO_CANCEL = frozenset({StepStatus.STARTED, StepStatus.COMPLETED, StepStatus.DISCONTINUED})
_CHANGES_DATA = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE})


class ReceiveOrder:
    """Applies order events by the order-control table."""

    def __init__(
        self,
        *,
        control: OrderControlTable,
        patients: ChangePatient,
        worklist: ProjectWorklist,
        reconcile: Reconcile,
        site: Authority,
    ) -> None:
        self._control = control
        self._patients = patients
        self._worklist = worklist
        self._reconcile = reconcile
        self._site = site

    def apply(self, tx: Transaction, event: OrderReceived, origin: Origin) -> Disposition:
        """Apply one event. Raises a BridgeError that names its place in the message."""
        if event.category is not Category.IMAGING:
            return Disposition.NOTED
        rule = self._control.rule(event.control, event.status)
        if rule.action is Action.REFUSE:
            raise TableValueNotFound(rule.reason, location=f"{event.location}^1")
        if rule.action is Action.NOTE:
            return Disposition.NOTED
        order, neighbours = self._find(tx, event)
        if order is None and rule.action is not Action.CREATE:
            order = self._find_by_value(tx, event)
        if order is not None and _is_older(event, order):
            return Disposition.STALE
        if order is None and rule.action is Action.STATUS:
            raise UnknownKey("no such order", location=f"{event.location}^2")
        patient = self._patient(tx, event, order, origin.received_at)
        if order is None:
            _refuse_foreign_accession(event, neighbours, patient)
            return self._create(tx, event, rule, patient, origin, neighbours)
        return self._change(tx, event, rule, order, patient, origin)

    def _find(
        self, tx: Transaction, event: OrderReceived
    ) -> tuple[Order | None, tuple[Order, ...]]:
        """By filler order number, else placer order number, else accession number.

        Numbers that lead to different orders are a conflict, never a guess. Also gives the other
        orders of the same accession number: several may share one, each with its own number.
        """
        sharing = tx.orders.with_numbers(event.numbers)
        found = [o for o in sharing if _may_be(o.numbers, event.numbers)]
        neighbours = tuple(
            o
            for o in sharing
            if o not in found and _same(o.numbers.accession, event.numbers.accession)
        )
        elsewhere = neighbours and any(
            _differ(o.numbers.accession, event.numbers.accession) for o in found
        )
        if len(found) > 1 or elsewhere:
            raise DuplicateKey(
                "the order numbers of the message belong to different orders",
                location=f"{event.location}^2",
            )
        return (found[0] if found else None), neighbours

    def _find_by_value(self, tx: Transaction, event: OrderReceived) -> Order | None:
        """The one order of the patient whose number is the same but for a silent authority.

        Senders name the authority in the order and not in its cancel, or the other way round.
        """
        said = event.numbers
        values = [each.value for each in (said.filler, said.placer) if each]
        found = [o for o in tx.orders.with_order_numbers(values) if _is_alike(o.numbers, said)]
        if event.patient.identifiers and found:
            patients = [tx.patients.find(each) for each in event.patient.identifiers]
            known = {patient.pk for patient in patients if patient}
            found = [o for o in found if o.patient_pk in known]
        return found[0] if len(found) == 1 else None

    def _patient(
        self, tx: Transaction, event: OrderReceived, order: Order | None, now: float
    ) -> Patient:
        """The patient of an event; one that names nobody is about the patient of its order."""
        if order is not None and not event.patient.identifiers:
            return tx.patients.get(order.patient_pk)
        patient, _ = self._patients.resolve(
            tx, event.patient, event.occurred_at, now, in_passing=True
        )
        if order is not None and order.patient_pk != patient.pk:
            raise DuplicateKey(
                "the order belongs to another patient", location=f"{event.location}^2"
            )
        return patient

    def _create(
        self,
        tx: Transaction,
        event: OrderReceived,
        rule: OrderControlRule,
        patient: Patient,
        origin: Origin,
        neighbours: tuple[Order, ...],
    ) -> Disposition:
        _refuse_foreign_study(tx, event, patient)
        if not event.numbers:
            raise RequiredFieldMissing("the order has no number", location=f"{event.location}^2")
        pk = tx.orders.add(event, patient.pk, origin.source, origin.received_at)
        numbers = event.numbers
        if origin.mode is Mode.HIS_ONLY:
            numbers = with_minted_accession(numbers, pk, self._site)
        order = Order(
            pk=pk,
            patient_pk=patient.pk,
            numbers=numbers,
            attributes=merged({}, event.attributes),
            procedures=(),
            source=origin.source,
            occurred_at=event.occurred_at,
        )
        taken = sum(len(each.procedures) for each in neighbours)
        details = completed(event.procedures, order, origin.mode, origin.default_start, taken)
        status = after(StepStatus.SCHEDULED, rule.event)
        procedures = tuple(add_procedure(tx, order, each, status) for each in details)
        order = replace(order, procedures=procedures)
        order = replace(order, held_reason=held_reason(patient, order))
        if numbers is not event.numbers or order.held_reason:
            tx.orders.change(order, origin.received_at)
        order = catch_up(tx, order, patient)
        self._worklist.project(tx, order, patient, new=True)
        self._reconcile.waiting(tx, [order], patient, origin.received_at)
        return Disposition.APPLIED

    def _change(
        self,
        tx: Transaction,
        event: OrderReceived,
        rule: OrderControlRule,
        order: Order,
        patient: Patient,
        origin: Origin,
    ) -> Disposition:
        touched: frozenset[int] | None
        if rule.action in _CHANGES_DATA:
            _refuse_foreign_study(tx, event, patient)
            numbers = joined(order.numbers, event.numbers)
            if origin.mode is Mode.HIS_ONLY:
                numbers = with_minted_accession(numbers, order.pk, self._site)
            order = replace(order, numbers=numbers)
            order, touched = overlay(tx, event, order, origin.mode, origin.default_start)
        else:
            touched = named_steps(event, order)
        if rule.action is Action.CANCEL:
            _refuse_too_late(order, touched, rule.event, event)
        order = catch_up(tx, move_steps(tx, order, touched, rule.event), patient)
        occurred_at = event.occurred_at or order.occurred_at
        order = replace(order, occurred_at=occurred_at, held_reason=held_reason(patient, order))
        tx.orders.change(order, origin.received_at)
        self._worklist.project(tx, order, patient)
        self._reconcile.changed(tx, [order], patient, origin.received_at)
        return Disposition.APPLIED


def _refuse_foreign_study(tx: Transaction, event: OrderReceived, patient: Patient) -> None:
    """Orders done as one study may share its UID, patients may not (STANDARDS 2.8: 205)."""
    for uid in {p.study_instance_uid for p in event.procedures if p.study_instance_uid}:
        if tx.orders.owners_of_study(uid) - {patient.pk}:
            raise DuplicateKey(
                "the Study Instance UID belongs to another patient", location=event.location
            )


def _may_be(held: OrderNumbers, said: OrderNumbers) -> bool:
    """Whether an order that shares a number can be the one meant.

    Several orders may share a placer order number, and several an accession number: another filler
    order number says that it is another order, another accession number does, and another placer
    order number under the same accession number.
    """
    if _same(held.filler, said.filler):
        return True
    if _same(held.accession, said.accession):
        pairs = ((held.filler, said.filler), (held.placer, said.placer))
        return not any(ours and theirs and ours.contradicts(theirs) for ours, theirs in pairs)
    return not (_differ(held.filler, said.filler) or _differ(held.accession, said.accession))


def _is_alike(held: OrderNumbers, said: OrderNumbers) -> bool:
    """Whether every order number both have agrees, and the accession numbers but for the issuer."""
    if held.accession and said.accession and held.accession.value != said.accession.value:
        return False
    pairs = [(held.filler, said.filler), (held.placer, said.placer)]
    both = [ours.agrees_with(theirs) for ours, theirs in pairs if ours and theirs]
    return bool(both) and all(both)


def _same(ours: Identifier | None, theirs: Identifier | None) -> bool:
    return ours is not None and theirs is not None and ours.key == theirs.key


def _differ(ours: Identifier | None, theirs: Identifier | None) -> bool:
    return ours is not None and theirs is not None and ours.key != theirs.key


def _refuse_foreign_accession(
    event: OrderReceived, neighbours: tuple[Order, ...], patient: Patient
) -> None:
    """Orders may share an accession number, patients may not (STANDARDS 10.1: 205)."""
    if any(neighbour.patient_pk != patient.pk for neighbour in neighbours):
        raise DuplicateKey(
            "the accession number belongs to an order of another patient",
            location=f"{event.location}^2",
        )


def _refuse_too_late(
    order: Order, touched: frozenset[int] | None, end: StepEvent, event: OrderReceived
) -> None:
    """A cancel of what has begun changes nothing, and is not acknowledged as if it did (UC)."""
    steps = [s for p in order.procedures for s in p.steps if touched is None or s.pk in touched]
    wanted = after(StepStatus.SCHEDULED, end)
    served = any(
        step.status is wanted or after(step.status, end) is not step.status for step in steps
    )
    if steps and not served and all(step.status in _TOO_LATE_TO_CANCEL for step in steps):
        raise InvalidTransition(
            "the procedure has begun and cannot be cancelled; discontinue it (DC)",
            location=f"{event.location}^1",
        )


def _is_older(event: OrderReceived, order: Order) -> bool:
    return bool(event.occurred_at and order.occurred_at and event.occurred_at < order.occurred_at)
