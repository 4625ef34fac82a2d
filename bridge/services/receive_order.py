"""Apply one order event: create, update, cancel or re-state an order and its steps."""

from __future__ import annotations

from dataclasses import replace

from bridge.domain.errors import (
    BridgeError,
    DuplicateKey,
    RequiredFieldMissing,
    TableValueNotFound,
    UnsupportedEvent,
)
from bridge.domain.identifiers import Authority
from bridge.domain.journal import Disposition
from bridge.domain.order import Category, Order, OrderNumbers, OrderReceived
from bridge.domain.order_control import Action, OrderControlRule, OrderControlTable, Unknown
from bridge.domain.patient import Patient, merged
from bridge.domain.scheduling import held_reason
from bridge.domain.sender_options import MissingStudyUid
from bridge.domain.step_history import can_be_ordered_again, history_of, is_late, wanted_at
from bridge.domain.step_status import StepEvent, StepStatus, after
from bridge.services.change_patient import ChangePatient
from bridge.services.complete_order import Mode, with_minted_accession
from bridge.services.find_order import find_order, find_order_by_value, find_order_of_patient
from bridge.services.move_steps import move_steps, steps_of
from bridge.services.origin import Origin
from bridge.services.overlay_order import (
    Birth,
    add_procedures,
    joined,
    named_steps,
    overlay,
)
from bridge.services.pair_procedures import names_only_held, paired
from bridge.services.parking import park
from bridge.services.performed_orders import catch_up
from bridge.services.placeholders import without_placeholders
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.reconcile import Reconcile
from bridge.services.step_events import BEGUN_AND_CANCELLED, step_event
from bridge.services.transaction import Transaction
from bridge.services.visit_orders import in_visit, placed_in_visit, under_todays_numbers

_CHANGES_DATA = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE})
_REFUSALS: dict[str, type[BridgeError]] = {
    "101": RequiredFieldMissing,
    "103": TableValueNotFound,
    "201": UnsupportedEvent,
    "205": DuplicateKey,
}


