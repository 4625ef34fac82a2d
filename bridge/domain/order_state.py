"""How an order as a whole stands, by its steps: one word for whoever asks for no more."""

from __future__ import annotations

from enum import StrEnum

from bridge.domain.order import Order
from bridge.domain.step_status import StepStatus


class OrderState(StrEnum):
    """The rules in their order: the first that holds says the state (see `STATES`)."""

    HELD = "held"
    ACTIVE = "active"
    COMPLETED = "completed"
    CANCELED = "canceled"


OPEN = frozenset(
    {
        StepStatus.SCHEDULED,
        StepStatus.ARRIVED,
        StepStatus.READY,
        StepStatus.STARTED,
        StepStatus.DEPARTED,
    }
)

# Any step in one of these → the state; what is held for a reason is not active. An order without
# a step cannot be scheduled and is held; one whose steps all ended without success is canceled.
STATES: tuple[tuple[frozenset[StepStatus], OrderState], ...] = (
    (OPEN, OrderState.ACTIVE),
    (frozenset({StepStatus.HELD}), OrderState.HELD),
    (frozenset({StepStatus.COMPLETED}), OrderState.COMPLETED),
    (frozenset({StepStatus.CANCELED, StepStatus.DISCONTINUED}), OrderState.CANCELED),
)


def state_of(order: Order) -> OrderState:
    """The state of an order."""
    statuses = {step.status for procedure in order.procedures for step in procedure.steps}
    for some, state in STATES:
        if statuses & some:
            return OrderState.HELD if state is OrderState.ACTIVE and order.held_reason else state
    return OrderState.HELD
