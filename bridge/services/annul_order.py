"""Take back the order that a person made of a study, when nothing else has happened to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from bridge.domain.order import Order
from bridge.domain.resolution import Resolution, ResolutionAction
from bridge.domain.step_history import is_annulled
from bridge.domain.step_status import StepEvent, StepStatus
from bridge.services.move_steps import move_steps, steps_of
from bridge.services.transaction import Transaction

OPERATOR = "operator"
"""Source of orders that persons make of studies: nobody sent them."""

ANNULLED = "made of a study by hand, and taken back"


def moment_of(at: float) -> str:
    """A unix time as messages write it, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%d%H%M%S")


def annul(tx: Transaction, study_instance_uid: str, undone: Resolution, now: float) -> bool:
    """Annul the order that was made together with a link that is taken back; false for none.

    An order that was changed since, or that another study or a performed step belongs to by now,
    stays: it has become an order as others are.
    """
    if undone.action is not ResolutionAction.LINK:
        return False
    linked = tx.orders.with_procedures(undone.procedure_pks)
    if len(linked) != 1 or not _is_as_it_was_made(tx, linked[0], study_instance_uid, undone):
        return False
    annulled = move_steps(tx, linked[0], None, StepEvent.ANNUL, moment_of(now))
    tx.orders.change(replace(annulled, flag=ANNULLED), now)
    return True


def is_void(order: Order) -> bool:
    """Whether an order was annulled: no study belongs to it, whatever number it has."""
    steps = steps_of(order)
    return bool(steps) and all(is_annulled(step.history) for step in steps)


def _is_as_it_was_made(
    tx: Transaction, order: Order, study_instance_uid: str, made: Resolution
) -> bool:
    steps = steps_of(order)
    others = {*tx.studies.of_procedures(made.procedure_pks)} - {study_instance_uid}
    return (
        order.source == OPERATOR
        and tx.orders.updated_at(order.pk) == made.at
        and all(step.status is StepStatus.COMPLETED for step in steps)
        and not any(tx.orders.step_was_performed(step.pk) for step in steps)
        and not others
    )
