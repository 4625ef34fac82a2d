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


class Unknown(StrEnum):
    """What is done when no such order is known."""

    CREATE = "create"
    PARK = "park"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class OrderControlRule:
    """One row: the action, and the event each step of the order undergoes.

    A row that refuses says so with a `code` of table 0357, at the `field` of ORC that is at fault.
    """

    action: Action
    event: StepEvent
    reason: str = ""
    unknown: Unknown = Unknown.CREATE
    code: str = "103"
    field: int = 1


_NAMELESS = OrderControlRule(
    Action.REFUSE, StepEvent.SCHEDULE, "order control is empty", code="101"
)


@dataclass(frozen=True, slots=True)
class OrderControlTable:
    """(ORC-1, status) → rule; an exact pair beats (ORC-1, any); what no row names is refused."""

    rules: Mapping[tuple[str, str], OrderControlRule]

    def rule(self, control: str, status: str) -> OrderControlRule:
        """The answer for every pair of texts there can be."""
        found = self.rules.get((control, status)) or self.rules.get((control, ANY))
        if found is None and not control:
            return _NAMELESS
        return found or OrderControlRule(
            Action.REFUSE, StepEvent.SCHEDULE, f"order control {control!r} is not one we act on"
        )

    def overlaid(self, rules: Mapping[tuple[str, str], OrderControlRule]) -> OrderControlTable:
        """This table with a sender's own rows before it.

        A row of the sender for any status speaks for every status that no other of its rows names.
        """
        whole = {control for control, status in rules if status == ANY}
        kept = {pair: rule for pair, rule in self.rules.items() if pair[0] not in whole}
        return OrderControlTable({**kept, **rules})