class ReceiveOrder:
    """Applies order events by the order-control table."""

    def __init__(
        self,
        *,
        control: OrderControlTable,
        patients: ChangePatient,
        worklist: ProjectWorklist,
        reconcile: Reconcile,
        site: Authority,
    ) -> None:
        self._control = control
        self._patients = patients
        self._worklist = worklist
        self._reconcile = reconcile
        self._site = site

    def apply(self, tx: Transaction, event: OrderReceived, origin: Origin) -> Disposition:
        """Apply one event. Raises a BridgeError that names its place in the message."""
        rule = (origin.control or self._control).rule(event.control, event.status)
        if event.category is not Category.IMAGING:
            return self._apply_to_known(tx, event, rule, origin)
        if rule.action is Action.REFUSE:
            raise _refusal(rule, event)
        if rule.action is Action.NOTE:
            return Disposition.NOTED
        order, neighbours = find_order(tx, event.numbers, f"{event.location}^2")
        if order is None and rule.action is not Action.CREATE:
            order = find_order_by_value(tx, event.numbers, event.patient)
        if order is not None:
            return self._change(tx, event, rule, order, origin)
        if self._waits(event, rule, origin):
            return park(tx, event, origin, f"{event.location}^2", rule)
        return self._create(tx, event, rule, origin, neighbours)

    def _apply_to_known(
        self, tx: Transaction, event: OrderReceived, rule: OrderControlRule, origin: Origin
    ) -> Disposition:
        """What shows no sign of imaging is about an imaging order when it names one by number.

        A new order is what it says it is, whatever number it has.
        """
        if rule.action in (Action.REFUSE, Action.NOTE, Action.CREATE):
            return Disposition.NOTED
        order = find_order_of_patient(tx, event.numbers, event.patient)
        if order is None or not names_only_held(order.procedures, event.procedures):
            return Disposition.NOTED
        return self._change(tx, event, rule, order, origin)

    def _waits(self, event: OrderReceived, rule: OrderControlRule, origin: Origin) -> bool:
        """Whether an event for an order that is not known waits for it instead of creating it."""
        if rule.unknown is not Unknown.CREATE:
            return True
        nameless = rule.action is not Action.CREATE and not event.patient.identifiers
        changes = rule.action is Action.UPDATE and not origin.options.xo_creates
        return nameless or changes

    def _patient(
        self, tx: Transaction, event: OrderReceived, order: Order | None, origin: Origin
    ) -> Patient:
        """The patient of an event; one that names nobody is about the patient of its order."""
        if order is not None and not event.patient.identifiers:
            return tx.patients.get(order.patient_pk)
        patient, _ = self._patients.resolve(
            tx,
            event.patient,
            event.occurred_at,
            origin.received_at,
            warnings=origin.warnings,
        )
        if order is not None and order.patient_pk != patient.pk:
            raise DuplicateKey(
                "the order belongs to another patient", location=f"{event.location}^2"
            )
        return patient

    def _create(
        self,
        tx: Transaction,
        event: OrderReceived,
        rule: OrderControlRule,
        origin: Origin,
        neighbours: tuple[Order, ...],
    ) -> Disposition:
        patient = self._patient(tx, event, None, origin)
        _refuse_foreign_accession(event, neighbours, patient)
        _refuse_foreign_study(tx, event, patient)
        if not event.numbers:
            raise RequiredFieldMissing("the order has no number", location=f"{event.location}^2")
        history = history_of(after(StepStatus.SCHEDULED, rule.event), event.occurred_at)
        if rule.action in _CHANGES_DATA:
            history = (*wanted_at(event.occurred_at), *history)
        else:  # what it says gives way to any order that comes
            event = replace(event, occurred_at="")
        event = placed_in_visit(tx, event, patient)
        order = self._new_order(tx, event, patient, origin)
        birth = Birth(
            origin.mode,
            event.occurred_at,
            history,
            origin.options.missing_study_uid,
        )
        if origin.mode is Mode.RIS and rule.action in _CHANGES_DATA:
            _refuse_without_study(event, origin)
        taken = sum(len(each.procedures) for each in neighbours)
        procedures = add_procedures(tx, order, event.procedures, birth, origin.default_start, taken)
        order = replace(order, procedures=procedures)
        if rule.action not in _CHANGES_DATA:  # no number of ours stands against the order's own
            order = replace(order, numbers=event.numbers)
        order = replace(order, held_reason=held_reason(patient, order))
        if order.numbers is not event.numbers or order.held_reason or order.replaces:
            tx.orders.change(order, origin.received_at)
        order = catch_up(tx, order, patient)
        self._worklist.project(tx, order, patient, new=True)
        self._reconcile.waiting(tx, [order], patient, origin.received_at)
        return Disposition.APPLIED

    def _new_order(
        self, tx: Transaction, event: OrderReceived, patient: Patient, origin: Origin
    ) -> Order:
        pk = tx.orders.add(event, patient.pk, origin.source, origin.received_at)
        return Order(
            pk=pk,
            patient_pk=patient.pk,
            numbers=self._completed_numbers(event.numbers, pk, origin),
            attributes=merged({}, event.attributes),
            procedures=(),
            source=origin.source,
            occurred_at=event.occurred_at,
            replaces=_replaced(tx, event),
            visit=event.visit,
            named_as=next(iter(event.patient.identifiers), None),
        )

    def _completed_numbers(self, numbers: OrderNumbers, pk: int, origin: Origin) -> OrderNumbers:
        if origin.mode is Mode.HIS_ONLY:
            return with_minted_accession(numbers, pk, self._site)
        return numbers

    def _change(
        self,
        tx: Transaction,
        event: OrderReceived,
        rule: OrderControlRule,
        order: Order,
        origin: Origin,
    ) -> Disposition:
        patient = self._patient(tx, event, order, origin)
        if rule.action in _CHANGES_DATA:
            event = under_todays_numbers(tx, event, patient)
            _refuse_foreign_study(tx, event, patient)
            changed, touched, newer = self._overlay(tx, event, rule, order, origin)
        else:
            changed, touched, newer = order, named_steps(event, order), False
        happens = step_event(changed, touched, rule, event, origin)
        moved = move_steps(tx, changed, touched, happens, event.occurred_at)
        if not newer and _is_stale(changed, moved, touched, happens, event.occurred_at):
            return Disposition.STALE
        changed = catch_up(tx, moved, patient)
        flag = BEGUN_AND_CANCELLED if happens is StepEvent.WITHDRAW else changed.flag
        changed = replace(changed, held_reason=held_reason(patient, changed), flag=flag)
        tx.orders.change(changed, origin.received_at)
        self._worklist.project(tx, changed, patient)
        self._reconcile.changed(tx, [changed], patient, origin.received_at)
        return Disposition.APPLIED

    def _overlay(
        self,
        tx: Transaction,
        event: OrderReceived,
        rule: OrderControlRule,
        order: Order,
        origin: Origin,
    ) -> tuple[Order, frozenset[int] | None, bool]:
        """The order with what the message says, its steps, and whether it said anything newer."""
        known = without_placeholders(order, event, self._site)
        numbers = joined(known.numbers, event.numbers)
        held = replace(known, numbers=self._completed_numbers(numbers, order.pk, origin))
        if rule.action is Action.CREATE:
            held = _ordered_again(tx, event, held)
            held = replace(held, replaces=held.replaces or _replaced(tx, event, held.pk))
        birth = Birth(origin.mode, event.occurred_at, missing_uid=origin.options.missing_study_uid)
        laid = overlay(tx, event, held, birth, origin.default_start)
        if laid.is_newer:
            laid = replace(laid, order=in_visit(laid.order, event.visit))
        again = held.procedures != known.procedures
        if rule.action is Action.CREATE and not origin.options.nw_is_upsert and not again:
            _refuse_other_content(held, laid.order, event)
        ends = rule.event is StepEvent.CANCEL
        if not ends and laid.is_newer and _is_cancelled(laid.order):
            origin.warn(
                f"{event.location}^1", "the order is cancelled and stays so; order it anew (NW)"
            )
        return laid.order, laid.steps, laid.is_newer or again or numbers != order.numbers


