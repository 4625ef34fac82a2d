"""What there is to tell of an order: how it stood when it was told of last, and how it stands now.

Whatever changed it, a message, a performed step or a person: the news is the difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bridge.domain.delivery import ORDER_KINDS, EventKind
from bridge.domain.order import CodedConcept, Order, Procedure, Step
from bridge.domain.step_status import StepStatus

_CAN_BE_HELD = frozenset({StepStatus.SCHEDULED, StepStatus.ARRIVED, StepStatus.READY})

# What it is called that a step has come to a status, from whichever other.
REACHED: Mapping[StepStatus, EventKind] = {
    StepStatus.HELD: EventKind.ORDER_HELD,
    StepStatus.SCHEDULED: EventKind.ORDER_SCHEDULED,
    StepStatus.ARRIVED: EventKind.PATIENT_ARRIVED,
    StepStatus.READY: EventKind.ORDER_CHANGED,
    StepStatus.STARTED: EventKind.STEP_STARTED,
    StepStatus.DEPARTED: EventKind.ORDER_CHANGED,
    StepStatus.COMPLETED: EventKind.STEP_COMPLETED,
    StepStatus.DISCONTINUED: EventKind.STEP_DISCONTINUED,
    StepStatus.CANCELED: EventKind.ORDER_CANCELED,
}


@dataclass(frozen=True, slots=True)
class OrderNotice:
    """How an order stood: the status of each step by its pk, and whatever else receivers read."""

    statuses: Mapping[int, StepStatus] = field(default_factory=dict)
    details: tuple[str, ...] = ()


def notice(order: Order) -> OrderNotice:
    """How an order stands. What is held for a reason is held, whatever its steps say."""
    return OrderNotice(
        {
            step.pk: _status(order, step)
            for procedure in order.procedures
            for step in procedure.steps
        },
        tuple(_details(order)),
    )


def news(before: OrderNotice | None, now: OrderNotice) -> tuple[EventKind, ...]:
    """What happened since `before`, None for an order that nobody was told of; in order.

    An order that was cancelled before it came was never there: of that nothing is told.
    """
    canceled = {*now.statuses.values()} == {StepStatus.CANCELED}
    if before is None:
        if canceled:
            return ()
        kinds = {REACHED[status] for status in now.statuses.values()} or {EventKind.ORDER_HELD}
    else:
        kinds = set(_since(before, now))
    if EventKind.ORDER_CANCELED in kinds and not canceled:  # of a part of it
        kinds = kinds - {EventKind.ORDER_CANCELED} | {EventKind.ORDER_CHANGED}
    if kinds & {EventKind.ORDER_SCHEDULED, EventKind.ORDER_HELD, EventKind.ORDER_CANCELED}:
        kinds.discard(EventKind.ORDER_CHANGED)  # those tell it whole
    return tuple(kind for kind in ORDER_KINDS if kind in kinds)


def _since(before: OrderNotice, now: OrderNotice) -> Iterator[EventKind]:
    for pk, status in now.statuses.items():
        if pk not in before.statuses:
            yield EventKind.ORDER_CHANGED
            if status is not StepStatus.SCHEDULED:
                yield REACHED[status]
        elif before.statuses[pk] is not status:
            yield REACHED[status]
    if now.details != before.details or before.statuses.keys() - now.statuses.keys():
        yield EventKind.ORDER_CHANGED


def _status(order: Order, step: Step) -> StepStatus:
    return StepStatus.HELD if order.held_reason and step.status in _CAN_BE_HELD else step.status


def _details(order: Order) -> Iterator[str]:
    numbers = order.numbers
    yield str(order.patient_pk)
    yield order.held_reason
    for number in (numbers.accession, numbers.placer, numbers.filler):
        yield number.value if number else ""
    for keyword in sorted(order.attributes):
        yield f"{keyword}={order.attributes[keyword]}"
    for procedure in order.procedures:
        yield from _procedure_details(procedure)


def _procedure_details(procedure: Procedure) -> Iterator[str]:
    yield f"{procedure.rp_id} {procedure.study_instance_uid} {_code(procedure.code)}"
    for keyword in sorted(procedure.attributes):
        yield f"{keyword}={procedure.attributes[keyword]}"
    for step in procedure.steps:
        stations = "\\".join(step.station_ae_titles)
        yield f"{step.sps_id} {step.modality} {stations} {step.start_date} {step.start_time}"
        yield from (_code(code) for code in step.protocol_codes)
        for keyword in sorted(step.attributes):
            yield f"{keyword}={step.attributes[keyword]}"


def _code(code: CodedConcept | None) -> str:
    return f"{code.value}^{code.scheme}^{code.meaning}" if code else ""
