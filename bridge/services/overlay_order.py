"""Lay a newer message over an order: which procedure and step it means, and what it changes.

A message is a snapshot of the procedures it describes (STANDARDS 2.8); a cancel or a status names
some of them. Each procedure, and the schedule of each step, follows the newest message that tells
of it: so messages on different procedures of an order may overtake each other.
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
from bridge.domain.sender_options import MissingStudyUid
from bridge.domain.step_history import (
    History,
    cancelled_at,
    history_of,
    is_unscheduled,
    recorded,
    status_of,
    wanted_at,
)
from bridge.domain.step_status import FINAL, StepEvent, StepStatus
from bridge.services.complete_order import Mode, completed, derived
from bridge.services.move_steps import steps_of
from bridge.services.pair_procedures import is_named, paired, paired_steps, same_procedure
from bridge.services.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Birth:
    """How what a message adds begins: in which mode, when the message was written, as what.

    `missing_uid` says what is done where a RIS gave no Study Instance UID.
    """

    mode: Mode
    at: str
    history: History = ()
    missing_uid: MissingStudyUid = MissingStudyUid.HOLD

    @property
    def status(self) -> StepStatus:
        """The status that the steps begin with."""
        return status_of(self.history)


@dataclass(frozen=True, slots=True)
class Overlaid:
    """An order with a message laid over it.

    `steps` are those the message is about, None for all; `is_newer` says that it told something
    that nothing newer had told.
    """

    order: Order
    steps: frozenset[int] | None
    is_newer: bool


def is_older(at: str, held: str) -> bool:
    """Whether a message is surely older than what is held."""
    return bool(at and held and at < held)


def overlay(
    tx: Transaction, event: OrderReceived, order: Order, birth: Birth, start: Callable[[], str]
) -> Overlaid:
    """Lay a snapshot over what is held: what it says wins, what it leaves out stays.

    Steps of a procedure the snapshot describes, which it no longer lists, are removed unless
    they were performed. What is older than what is held changes nothing of it.

    Raises DuplicateKey when it gives a procedure another Study Instance UID.
    """
    newer = not is_older(event.occurred_at, order.occurred_at)
    if newer:
        attributes = merged(order.attributes, event.attributes)
        occurred_at = event.occurred_at or order.occurred_at
        order = replace(order, attributes=attributes, occurred_at=occurred_at)
    _refuse_other_study_uid(order, event)
    if not event.procedures:
        return Overlaid(order, None, newer)
    return _overlay_procedures(tx, event, order, birth, start)


def _overlay_procedures(
    tx: Transaction, event: OrderReceived, order: Order, birth: Birth, start: Callable[[], str]
) -> Overlaid:
    birth = replace(birth, history=_history_of_additions(order, event))
    procedures, touched = list(order.procedures), set[int]()
    newer, new = False, []
    for details, index in zip(
        event.procedures, paired(order.procedures, event.procedures), strict=True
    ):
        if index is None:
            if _can_be_added(details, event, order):
                new.append(details)
            continue
        if not is_older(event.occurred_at, procedures[index].occurred_at):
            newer = True
            said = derived_for(procedures[index], details, order, birth, index + 1)
            procedures[index] = _overlaid(tx, procedures[index], said, birth)
        touched.update(step.pk for step in procedures[index].steps)
    added = add_procedures(tx, order, new, birth, start, _numbered(tx, order)) if new else ()
    touched.update(step.pk for procedure in added for step in procedure.steps)
    order = replace(order, procedures=(*procedures, *added))
    return Overlaid(order, frozenset(touched), newer or bool(new))


def derived_for(
    held: Procedure, said: ProcedureDetails, order: Order, birth: Birth, position: int
) -> ProcedureDetails:
    """What a message says of a procedure that is held for want of a Study Instance UID.

    The number it follows from may have come with this message.
    """
    if birth.mode is Mode.HIS_ONLY or held.study_instance_uid:
        return said
    named = replace(said, rp_id=held.rp_id or said.rp_id)
    found = derived(named, order.numbers, birth.missing_uid, position)
    have_ids = any(step.sps_id for step in held.steps)
    return replace(found, steps=said.steps) if have_ids else found


def _can_be_added(details: ProcedureDetails, event: OrderReceived, order: Order) -> bool:
    """An older message adds only what surely is another procedure: codes may be changed since."""
    named = bool(details.study_instance_uid or details.rp_id)
    return named or not is_older(event.occurred_at, order.occurred_at)


def add_procedures(
    tx: Transaction,
    order: Order,
    said: Sequence[ProcedureDetails],
    birth: Birth,
    start: Callable[[], str],
    taken: int,
) -> tuple[Procedure, ...]:
    """Create procedures with their steps, completed by what the site and its filler give.

    `taken` procedures of the accession number are numbered already.
    """
    complete = completed(said, order, birth.mode, start, taken, birth.missing_uid)
    return tuple(
        _add_procedure(tx, order, details, birth, said[place].steps if said else ())
        for place, details in enumerate(complete)
    )


def _add_procedure(
    tx: Transaction,
    order: Order,
    details: ProcedureDetails,
    birth: Birth,
    said: Sequence[StepDetails],
) -> Procedure:
    procedure = tx.orders.add_procedure(order.pk, details, birth.at)
    steps = tuple(
        _add_step(tx, procedure.pk, each, birth, place < len(said) and bool(said[place].start_date))
        for place, each in enumerate(details.steps)
    )
    return replace(procedure, steps=steps)


def _add_step(
    tx: Transaction, procedure_pk: int, details: StepDetails, birth: Birth, has_start: bool
) -> Step:
    """A start that the site filled in gives way to any that a message tells, however old."""
    scheduled_at = birth.at if has_start else ""
    return tx.orders.add_step(procedure_pk, details, birth.status, birth.history, scheduled_at)


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

    Raises UnknownKey when it names a procedure or steps that an order of several does not have.
    """
    found: set[int] = set()
    for details, index in zip(
        event.procedures, paired(order.procedures, event.procedures), strict=True
    ):
        if index is not None:
            found.update(step.pk for step in _named_of(order.procedures[index], details, event))
        elif len(order.procedures) > 1 and is_named(details):
            raise UnknownKey("the order has no such procedure", location=event.location)
        else:
            return None
    return frozenset(found) or None


