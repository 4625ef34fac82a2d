"""Numbers that a placer assigns in its answer: ORR, ORG or ORI with ORC-1 NA (table 0119; RAD-3).

An order that nobody placed is told of with ORC-1 SN, which asks its placer for a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bridge.domain.errors import BridgeError
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.order import Order
from bridge.hl7.batch import split
from bridge.hl7.er7 import Message, read

_RESPONSES: Final = frozenset({"ORR", "ORG", "ORI"})
_ASSIGNED: Final = "NA"


@dataclass(frozen=True, slots=True)
class Assigned:
    """A placer order number, and the response that it stands in."""

    placer: Identifier
    response: Message
    raw: bytes


def find_assigned(answers: bytes, order: Order) -> Assigned | None:
    """The number that an order was given in what was answered, if any."""
    if order.numbers.placer is not None:
        return None
    for raw in filter(None, split(answers).messages):
        try:
            response = read(raw)
        except BridgeError:
            continue
        if response.message_code in _RESPONSES:
            number = _number(response, order)
            if number is not None:
                return Assigned(number, response, raw)
    return None


def _number(response: Message, order: Order) -> Identifier | None:
    """ORC-2 of the group that names the order, or no order at all."""
    known = order.numbers.filler, order.numbers.accession
    ours = {"", *(number.value for number in known if number)}
    for orc in response.all("ORC"):
        if orc.field(1) == _ASSIGNED and orc.field(2) and orc.field(3) in ours:
            authority = Authority(*(orc.field(2, component=part) for part in (2, 3, 4)))
            return Identifier(orc.field(2), authority)
    return None
