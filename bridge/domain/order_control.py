"""Order control (HL7 table 0119) × order status: what one order message asks for.

The rows themselves are data (`mappings/order-control.yaml`); this is their shape and their lookup.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.step_status import StepEvent

ANY = "*"


class Action(StrEnum):
    """What is done to the order. Step status follows from the row's event."""

    CREATE = "create"
    UPDATE = "update"
    CANCEL = "cancel"
    STATUS = "status"
    REPLACE = "replace"
    NOTE = "note"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class OrderControlRule:
    """One row: the action, and the event each step of the order undergoes."""

    action: Action
    event: StepEvent
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OrderControlTable:
    """(ORC-1, status) → rule; an exact pair beats (ORC-1, any); what no row names is refused."""

    rules: Mapping[tuple[str, str], OrderControlRule]

    def rule(self, control: str, status: str) -> OrderControlRule:
        """The answer for every pair of texts there can be."""
        found = self.rules.get((control, status)) or self.rules.get((control, ANY))
        return found or OrderControlRule(
            Action.REFUSE, StepEvent.SCHEDULE, f"order control {control!r} is not one we act on"
        )
