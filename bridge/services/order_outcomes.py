"""What became of each order of a message: what an order response is written from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.domain.events import Event
from bridge.domain.journal import Disposition
from bridge.domain.order import Order, OrderNumbers, OrderReceived
from bridge.services.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderOutcome:
    """One order of a message. `order` is as held afterwards, None when it is not held."""

    location: str
    numbers: OrderNumbers
    disposition: Disposition
    order: Order | None


def order_outcomes(
    tx: Transaction, events: Sequence[Event], dispositions: Sequence[Disposition]
) -> tuple[OrderOutcome, ...]:
    """The outcome of every order among the events, in their order."""
    return tuple(
        OrderOutcome(
            location=event.location,
            numbers=event.numbers,
            disposition=disposition,
            order=_held(tx, event.numbers),
        )
        for event, disposition in zip(events, dispositions, strict=True)
        if isinstance(event, OrderReceived)
    )


def _held(tx: Transaction, numbers: OrderNumbers) -> Order | None:
    """The order that shares most with the numbers: several may share an accession number."""
    found = tx.orders.with_numbers(numbers)
    return max(found, key=lambda order: _shared(order.numbers, numbers), default=None)


def _shared(held: OrderNumbers, said: OrderNumbers) -> tuple[bool, ...]:
    pairs = (
        (held.filler, said.filler),
        (held.placer, said.placer),
        (held.accession, said.accession),
    )
    return tuple(bool(ours and theirs and ours.agrees_with(theirs)) for ours, theirs in pairs)
