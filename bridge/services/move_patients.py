"""Identifiers, accounts and visits that belong to another patient, with all under them.

HL7 v2 ADT A43 to A48 (STANDARDS 3.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bridge.domain.errors import DuplicateKey, RequiredFieldMissing
from bridge.domain.identifiers import Identifier
from bridge.domain.journal import Disposition
from bridge.domain.order import Order
from bridge.domain.patient import Patient, PatientDetails
from bridge.domain.patient_events import IdentifierChanged, IdentifiersMoved
from bridge.domain.patient_merge import MergeNote
from bridge.domain.visit import Visit, VisitNumbers, VisitsMoved, VisitStatus
from bridge.services.change_patient import ChangePatient, belongs
from bridge.services.merge_patients import MergePatients
from bridge.services.origin import Origin
from bridge.services.transaction import Transaction
from bridge.services.visit_orders import renumbered


class MovePatients:
    """Gives what was recorded for one patient to another."""

    def __init__(self, patients: ChangePatient, merges: MergePatients) -> None:
        self._patients = patients
        self._merges = merges

    def move_identifiers(
        self, tx: Transaction, event: IdentifiersMoved, origin: Origin
    ) -> Disposition:
        """ADT^A43: identifiers, and the orders and studies recorded under them, are another's.

        The standard has PID-3 and MRG-1 alike and tells the patients apart by PID-2; most senders
        put whom they belong to into PID-3. Raises RequiredFieldMissing when no one else is named.
        """
        details = _without(event.patient, event.moved)
        if not details.identifiers:
            raise RequiredFieldMissing("nobody is named to move to", location="PID^1^3")
        target, _ = self._patients.resolve(
            tx, details, event.occurred_at, origin.received_at, warnings=origin.warnings
        )
        sources: dict[int, list[Identifier]] = {}
        for identifier in event.moved:
            owner = tx.patients.find(identifier)
            if owner is None:
                tx.patients.add_identifiers(target.pk, (identifier,))
            elif owner.pk != target.pk:
                sources.setdefault(owner.pk, []).append(identifier)
        for pk, identifiers in sources.items():
            self._move_from(tx, tx.patients.get(pk), target.pk, identifiers, event, origin)
        self._patients.follow(tx, tx.patients.get(target.pk), origin.received_at)
        return Disposition.APPLIED

    def _move_from(
        self,
        tx: Transaction,
        source: Patient,
        target_pk: int,
        moved: Sequence[Identifier],
        event: IdentifiersMoved,
        origin: Origin,
    ) -> None:
        note = MergeNote(origin.source, event.occurred_at, origin.received_at)
        merged = [each for each in moved if not _has(source.identifiers, each)]
        for identifier in merged:
            source = self._split_off(tx, source, identifier, target_pk, note, origin)
        current = [each for each in moved if _has(source.identifiers, each)]
        if not current:
            return
        if all(_has(current, each) for each in source.identifiers):
            self._merges.absorb(tx, source, tx.patients.get(target_pk), note)
            return
        self._move_orders_under(tx, source, target_pk, current, origin.received_at)
        tx.patients.move_identifiers(source.pk, target_pk, current)
        self._patients.follow_split(tx, tx.patients.get(source.pk), origin.received_at)

    def _split_off(
        self,
        tx: Transaction,
        source: Patient,
        identifier: Identifier,
        target_pk: int,
        note: MergeNote,
        origin: Origin,
    ) -> Patient:
        """An identifier that was merged into the wrong patient: undo that, then merge it right."""
        for merge in reversed(tx.merges.of_patient(source.pk)):
            wrong = merge.stands and _has(merge.identifiers, identifier)
            if wrong and merge.retired_pk != merge.survivor_pk:
                self._merges.unmerge(tx, merge, origin.received_at, origin.source)
                retired = tx.patients.get(merge.retired_pk)
                self._merges.absorb(tx, retired, tx.patients.get(target_pk), note)
                return tx.patients.get(source.pk)
        tx.patients.move_identifiers(source.pk, target_pk, (identifier,))
        return tx.patients.get(source.pk)

    def _move_orders_under(
        self,
        tx: Transaction,
        source: Patient,
        target_pk: int,
        identifiers: Sequence[Identifier],
        now: float,
    ) -> None:
        """Orders that named one of these; what names none was recorded under the Patient ID."""
        held = tx.orders.of_patient(source.pk)
        moved = [o for o in held if _has(identifiers, o.named_as or source.patient_id)]
        staying = [order for order in held if order not in moved]
        for visit in tx.visits.of_patient(source.pk):
            taken = any(belongs(order.visit, visit) for order in moved)
            if taken and not any(belongs(order.visit, visit) for order in staying):
                tx.visits.change(replace(visit, patient_pk=target_pk), now)
        give_orders(tx, moved, source, target_pk, now)

    def change_identifier(
        self, tx: Transaction, event: IdentifierChanged, origin: Origin
    ) -> Disposition:
        """ADT^A47, A46, A48: one patient, another identifier; the previous one stays an alias.

        Raises DuplicateKey when the new one is already somebody else's: that would be a merge,
        which nobody asked for.
        """
        pairs = [(each, _counterpart(each, event.patient)) for each in event.previous]
        changed = [(old, new) for old, new in pairs if not old.agrees_with(new)]
        if not changed:
            raise DuplicateKey("both identifiers are the same", location=event.location)
        for previous, current in changed:
            self._rename(tx, previous, current, event)
        patient, _ = self._patients.resolve(
            tx, event.patient, event.occurred_at, origin.received_at, warnings=origin.warnings
        )
        for previous, _ in changed:
            if tx.patients.find(previous) is None:
                tx.patients.add_identifiers(patient.pk, (previous,), alias=True)
        self._patients.follow(tx, tx.patients.get(patient.pk), origin.received_at)
        return Disposition.APPLIED

    def _rename(
        self, tx: Transaction, previous: Identifier, current: Identifier, event: IdentifierChanged
    ) -> None:
        owner, other = tx.patients.find(previous), tx.patients.find(current)
        if owner is None:
            return
        if other is not None and other.pk != owner.pk:
            raise DuplicateKey(
                "the new identifier belongs to another patient", location=event.location
            )
        if _has(owner.identifiers, previous):
            tx.patients.rename_identifier(owner.pk, previous, current)
        elif other is None:  # it was merged away: so is its new name
            tx.patients.add_identifiers(owner.pk, (current,), alias=True)

    def move_visits(self, tx: Transaction, event: VisitsMoved, origin: Origin) -> Disposition:
        """ADT^A44 moves an account, A45 a visit: its orders and nothing else of the patient.

        Raises DuplicateKey for an account that is to move to where it is.
        """
        now = origin.received_at
        found = [tx.patients.find(each) for each in event.previous]
        target, _ = self._patients.resolve(
            tx, event.patient, event.occurred_at, now, warnings=origin.warnings
        )
        source = next((each for each in found if each is not None), None)
        if source is None and not event.previous:
            source = target
        if source is not None and source.pk == target.pk and event.account:
            raise DuplicateKey("the account is the patient's own", location=event.location)
        visits, orders = _under(tx, source, event) if source else ([], [])
        if not visits and not orders:
            origin.warn(event.location, "nothing is known of what moves")
            new = _moved_visit(event, target.pk)
            if any(each.is_called(new.numbers) for each in tx.visits.of_patient(target.pk)):
                return Disposition.NOTED  # it moved before
            tx.visits.add(new, now)
            return Disposition.APPLIED
        for visit in visits:
            numbers = _numbers_after(visit.numbers, event)
            tx.visits.change(replace(visit, patient_pk=target.pk, numbers=numbers), now)
        orders = [renumbered(order, _numbers_after(order.visit, event)) for order in orders]
        if source is not None:
            give_orders(tx, orders, source, target.pk, now)
        self._patients.follow(tx, tx.patients.get(target.pk), now)
        return Disposition.APPLIED


def give_orders(
    tx: Transaction, orders: Iterable[Order], source: Patient, target_pk: int, now: float
) -> None:
    """Orders belong to another patient, and their images go with them.

    They carry the identifiers of the one they were made for, so the order remembers those.
    """
    for order in orders:
        if source.pk == target_pk:
            tx.orders.change(order, now)
            continue
        names = (*order.former_patient_ids, *source.identifiers, *source.aliases)
        former = tuple(dict.fromkeys(names))
        tx.orders.change(replace(order, patient_pk=target_pk, former_patient_ids=former), now)


def _under(tx: Transaction, source: Patient, event: VisitsMoved) -> tuple[list[Visit], list[Order]]:
    """The visits and orders of a patient that an account or a visit number stands for."""
    visits = [v for v in tx.visits.of_patient(source.pk) if _is_meant(v, event)]
    said = VisitNumbers(number=event.visit, account=event.account)
    orders = [
        order
        for order in tx.orders.of_patient(source.pk)
        if _is_named(order.visit, said) or any(belongs(order.visit, visit) for visit in visits)
    ]
    return visits, orders


def _is_meant(visit: Visit, event: VisitsMoved) -> bool:
    if _is_named(visit.numbers, VisitNumbers(number=event.visit, account=event.account)):
        return True
    meant = event.visit or event.account
    others = (*visit.former, *((visit.alternate,) if visit.alternate and event.visit else ()))
    return meant is not None and any(meant.agrees_with(each) for each in others)


def _is_named(numbers: VisitNumbers, said: VisitNumbers) -> bool:
    """Whether the account that moves, or else the visit, is this one's."""
    pairs = ((numbers.account, said.account), (numbers.number, said.number))
    return any(held.agrees_with(meant) for held, meant in pairs if held and meant)


