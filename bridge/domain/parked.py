"""Events that came before the order or appointment they are about, and wait for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.announced_study import StudyAnnounced
from bridge.domain.appointment import AppointmentReceived
from bridge.domain.events import Event
from bridge.domain.identifiers import Identifier
from bridge.domain.order import OrderNumbers, OrderReceived
from bridge.domain.order_control import OrderControlRule
from bridge.domain.patient import PatientDetails
from bridge.domain.result import ResultReported
from bridge.domain.sender_options import NO_OPTIONS, SenderOptions

Waiting = OrderReceived | AppointmentReceived | ResultReported | StudyAnnounced
"""What can wait for its order."""


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


def keys_of(event: Waiting) -> tuple[str, ...]:
    """What a parked event is found by: the numbers it names, else its appointment, its patient."""
    match event:
        case OrderReceived():
            return tuple(_number_keys(event.numbers))
        case ResultReported():
            return (*_number_keys(event.numbers), *_study_keys([event.study_instance_uid]))
        case StudyAnnounced():
            numbers = (*event.orders, OrderNumbers(accession=event.accession))
            return tuple(key for each in numbers for key in _number_keys(each))
        case AppointmentReceived():
            named = (key for numbers in event.orders for key in _number_keys(numbers))
            own = _appointment_keys(event.numbers)
            return (*named, *own, *(() if event.orders else _patient_keys(event.patient)))


def keys_brought_by(event: Event) -> tuple[str, ...]:
    """What events may wait for that this one brings."""
    match event:
        case OrderReceived():
            uids = (each.study_instance_uid for each in event.procedures)
            return (
                *_number_keys(event.numbers),
                *_patient_keys(event.patient),
                *_study_keys(uids),
            )
        case AppointmentReceived():
            order = keys_brought_by(event.order) if event.order else ()
            return (*_appointment_keys(event.numbers), *order)
        case _:
            return ()


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
