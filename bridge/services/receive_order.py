"""Apply one order event: create, update, cancel or re-state an order and its steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bridge.domain.errors import DuplicateKey, TableValueNotFound, UnknownKey
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.journal import Disposition
from bridge.domain.order import (
    Category,
    Order,
    OrderNumbers,
    OrderReceived,
    Procedure,
    ProcedureDetails,
    Step,
    StepDetails,
)
from bridge.domain.order_control import Action, OrderControlRule, OrderControlTable
from bridge.domain.patient import Patient, merged
from bridge.domain.scheduling import held_reason
from bridge.domain.step_status import FINAL, StepStatus, after
from bridge.services.change_patient import ChangePatient
from bridge.services.complete_order import Mode, completed, with_minted_accession
from bridge.services.move_steps import move_steps
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.reconcile import Reconcile
from bridge.services.transaction import Transaction

_CHANGES_DATA = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an order event came from: the sending application, its mode, when it arrived.

    `default_start` (`YYYYMMDDHHMMSS`, site time) is for steps without a start; empty holds them.
    """

    source: str
    mode: Mode
    received_at: float
    default_start: str


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
        if event.category is not Category.IMAGING:
            return Disposition.NOTED
        rule = self._control.rule(event.control, event.status)
        if rule.action is Action.REFUSE:
            raise TableValueNotFound(rule.reason, location=f"{event.location}^1")
        if rule.action is Action.NOTE:
            return Disposition.NOTED
        order = self._find(tx, event)
        if order is not None and _is_older(event, order):
            return Disposition.STALE
        if order is None and rule.action is Action.STATUS:
            raise UnknownKey("no such order", location=f"{event.location}^2")
        patient = self._patient(tx, event, order, origin.received_at)
        if order is None:
            return self._create(tx, event, rule, patient, origin)
        return self._change(tx, event, rule, order, patient, origin)

    def _find(self, tx: Transaction, event: OrderReceived) -> Order | None:
        """By filler order number, else placer order number, else accession number.

        Numbers that lead to different orders are a conflict, never a guess.
        """
        found = [o for o in tx.orders.with_numbers(event.numbers) if _may_be(o.numbers, event)]
        if len(found) > 1:
            raise DuplicateKey(
                "the order numbers of the message belong to different orders",
                location=f"{event.location}^2",
            )
        return found[0] if found else None

    def _patient(
        self, tx: Transaction, event: OrderReceived, order: Order | None, now: float
    ) -> Patient:
        """The patient of an event; one that names nobody is about the patient of its order."""
        if order is not None and not event.patient.identifiers:
            return tx.patients.get(order.patient_pk)
        patient, _ = self._patients.resolve(tx, event.patient, event.occurred_at, now)
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
        patient: Patient,
        origin: Origin,
    ) -> Disposition:
        self._own_study_uids(tx, event, None)
        pk = tx.orders.add(event, patient.pk, origin.source, origin.received_at)
        numbers = event.numbers
        if origin.mode is Mode.HIS_ONLY:
            numbers = with_minted_accession(numbers, pk, self._site)
        order = Order(
            pk=pk,
            patient_pk=patient.pk,
            numbers=numbers,
            attributes=merged({}, event.attributes),
            procedures=(),
            source=origin.source,
            occurred_at=event.occurred_at,
        )
        details = completed(event.procedures, order, origin.mode, origin.default_start)
        status = after(StepStatus.SCHEDULED, rule.event)
        procedures = tuple(self._add_procedure(tx, order, each, status) for each in details)
        order = replace(order, procedures=procedures)
        order = replace(order, held_reason=held_reason(patient, order))
        if numbers is not event.numbers or order.held_reason:
            tx.orders.change(order, origin.received_at)
        self._worklist.project(tx, order, patient, new=True)
        self._reconcile.waiting(tx, order, patient, origin.received_at)
        return Disposition.APPLIED

    def _change(
        self,
        tx: Transaction,
        event: OrderReceived,
        rule: OrderControlRule,
        order: Order,
        patient: Patient,
        origin: Origin,
    ) -> Disposition:
        touched: frozenset[int] | None
        if rule.action in _CHANGES_DATA:
            self._own_study_uids(tx, event, order)
            order, touched = self._overlay(tx, event, order, origin)
        else:
            touched = _named(event, order)
        order = move_steps(tx, order, touched, rule.event)
        occurred_at = event.occurred_at or order.occurred_at
        order = replace(order, occurred_at=occurred_at, held_reason=held_reason(patient, order))
        tx.orders.change(order, origin.received_at)
        self._worklist.project(tx, order, patient)
        self._reconcile.waiting(tx, order, patient, origin.received_at)
        self._reconcile.published(tx, [order], origin.received_at)
        return Disposition.APPLIED

    def _own_study_uids(self, tx: Transaction, event: OrderReceived, order: Order | None) -> None:
        """A Study Instance UID is one requested procedure's for good (STANDARDS 2.8: 205)."""
        for uid in {p.study_instance_uid for p in event.procedures if p.study_instance_uid}:
            owner = tx.orders.owner_of_study(uid)
            if owner is not None and (order is None or owner != order.pk):
                raise DuplicateKey(
                    "the Study Instance UID belongs to another order", location=event.location
                )

    def _overlay(
        self, tx: Transaction, event: OrderReceived, order: Order, origin: Origin
    ) -> tuple[Order, frozenset[int] | None]:
        """Lay a snapshot over what is held: what it says wins, what it leaves out stays.

        Steps of a procedure the snapshot describes, which it no longer lists, are removed unless
        they were performed. Returns the order and the steps the event is about.
        """
        order = replace(
            order,
            numbers=_joined(order.numbers, event.numbers),
            attributes=merged(order.attributes, event.attributes),
        )
        procedures = list(order.procedures)
        touched: set[int] = set()
        for details in event.procedures:
            index = _same_procedure(procedures, details, event.procedures)
            if index is None:
                continue
            procedures[index] = self._overlay_procedure(tx, procedures[index], details)
            touched.update(step.pk for step in procedures[index].steps)
        unmatched = tuple(
            d
            for d in event.procedures
            if _same_procedure(order.procedures, d, event.procedures) is None
        )
        order = replace(order, procedures=tuple(procedures))
        for details in completed(unmatched, order, origin.mode, origin.default_start):
            added = self._add_procedure(tx, order, details, StepStatus.SCHEDULED)
            procedures.append(added)
            touched.update(step.pk for step in added.steps)
        order = replace(order, procedures=tuple(procedures))
        return order, frozenset(touched) if event.procedures else None

    def _overlay_procedure(
        self, tx: Transaction, held: Procedure, details: ProcedureDetails
    ) -> Procedure:
        steps: list[Step] = []
        remaining = list(held.steps)
        for said in details.steps:
            match = next((s for s in remaining if s.sps_id == said.sps_id and said.sps_id), None)
            if match is None and not said.sps_id and remaining:
                match = remaining[0]
            if match is None:
                named = replace(
                    said, sps_id=said.sps_id or f"SPS{len(held.steps) + len(steps) + 1}"
                )
                steps.append(tx.orders.add_step(held.pk, named, StepStatus.SCHEDULED))
                continue
            remaining.remove(match)
            changed = _overlaid_step(match, said)
            tx.orders.change_step(changed)
            steps.append(changed)
        for step in remaining:
            if not details.steps or tx.orders.step_was_performed(step.pk):
                steps.append(step)
            else:
                tx.worklist.remove(step.pk)
                tx.orders.remove_step(step.pk)
        procedure = replace(
            held,
            rp_id=held.rp_id or details.rp_id,
            study_instance_uid=held.study_instance_uid or details.study_instance_uid,
            code=details.code or held.code,
            attributes=merged(held.attributes, details.attributes),
            steps=tuple(steps),
        )
        tx.orders.change_procedure(procedure)
        return procedure

    def _add_procedure(
        self, tx: Transaction, order: Order, details: ProcedureDetails, status: StepStatus
    ) -> Procedure:
        procedure = tx.orders.add_procedure(order.pk, details)
        steps = tuple(tx.orders.add_step(procedure.pk, each, status) for each in details.steps)
        return replace(procedure, steps=steps)