def _numbers_after(numbers: VisitNumbers, event: VisitsMoved) -> VisitNumbers:
    number, account = numbers.number, event.numbers.account or numbers.account
    if event.visit:
        number = event.numbers.number or number
    return VisitNumbers(number=number, account=account)


def _moved_visit(event: VisitsMoved, patient_pk: int) -> Visit:
    numbers = VisitNumbers(number=event.visit, account=event.account)
    return Visit(
        pk=0,
        patient_pk=patient_pk,
        numbers=_numbers_after(numbers, event),
        status=VisitStatus.PLANNED,
        occurred_at="",
    )


def _without(patient: PatientDetails, moved: Sequence[Identifier]) -> PatientDetails:
    """Whom the identifiers move to: by what is not moved of PID-3, else by PID-2."""
    kept = tuple(each for each in patient.identifiers if not _has(moved, each))
    if kept:
        return replace(patient, identifiers=kept)
    others = tuple(each for each in patient.aliases if not _has(moved, each))
    return replace(patient, identifiers=others, aliases=())


def _counterpart(previous: Identifier, patient: PatientDetails) -> Identifier:
    """The new identifier for a previous one: of its authority and type, else the first."""
    same = [each for each in patient.identifiers if each.authority.key == previous.authority.key]
    typed = [each for each in same if each.type_code == previous.type_code]
    return (typed or same or list(patient.identifiers))[0]


def _has(identifiers: Iterable[Identifier], identifier: Identifier) -> bool:
    return any(identifier.agrees_with(each) for each in identifiers)
