"""Move steps of an order through their states, by the table of `domain.step_status`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bridge.domain.order import Order, Step
from bridge.domain.step_status import StepEvent, after
from bridge.services.transaction import Transaction


def move_steps(
    tx: Transaction, order: Order, step_pks: Iterable[int] | None, event: StepEvent
) -> Order:
    """`event` happens to the steps of these pks, or to all of them for None; returns the order."""
    wanted = None if step_pks is None else frozenset(step_pks)

    def moved(step: Step) -> Step:
        status = after(step.status, event)
        if status is step.status or (wanted is not None and step.pk not in wanted):
            return step
        tx.orders.set_step_status(step.pk, status)
        return replace(step, status=status)

    return replace(
        order,
        procedures=tuple(
            replace(procedure, steps=tuple(moved(step) for step in procedure.steps))
            for procedure in order.procedures
        ),
    )
