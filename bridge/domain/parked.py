"""Events that came before the order or appointment they are about, and wait for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.events import Event
from bridge.domain.order_control import OrderControlRule
from bridge.domain.sender_options import NO_OPTIONS, SenderOptions


class ParkedState(StrEnum):
    """What became of a parked event. `EXPIRED` is never written: it follows from the clock."""

    WAITING = "waiting"
    APPLIED = "applied"
    STALE = "stale"
    NOTED = "noted"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedEvent:
    """An event with all that decides what becomes of it once its order is there.

    `source`, `mode` and `options` are those of its sender; `rule` is the answer of the sender's
    order-control table. Events of one order are applied by `occurred_at` (UTC).
    """

    event: Event
    source: str = ""
    mode: str = ""
    options: SenderOptions = NO_OPTIONS
    rule: OrderControlRule | None = None
    occurred_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingEvent:
    """A parked event as held; `message_pk` is the journal's."""

    pk: int
    message_pk: int | None
    parked: ParkedEvent
