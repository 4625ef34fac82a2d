"""Lay a newer message over an order: which procedure and step it means, and what it changes.

A message is a snapshot of the procedures it describes (STANDARDS 2.8); a cancel or a status names
some of them. Both are found the same way, one to one: by identifier, by code, by place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bridge.domain.errors import DuplicateKey, UnknownKey
from bridge.domain.identifiers import Identifier
from bridge.domain.order import (
    Order,
    OrderNumbers,
    OrderReceived,
    Procedure,
    ProcedureDetails,
    Step,
    StepDetails,
)
from bridge.domain.patient import merged
from bridge.domain.scheduling import with_step_ids
from bridge.domain.step_status import FINAL, StepStatus
from bridge.services.complete_order import Mode, completed
from bridge.services.transaction import Transaction


@dataclass(frozen=True, slots=True)
class _Additions:
    """How procedures and steps that a message adds begin."""

    mode: Mode
    start: Callable[[], str]
    status: StepStatus


def overlay(
    tx: Transaction, event: OrderReceived, order: Order, mode: Mode, start: Callable[[], str]
) -> tuple[Order, frozenset[int] | None]:
    """Lay a snapshot over what is held: what it says wins, what it leaves out stays.

    Steps of a procedure the snapshot describes, which it no longer lists, are removed unless
    they were performed. Returns the order and the steps the event is about, None for all.

    Raises DuplicateKey when it gives a procedure another Study Instance UID.
    """
    order = replace(order, attributes=merged(order.attributes, event.attributes))
    if not event.procedures:
        return order, None
    _refuse_other_study_uid(order, event)
    additions = _Additions(mode, start, _status_of_additions(order, event))
    procedures = list(order.procedures)
    touched: set[int] = set()
    new = []
    for details, index in zip(
        event.procedures, paired(order.procedures, event.procedures), strict=True
    ):
        if index is None:
            new.append(details)
            continue
        procedures[index] = _overlaid(tx, procedures[index], details, additions)
        touched.update(step.pk for step in procedures[index].steps)
    taken = _numbered(tx, order) if new else 0
    for details in completed(new, order, mode, start, taken) if new else ():
        procedures.append(add_procedure(tx, order, details, additions.status))
        touched.update(step.pk for step in procedures[-1].steps)
    return replace(order, procedures=tuple(procedures)), frozenset(touched)


def _numbered(tx: Transaction, order: Order) -> int:
    """How many procedures there are under the accession number of an order, which others share."""
    accession = order.numbers.accession
    if accession is None:
        return len(order.procedures)
    sharing = tx.orders.with_accession_numbers([accession.value])
    return sum(
        len(each.procedures)
        for each in sharing
        if each.numbers.accession and each.numbers.accession.key == accession.key
    )


def named_steps(event: OrderReceived, order: Order) -> frozenset[int] | None:
    """The steps a cancel or a status is about; None when it names none, which means all of them.

    Raises UnknownKey when it names a procedure that an order of several does not have.
    """
    found: set[int] = set()
    for details, index in zip(
        event.procedures, paired(order.procedures, event.procedures), strict=True
    ):
        if index is not None:
            found.update(step.pk for step in _named_of(order.procedures[index], details))
        elif len(order.procedures) > 1 and (
            details.study_instance_uid or details.rp_id or details.code
        ):
            raise UnknownKey("the order has no such procedure", location=event.location)
        else:
            return None
    return frozenset(found) or None


def _named_of(held: Procedure, said: ProcedureDetails) -> Sequence[Step]:
    """The steps of a procedure whose IDs are listed; all of them when no listed ID is known."""
    listed = {step.sps_id for step in said.steps if step.sps_id}
    return [step for step in held.steps if step.sps_id in listed] or held.steps


def joined(held: OrderNumbers, said: OrderNumbers) -> OrderNumbers:
    """An order keeps the numbers it has and takes those it lacked."""

    def first(ours: Identifier | None, theirs: Identifier | None) -> Identifier | None:
        return ours or theirs

    return OrderNumbers(
        accession=first(held.accession, said.accession),
        placer=first(held.placer, said.placer),
        filler=first(held.filler, said.filler),
    )


def add_procedure(
    tx: Transaction, order: Order, details: ProcedureDetails, status: StepStatus
) -> Procedure:
    """Create a procedure with its steps, all in this state."""
    procedure = tx.orders.add_procedure(order.pk, details)
    steps = tuple(tx.orders.add_step(procedure.pk, each, status) for each in details.steps)
    return replace(procedure, steps=steps)


def paired(held: Sequence[Procedure], said: Sequence[ProcedureDetails]) -> tuple[int | None, ...]:
    """For each procedure of a message the index of the held one it means, no two the same.

    By Study Instance UID or ID, then by code, then, when the message lists as many as are held,
    by place; never against an identifier that both have.
    """
    found: list[int | None] = [None] * len(said)
    free = list(range(len(held)))

    def pair(agrees: Callable[[Procedure, ProcedureDetails], bool]) -> None:
        for place, details in enumerate(said):
            if found[place] is None:
                index = next((i for i in free if agrees(held[i], details)), None)
                if index is not None:
                    found[place] = index
                    free.remove(index)

    pair(_same_identity)
    pair(_same_code)
    if len(held) == len(said):
        rest = [place for place, index in enumerate(found) if index is None]
        for place, index in zip(rest, free, strict=True):
            if not _contradicts(held[index], said[place]):
                found[place] = index
    return tuple(found)


def _same_identity(held: Procedure, said: ProcedureDetails) -> bool:
    if held.study_instance_uid and said.study_instance_uid:
        return held.study_instance_uid == said.study_instance_uid
    return bool(said.rp_id) and held.rp_id == said.rp_id


def _same_code(held: Procedure, said: ProcedureDetails) -> bool:
    return _same_procedure(held, said) and not _contradicts(held, said)


def _contradicts(held: Procedure, said: ProcedureDetails) -> bool:
    return any(
        ours and theirs and ours != theirs
        for ours, theirs in (
            (held.study_instance_uid, said.study_instance_uid),
            (held.rp_id, said.rp_id),
        )
    )


def _refuse_other_study_uid(order: Order, event: OrderReceived) -> None:
    """A Study Instance UID, once given, never changes: modalities may have it (RAD-13).

    Taken for a further procedure, the worklist would show one examination twice.
    """
    alone = len(order.procedures) == len(event.procedures) == 1
    for held in order.procedures:
        for said in event.procedures:
            named = (
                said.rp_id == held.rp_id if said.rp_id else alone and _same_procedure(held, said)
            )
            ours, theirs = held.study_instance_uid, said.study_instance_uid
            if named and ours and theirs and ours != theirs:
                raise DuplicateKey(
                    "the requested procedure has another Study Instance UID, which never changes",
                    location=event.location,
                )


def _same_procedure(held: Procedure, said: ProcedureDetails) -> bool:
    return bool(held.code and said.code and held.code.value == said.code.value)


def _status_of_additions(order: Order, event: OrderReceived) -> StepStatus:
    """What is added to a cancelled order is cancelled too, unless the message is surely newer.

    So a cancel that overtook its order is never undone by it, however little the cancel named.
    """
    steps = [step for procedure in order.procedures for step in procedure.steps]
    ended = bool(steps) and all(step.status is StepStatus.CANCELED for step in steps)
    newer = order.occurred_at != "" and event.occurred_at > order.occurred_at
    return StepStatus.CANCELED if ended and not newer else StepStatus.SCHEDULED


def _overlaid(
    tx: Transaction, held: Procedure, details: ProcedureDetails, additions: _Additions
) -> Procedure:
    procedure = replace(
        held,
        rp_id=held.rp_id or details.rp_id,
        study_instance_uid=held.study_instance_uid or details.study_instance_uid,
        code=details.code or held.code,
        attributes=merged(held.attributes, details.attributes),
        steps=_overlaid_steps(tx, held, details.steps, additions),
    )
    tx.orders.change_procedure(procedure)
    return procedure


def _overlaid_steps(
    tx: Transaction, held: Procedure, said: tuple[StepDetails, ...], additions: _Additions
) -> tuple[Step, ...]:
    if not said:
        return held.steps
    pairs = _paired_steps(held.steps, said)
    listed = {step.pk for step in pairs if step is not None}
    stay = []
    for step in held.steps:
        if step.pk in listed or tx.orders.step_was_performed(step.pk):
            stay.append(step)
        else:
            tx.worklist.remove(step.pk)
            tx.orders.remove_step(step.pk)
    changed: dict[int, Step] = {}
    for details, match in zip(said, pairs, strict=True):
        if match is not None:
            changed[match.pk] = _overlaid_step(match, details)
            tx.orders.change_step(changed[match.pk])
    new = tuple(details for details, match in zip(said, pairs, strict=True) if match is None)
    if additions.mode is Mode.HIS_ONLY:
        new = with_step_ids(new, [step.sps_id for step in held.steps])
    added = (tx.orders.add_step(held.pk, each, additions.status) for each in new)
    return (*(changed.get(step.pk, step) for step in stay), *added)


def _paired_steps(held: Sequence[Step], said: Sequence[StepDetails]) -> tuple[Step | None, ...]:
    """For each step of a message the held one it means: by ID, else the next one without a name.

    A step that the message does not number is the next of the held ones; one that it numbers may
    be one that had no number until now.
    """
    free = list(held)
    found: dict[int, Step] = {}
    for by_id in (True, False):
        for place, details in enumerate(said):
            if place in found:
                continue
            for step in free:
                same = details.sps_id == step.sps_id != ""
                if same or (not by_id and "" in (details.sps_id, step.sps_id)):
                    found[place] = step
                    free.remove(step)
                    break
    return tuple(found.get(place) for place in range(len(said)))


def _overlaid_step(held: Step, said: StepDetails) -> Step:
    """A step that has begun keeps its schedule; its texts still follow the order."""
    held = replace(
        held,
        sps_id=held.sps_id or said.sps_id,
        attributes=merged(held.attributes, said.attributes),
    )
    if held.status is StepStatus.STARTED or held.status in FINAL:
        return held
    return replace(
        held,
        modality=said.modality or held.modality,
        station_ae_titles=said.station_ae_titles or held.station_ae_titles,
        start_date=said.start_date or held.start_date,
        start_time=said.start_time if said.start_date else held.start_time,
        protocol_codes=said.protocol_codes or held.protocol_codes,
    )
