"""Move steps of an order through their states, by the table of `domain.step_status`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from bridge.domain.order import Order, Step
from bridge.domain.step_history import recorded, status_of
from bridge.domain.step_status import StepEvent
from bridge.services.transaction import Transaction


def move_steps(
    tx: Transaction,
    order: Order,
    step_pks: Iterable[int] | None,
    event: StepEvent,
    at: str = "",
) -> Order:
    """`event` happens to the steps of these pks, or to all of them for None; returns the order.

    It happened `at` (UTC; empty: just now). What a newer event stands against leaves a step as it
    is (`domain.step_history`).
    """
    if event is StepEvent.SCHEDULE:
        return order
    wanted = None if step_pks is None else frozenset(step_pks)

    def moved(step: Step) -> Step:
        if wanted is not None and step.pk not in wanted:
            return step
        history = recorded(step.history, at, event)
        if history is None or history == step.history:
            return step
        status = status_of(history)
        tx.orders.set_step_status(step.pk, status, history)
        return replace(step, status=status, history=history)

    return with_steps(order, moved)


def with_steps(order: Order, change: Callable[[Step], Step]) -> Order:
    """The order with each of its steps changed."""
    return replace(
        order,
        procedures=tuple(
            replace(procedure, steps=tuple(change(step) for step in procedure.steps))
            for procedure in order.procedures
        ),
    )


def steps_of(order: Order, step_pks: Iterable[int] | None = None) -> tuple[Step, ...]:
    """The steps of these pks, or all of them for None."""
    wanted = None if step_pks is None else frozenset(step_pks)
    return tuple(
        step
        for procedure in order.procedures
        for step in procedure.steps
        if wanted is None or step.pk in wanted
    )
