"""What became of each order of a message: what an order response is written from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.domain.events import Event
from bridge.domain.journal import Disposition
from bridge.domain.order import Order, OrderNumbers, OrderReceived
from bridge.services.find_order import find_order_of_patient
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
            order=find_order_of_patient(tx, event.numbers, event.patient) or _nearest(tx, event),
        )
        for event, disposition in zip(events, dispositions, strict=True)
        if isinstance(event, OrderReceived)
    )


def _nearest(tx: Transaction, event: OrderReceived) -> Order | None:
    """The order that shares most with the numbers: several may share an accession number."""
    said = event.numbers
    found = tx.orders.with_numbers(said)
    return max(found, key=lambda order: _shared(order.numbers, said), default=None)


def _shared(held: OrderNumbers, said: OrderNumbers) -> tuple[bool, ...]:
    pairs = (
        (held.filler, said.filler),
        (held.placer, said.placer),
        (held.accession, said.accession),
    )
    return tuple(bool(ours and theirs and ours.agrees_with(theirs)) for ours, theirs in pairs)