def _named_of(held: Procedure, said: ProcedureDetails, event: OrderReceived) -> Sequence[Step]:
    """The steps of a procedure whose IDs are listed; all of them when none is listed."""
    listed = {step.sps_id for step in said.steps if step.sps_id}
    found = [step for step in held.steps if step.sps_id in listed]
    if listed and not found and len(held.steps) > 1:
        raise UnknownKey("the procedure has no such step", location=event.location)
    return found or held.steps


def joined(held: OrderNumbers, said: OrderNumbers) -> OrderNumbers:
    """An order keeps the numbers it has and takes those it lacked."""

    def first(ours: Identifier | None, theirs: Identifier | None) -> Identifier | None:
        return ours or theirs

    return OrderNumbers(
        accession=first(held.accession, said.accession),
        placer=first(held.placer, said.placer),
        filler=first(held.filler, said.filler),
    )


def _refuse_other_study_uid(order: Order, event: OrderReceived) -> None:
    """A Study Instance UID, once given, never changes: modalities may have it (RAD-13).

    Taken for a further procedure, the worklist would show one examination twice.
    """
    alone = len(order.procedures) == len(event.procedures) == 1
    for held in order.procedures:
        for said in event.procedures:
            named = said.rp_id == held.rp_id if said.rp_id else alone and same_procedure(held, said)
            ours, theirs = held.study_instance_uid, said.study_instance_uid
            if named and ours and theirs and ours != theirs:
                raise DuplicateKey(
                    "the requested procedure has another Study Instance UID, which never changes",
                    location=event.location,
                )


def _history_of_additions(order: Order, event: OrderReceived) -> History:
    """What is added to a cancelled order is cancelled too, unless the message is surely newer.

    So a cancel that overtook its order is never undone by it, however little the cancel named.
    """
    steps = steps_of(order)
    ended = bool(steps) and all(step.status is StepStatus.CANCELED for step in steps)
    cancelled = max((cancelled_at(step.history) for step in steps), default="")
    newer = cancelled != "" and event.occurred_at > cancelled
    if ended and not newer:
        return history_of(StepStatus.CANCELED, cancelled)
    return wanted_at(event.occurred_at)


def _overlaid(
    tx: Transaction, held: Procedure, details: ProcedureDetails, birth: Birth
) -> Procedure:
    procedure = replace(
        held,
        rp_id=held.rp_id or details.rp_id,
        study_instance_uid=held.study_instance_uid or details.study_instance_uid,
        code=details.code or held.code,
        attributes=merged(held.attributes, details.attributes),
        steps=_overlaid_steps(tx, held, details.steps, birth),
        occurred_at=birth.at or held.occurred_at,
    )
    tx.orders.change_procedure(procedure)
    return procedure


def _overlaid_steps(
    tx: Transaction, held: Procedure, said: tuple[StepDetails, ...], birth: Birth
) -> tuple[Step, ...]:
    if not said:
        steps = tuple(_wanted(step, birth.at) for step in held.steps)
        for step in steps if birth.at else ():
            tx.orders.change_step(step)
        return steps
    pairs = paired_steps(held.steps, said)
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
            changed[match.pk] = _overlaid_step(match, details, birth.at)
            tx.orders.change_step(changed[match.pk])
    new = tuple(details for details, match in zip(said, pairs, strict=True) if match is None)
    has_start = [bool(details.start_date) for details in new]
    if birth.mode is Mode.HIS_ONLY:
        new = with_step_ids(new, [step.sps_id for step in held.steps])
    added = (
        _add_step(tx, held.pk, each, birth, known)
        for each, known in zip(new, has_start, strict=True)
    )
    return (*(changed.get(step.pk, step) for step in stay), *added)


def _overlaid_step(held: Step, said: StepDetails, at: str) -> Step:
    """A step that has begun keeps its schedule; its texts still follow the order."""
    held = replace(
        _wanted(held, at),
        sps_id=held.sps_id or said.sps_id,
        attributes=merged(held.attributes, said.attributes),
    )
    if held.status is StepStatus.STARTED or held.status in FINAL:
        return held
    held = replace(
        held,
        modality=said.modality or held.modality,
        protocol_codes=said.protocol_codes or held.protocol_codes,
    )
    return held if is_older(at, held.scheduled_at) else rescheduled(held, said, at)


def _wanted(step: Step, at: str) -> Step:
    """A step that a snapshot of this time has: what is older does not take it off any more."""
    if not at:
        return step
    return replace(step, history=recorded(step.history, at, StepEvent.SCHEDULE) or step.history)


def rescheduled(held: Step, said: StepDetails, at: str) -> Step:
    """A step with the time and the stations that are said; one that waited for a time has it."""
    step = replace(
        held,
        station_ae_titles=said.station_ae_titles or held.station_ae_titles,
        start_date=said.start_date or held.start_date,
        start_time=said.start_time if said.start_date else held.start_time,
        scheduled_at=at or held.scheduled_at if said.start_date else held.scheduled_at,
    )
    if not said.start_date or not is_unscheduled(step.history):
        return step
    history = recorded(step.history, at, StepEvent.RELEASE) or step.history
    return replace(step, history=history, status=status_of(history))