def _may_be(held: OrderNumbers, event: OrderReceived) -> bool:
    """Whether an order that shares a number can be the one meant.

    Several orders may share a placer order number; a filler order number or an accession number
    that differs says that it is another order.
    """
    said = event.numbers
    for ours, theirs in ((held.filler, said.filler), (held.accession, said.accession)):
        if ours and theirs and ours.key == theirs.key:
            return True
    return not any(
        ours and theirs and ours.key != theirs.key
        for ours, theirs in ((held.filler, said.filler), (held.accession, said.accession))
    )


def _joined(held: OrderNumbers, said: OrderNumbers) -> OrderNumbers:
    """An order keeps the numbers it has and takes those it lacked."""

    def first(ours: Identifier | None, theirs: Identifier | None) -> Identifier | None:
        return ours or theirs

    return OrderNumbers(
        accession=first(held.accession, said.accession),
        placer=first(held.placer, said.placer),
        filler=first(held.filler, said.filler),
    )


def _is_older(event: OrderReceived, order: Order) -> bool:
    return bool(event.occurred_at and order.occurred_at and event.occurred_at < order.occurred_at)


def _same_procedure(
    held: Iterable[Procedure], details: ProcedureDetails, said: tuple[ProcedureDetails, ...]
) -> int | None:
    """Index of the held procedure a snapshot describes: by UID, ID, code, else the only one."""
    procedures = list(held)
    for index, procedure in enumerate(procedures):
        if details.study_instance_uid and procedure.study_instance_uid:
            if details.study_instance_uid == procedure.study_instance_uid:
                return index
        elif details.rp_id and procedure.rp_id == details.rp_id:
            return index
    if details.study_instance_uid or details.rp_id:
        by_place = len(procedures) == 1 and len(said) == 1
        anonymous = by_place and not (
            (details.study_instance_uid and procedures[0].study_instance_uid)
            or (details.rp_id and procedures[0].rp_id)
        )
        return 0 if anonymous else None
    for index, procedure in enumerate(procedures):
        if details.code and procedure.code and details.code.value == procedure.code.value:
            return index
    return 0 if len(procedures) == 1 and len(said) == 1 else None


def _named(event: OrderReceived, order: Order) -> frozenset[int] | None:
    """The steps a cancel or status names; None when it names none, which means all of them."""
    if len(order.procedures) <= 1:
        return None
    found: set[int] = set()
    for details in event.procedures:
        index = _same_procedure(order.procedures, details, event.procedures)
        if index is None:
            return None
        found.update(step.pk for step in order.procedures[index].steps)
    return frozenset(found) or None


def _overlaid_step(held: Step, said: StepDetails) -> Step:
    """A step that has begun keeps its schedule; its texts still follow the order."""
    attributes = merged(held.attributes, said.attributes)
    if held.status is StepStatus.STARTED or held.status in FINAL:
        return replace(held, attributes=attributes)
    return replace(
        held,
        modality=said.modality or held.modality,
        station_ae_titles=said.station_ae_titles or held.station_ae_titles,
        start_date=said.start_date or held.start_date,
        start_time=said.start_time if said.start_date else held.start_time,
        protocol_codes=said.protocol_codes or held.protocol_codes,
        attributes=attributes,
    )
