"""What an order message does to the steps it is about, and when it comes too late for that."""

from __future__ import annotations

from bridge.domain.errors import InvalidTransition
from bridge.domain.order import Order, OrderReceived
from bridge.domain.order_control import Action, OrderControlRule
from bridge.domain.sender_options import TooLateToCancel
from bridge.domain.step_history import is_late
from bridge.domain.step_status import StepEvent, StepStatus, after
from bridge.services.move_steps import steps_of
from bridge.services.origin import Origin

BEGUN_AND_CANCELLED = "cancelled after it had begun"

_TOO_LATE = frozenset(
    {
        StepStatus.STARTED,
        StepStatus.DEPARTED,
        StepStatus.COMPLETED,
        StepStatus.DISCONTINUED,
    }
)
_ASKS = frozenset({Action.CANCEL, Action.REPLACE, Action.STATUS})
_REFUSALS = {
    StepEvent.CANCEL: "the procedure has begun and cannot be cancelled; discontinue it (DC)",
    StepEvent.DISCONTINUE: "the procedure is over and cannot be discontinued",
    StepEvent.HOLD: "the procedure has begun and cannot be held",
}


def step_event(
    order: Order,
    touched: frozenset[int] | None,
    rule: OrderControlRule,
    event: OrderReceived,
    origin: Origin,
) -> StepEvent:
    """What happens to the steps: what the table says, unless it comes too late for all of them.

    A cancel or a hold of what has begun changes nothing, and is not acknowledged as if it did (UC,
    UH); a sender that is master of its orders may cancel all the same. Raises InvalidTransition.
    """
    if rule.action not in _ASKS or rule.event not in _REFUSALS:
        return rule.event
    steps = steps_of(order, touched)
    wanted = after(StepStatus.SCHEDULED, rule.event)
    served = any(s.status is wanted or after(s.status, rule.event) is not s.status for s in steps)
    late = all(is_late(step.history, event.occurred_at) for step in steps)
    begun = all(step.status in _TOO_LATE for step in steps)
    if served or late or not begun:
        return rule.event
    accepts = origin.options.too_late_to_cancel is TooLateToCancel.ACCEPT
    if not accepts or rule.event is not StepEvent.CANCEL:
        raise InvalidTransition(_REFUSALS[rule.event], location=f"{event.location}^1")
    origin.warn(f"{event.location}^1", "the procedure had begun; it may have images")
    return StepEvent.WITHDRAW
