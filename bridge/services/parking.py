"""Park what came before its order, and take it up again when the order is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bridge.domain.announced_study import StudyAnnounced
from bridge.domain.appointment import AppointmentReceived
from bridge.domain.errors import BridgeError, UnknownKey
from bridge.domain.events import Event
from bridge.domain.identifiers import Identifier
from bridge.domain.journal import Disposition
from bridge.domain.order import OrderNumbers, OrderReceived
from bridge.domain.order_control import OrderControlRule, OrderControlTable
from bridge.domain.parked import ParkedEvent, ParkedState, WaitingEvent
from bridge.domain.patient import PatientDetails
from bridge.domain.result import ResultReported
from bridge.domain.sender_options import UnknownOrder
from bridge.services.complete_order import Mode
from bridge.services.origin import Origin
from bridge.services.transaction import Transaction

Waiting = OrderReceived | AppointmentReceived | ResultReported | StudyAnnounced
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
    keys = tuple(keys_of(event))
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
    keys = [key for event in events for key in _brought_by(event)]
    if not keys:
        return
    for waiting in tx.parked.waiting(keys, origin.received_at):
        _take_up(tx, waiting, handlers, origin)


def keys_of(event: Waiting) -> Iterator[str]:
    """What a parked event is found by: the numbers it names, else its appointment, its patient."""
    match event:
        case OrderReceived():
            yield from _number_keys(event.numbers)
        case ResultReported():
            yield from _number_keys(event.numbers)
            yield from _study_keys([event.study_instance_uid])
        case StudyAnnounced():
            for numbers in (*event.orders, OrderNumbers(accession=event.accession)):
                yield from _number_keys(numbers)
        case AppointmentReceived():
            for numbers in event.orders:
                yield from _number_keys(numbers)
            yield from _appointment_keys(event.numbers)
            if not event.orders:
                yield from _patient_keys(event.patient)


def _brought_by(event: Event) -> Iterator[str]:
    """What events may wait for that this one brings."""
    match event:
        case OrderReceived():
            yield from _number_keys(event.numbers)
            yield from _patient_keys(event.patient)
            yield from _study_keys(each.study_instance_uid for each in event.procedures)
        case AppointmentReceived():
            yield from _appointment_keys(event.numbers)
            if event.order is not None:
                yield from _brought_by(event.order)


def _number_keys(numbers: OrderNumbers) -> Iterator[str]:
    """By value: senders name the authority in one message and not in the other."""
    for number in (numbers.filler, numbers.placer, numbers.accession):
        if number:
            yield f"number {number.value}"


def _study_keys(uids: Iterable[str]) -> Iterator[str]:
    return (f"study {uid}" for uid in uids if uid)


def _appointment_keys(numbers: Iterable[Identifier]) -> Iterator[str]:
    return (f"appointment {number.value}" for number in numbers)


def _patient_keys(patient: PatientDetails) -> Iterator[str]:
    return (f"patient {identifier.value}" for identifier in patient.identifiers)


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