def _refusal(rule: OrderControlRule, event: OrderReceived) -> BridgeError:
    kind = _REFUSALS.get(rule.code, TableValueNotFound)
    return kind(rule.reason, location=f"{event.location}^{rule.field}")


def _ordered_again(tx: Transaction, event: OrderReceived, order: Order) -> Order:
    """Steps that an older message cancelled are wanted again (decision 0015).

    So are those that the same message replaces by themselves (RP, then RO of the same numbers).
    """
    named = paired(order.procedures, event.procedures)
    procedures = [order.procedures[index] for index in named if index is not None]
    itself = any(_shares_number(order.numbers, each) for each in event.replaces)
    wanted = [
        step.pk
        for procedure in (procedures if event.procedures else order.procedures)
        for step in procedure.steps
        if itself or can_be_ordered_again(step.history, event.occurred_at)
    ]
    return move_steps(tx, order, wanted, StepEvent.REORDER, event.occurred_at)


def _shares_number(held: OrderNumbers, said: OrderNumbers) -> bool:
    """Whether any number of an order is among these."""
    pairs = (
        (held.filler, said.filler),
        (held.placer, said.placer),
        (held.accession, said.accession),
    )
    return any(ours and theirs and ours.agrees_with(theirs) for ours, theirs in pairs)


def _replaced(tx: Transaction, event: OrderReceived, own: int = 0) -> tuple[int, ...]:
    """The orders that this one takes the place of (RP or RU before RO)."""
    found = (order.pk for numbers in event.replaces for order in tx.orders.with_numbers(numbers))
    return tuple(dict.fromkeys(pk for pk in found if pk != own))


def _refuse_other_content(before: Order, laid: Order, event: OrderReceived) -> None:
    """A sender whose new orders are new: the same one again is known, another one is an error."""

    def content(order: Order) -> object:
        return (
            order.attributes,
            [
                replace(
                    procedure,
                    occurred_at="",
                    steps=tuple(replace(s, scheduled_at="", history=()) for s in procedure.steps),
                )
                for procedure in order.procedures
            ],
        )

    if content(before) != content(laid):
        raise DuplicateKey(
            "an order of this number exists with other content", location=f"{event.location}^2"
        )


def _is_cancelled(order: Order) -> bool:
    steps = steps_of(order)
    return bool(steps) and all(step.status is StepStatus.CANCELED for step in steps)


def _is_stale(
    order: Order,
    moved: Order,
    touched: frozenset[int] | None,
    step_event: StepEvent,
    at: str,
) -> bool:
    """Whether a message without newer data is older than all that is held, and moved nothing."""
    if step_event is StepEvent.SCHEDULE:
        return True
    steps = steps_of(order, touched)
    late = bool(steps) and all(is_late(step.history, at) for step in steps)
    return late and [s.status for s in steps] == [s.status for s in steps_of(moved, touched)]


def _refuse_without_study(event: OrderReceived, origin: Origin) -> None:
    """A RIS whose orders all have a Study Instance UID: one without is a mistake (101)."""
    missing = any(not each.study_instance_uid for each in event.procedures) or not event.procedures
    if missing and origin.options.missing_study_uid is MissingStudyUid.REJECT:
        steps = event.sources.get("ScheduledProcedureStepID", "")
        place = "IPC^1^3" if steps.startswith("IPC") else "ZDS^1^1"
        raise RequiredFieldMissing("the order has no Study Instance UID", location=place)


def _refuse_foreign_study(tx: Transaction, event: OrderReceived, patient: Patient) -> None:
    """Orders done as one study may share its UID, patients may not (STANDARDS 2.8: 205)."""
    for uid in {p.study_instance_uid for p in event.procedures if p.study_instance_uid}:
        if tx.orders.owners_of_study(uid) - {patient.pk}:
            raise DuplicateKey(
                "the Study Instance UID belongs to another patient", location=event.location
            )


def _refuse_foreign_accession(
    event: OrderReceived, neighbours: tuple[Order, ...], patient: Patient
) -> None:
    """Orders may share an accession number, patients may not (STANDARDS 10.1: 205)."""
    if any(neighbour.patient_pk != patient.pk for neighbour in neighbours):
        raise DuplicateKey(
            "the accession number belongs to an order of another patient",
            location=f"{event.location}^2",
        )
