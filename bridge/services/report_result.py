"""A report on an order exists: noted, or the sign that its examination is complete."""

from __future__ import annotations

from dataclasses import replace

from bridge.domain.journal import Disposition
from bridge.domain.order import Category, Order
from bridge.domain.result import ResultReported
from bridge.domain.scheduling import held_reason
from bridge.domain.step_status import StepEvent
from bridge.services.find_order import find_order_of_patient, is_of
from bridge.services.move_steps import move_steps
from bridge.services.origin import Origin
from bridge.services.pair_procedures import names_only_held, paired
from bridge.services.parking import park
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.reconcile import Reconcile
from bridge.services.transaction import Transaction


class ReportResult:
    """Applies notices of reports. A report never creates an order."""

    def __init__(self, worklist: ProjectWorklist, reconcile: Reconcile) -> None:
        self._worklist = worklist
        self._reconcile = reconcile

    def apply(self, tx: Transaction, event: ResultReported, origin: Origin) -> Disposition:
        """Complete the steps that are reported, where the sender's profile lets this status do it.

        Raises UnknownKey for an unknown order of a sender whose messages do not wait.
        """
        if not event.completes:
            return Disposition.NOTED
        order = _find(tx, event)
        if order is None:
            other = event.category is Category.OTHER
            return Disposition.NOTED if other else park(tx, event, origin, event.location)
        if event.category is Category.OTHER and not _names_procedure(order, event):
            return Disposition.NOTED
        touched = _reported(order, event)
        if touched is not None and not touched:
            origin.warn(event.location, "the order has no such procedure; nothing is completed")
            return Disposition.NOTED
        return self._complete(tx, order, touched, event, origin)

    def _complete(
        self,
        tx: Transaction,
        order: Order,
        touched: frozenset[int] | None,
        event: ResultReported,
        origin: Origin,
    ) -> Disposition:
        moved = move_steps(tx, order, touched, StepEvent.COMPLETE, event.occurred_at)
        if moved == order:
            return Disposition.STALE
        patient = tx.patients.get(order.patient_pk)
        moved = replace(moved, held_reason=held_reason(patient, moved))
        tx.orders.change(moved, origin.received_at)
        self._worklist.project(tx, moved, patient)
        self._reconcile.changed(tx, [moved], patient, origin.received_at)
        return Disposition.APPLIED


def _find(tx: Transaction, event: ResultReported) -> Order | None:
    """By the order's numbers, else by the study that is reported."""
    order = find_order_of_patient(tx, event.numbers, event.patient)
    if order is not None or not event.study_instance_uid:
        return order
    found = tx.orders.with_study_instance_uids([event.study_instance_uid])
    found = tuple(each for each in found if is_of(tx, each, event.patient))
    return found[0] if len(found) == 1 else None


def _names_procedure(order: Order, event: ResultReported) -> bool:
    """Whether the report names a procedure of the order, and no other."""
    said = event.procedure
    named = said is not None and bool(said.study_instance_uid or said.rp_id or said.code)
    return named and said is not None and names_only_held(order.procedures, [said])


def _reported(order: Order, event: ResultReported) -> frozenset[int] | None:
    """The steps that are reported, None for all; empty when it names what the order does not have.

    A code alone that the order does not have is the report's own, as LOINC's for documents are.
    """
    said = event.procedure
    if said is None or len(order.procedures) == 1:
        return None
    (index,) = paired(order.procedures, [said])
    if index is not None:
        return frozenset(step.pk for step in order.procedures[index].steps)
    return frozenset() if said.study_instance_uid or said.rp_id else None
