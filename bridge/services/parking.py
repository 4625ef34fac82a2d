"""Park what came before its order, and take it up again when the order is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bridge.domain.errors import BridgeError, UnknownKey
from bridge.domain.events import Event
from bridge.domain.journal import Disposition
from bridge.domain.order import OrderReceived
from bridge.domain.order_control import OrderControlRule, OrderControlTable
from bridge.domain.parked import (
    ParkedEvent,
    ParkedState,
    Waiting,
    WaitingEvent,
    keys_brought_by,
    keys_of,
)
from bridge.domain.sender_options import UnknownOrder
from bridge.services.complete_order import Mode
from bridge.services.origin import Origin
from bridge.services.transaction import Transaction

Handlers = Mapping[type[Event], Callable[[Transaction, Any, Origin], Disposition]]

SECONDS_PER_DAY = 86_400.0
_ENDS = {
    Disposition.APPLIED: ParkedState.APPLIED,
    Disposition.STALE: ParkedState.STALE,
}


def park(
    tx: Transaction,
    event: Waiting,
    origin: Origin,
    location: str,
    rule: OrderControlRule | None = None,
) -> Disposition:
    """Keep an event until what it is about is there; the sender is told that it waits.

    Raises UnknownKey when the sender's messages do not wait.
    """
    if origin.options.unknown_order is UnknownOrder.REFUSE:
        raise UnknownKey("no such order", location=location)
    keys = keys_of(event)
    if not keys:
        raise UnknownKey("no order is named that could be waited for", location=location)
    if not origin.is_resumed:
        parked = ParkedEvent(
            event=event,
            source=origin.source,
            mode=origin.mode.value,
            options=origin.options,
            rule=rule,
            occurred_at=event.occurred_at,
        )
        now = origin.received_at
        expires_at = now + origin.options.park_days * SECONDS_PER_DAY
        tx.parked.add(parked, keys, "no such order yet", now, expires_at)
    origin.warn(location, "the order is not known yet; the message waits for it")
    return Disposition.PARKED


def resume(tx: Transaction, events: Sequence[Event], handlers: Handlers, origin: Origin) -> None:
    """Apply what waited for the orders and appointments of these events, as it occurred.

    What cannot be applied is undone alone, and kept with the reason: the sender of these events
    has no part in it.
    """
    for event in events:
        if keys := keys_brought_by(event):
            for waiting in tx.parked.waiting(keys, origin.received_at):
                _take_up(tx, waiting, handlers, origin)


def _take_up(tx: Transaction, waiting: WaitingEvent, handlers: Handlers, origin: Origin) -> None:
    parked = waiting.parked
    try:
        with tx.savepoint():
            disposition = handlers[type(parked.event)](tx, parked.event, _origin(parked, origin))
    except BridgeError as error:
        tx.parked.finish(waiting.pk, ParkedState.REFUSED, error.message)
        _settle(tx, waiting, Disposition.REFUSED, error.message)
        return
    if disposition is not Disposition.PARKED:
        tx.parked.finish(waiting.pk, _ENDS.get(disposition, ParkedState.NOTED))
        _settle(tx, waiting, disposition, "")


def _settle(tx: Transaction, waiting: WaitingEvent, disposition: Disposition, error: str) -> None:
    if waiting.message_pk is not None:
        tx.journal.settle(waiting.message_pk, disposition, error)


def _origin(parked: ParkedEvent, now: Origin) -> Origin:
    """The origin of a parked event: its own sender, the present moment."""
    control = None
    if parked.rule is not None and isinstance(parked.event, OrderReceived):
        pair = (parked.event.control, parked.event.status)
        control = OrderControlTable({pair: parked.rule})
    return replace(
        now,
        source=parked.source,
        mode=Mode(parked.mode),
        options=parked.options,
        control=control,
        warnings=[],
        is_resumed=True,
    )
