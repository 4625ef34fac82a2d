"""Patients: found or created, updated and dropped, with the worklist and the EHR kept in step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bridge.domain.errors import RecordInUse, RequiredFieldMissing, UnknownKey
from bridge.domain.identifiers import Identifier
from bridge.domain.journal import Disposition
from bridge.domain.order import Order
from bridge.domain.patient import Patient, PatientDetails, former_demographics, merged
from bridge.domain.patient_events import PatientRemoved, PatientUpdated
from bridge.domain.scheduling import held_reason
from bridge.domain.step_status import FINAL
from bridge.domain.visit import Visit, VisitNumbers
from bridge.services.origin import Origin
from bridge.services.performed_orders import catch_up
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.reconcile import Reconcile
from bridge.services.transaction import Transaction


class ChangePatient:
    """Applies what messages say of patients."""

    def __init__(self, worklist: ProjectWorklist, reconcile: Reconcile) -> None:
        self._worklist = worklist
        self._reconcile = reconcile

    def resolve(
        self,
        tx: Transaction,
        details: PatientDetails,
        occurred_at: str,
        now: float,
        *,
        warnings: list[str] | None = None,
    ) -> tuple[Patient, bool]:
        """The patient a message is about, created or brought up to date.

        Returns the patient and whether it is new. An identifier of a merged record leads to the
        survivor. An older message (`occurred_at`) adds identifiers but changes no attribute. One
        that knows the patient by retired identifiers only adds attributes and changes none: its
        sender has not heard of the merge. Further identifiers that are another patient's merge
        nobody; `warnings` takes a word of both.
        """
        if not details.identifiers:
            raise RequiredFieldMissing("the patient has no identifier", location="PID^1^3")
        patient = find_patient(tx, details)
        if patient is None:
            return self._add(tx, details, occurred_at, warnings), True
        new_identifiers = self._identify(tx, patient, details, warnings)
        if new_identifiers:
            patient = tx.patients.get(patient.pk)
        attributes = merged(patient.attributes, details.attributes)
        former = former_demographics(patient.attributes, attributes)
        if not _names_itself(patient, details):
            added = merged(details.attributes, patient.attributes)
            if attributes != added and warnings is not None:
                warnings.append(
                    "PID^1^3: a retired identifier; what was known of the patient stays"
                )
            attributes = added
            former = former_demographics(details.attributes, added)
        newest = tx.patients.occurred_at(patient.pk)
        older = bool(occurred_at and newest and occurred_at < newest) and not patient.removed
        changed = attributes != dict(patient.attributes) and not older
        if older:
            former = former_demographics(details.attributes, patient.attributes)
        # Images made meanwhile carry what was said then, whichever of them comes first.
        remembered = bool(former) and tx.patients.remember(patient.pk, former)
        if changed or patient.removed:
            tx.patients.change(patient.pk, attributes, occurred_at or newest)
            patient = replace(patient, attributes=attributes, removed=False)
        if changed or new_identifiers or remembered:
            self.follow(tx, patient, now)
        return patient, False

    def update(self, tx: Transaction, event: PatientUpdated, origin: Origin) -> Disposition:
        """ADT^A08 and its kin: create or update."""
        patient, is_new = self.resolve(
            tx, event.patient, event.occurred_at, origin.received_at, warnings=origin.warnings
        )
        if is_new:  # images may have named somebody whom nobody knew
            self._reconcile.waiting(tx, (), patient, origin.received_at)
        return Disposition.APPLIED

    def remove(self, tx: Transaction, event: PatientRemoved, origin: Origin) -> Disposition:
        """ADT^A23 and A29: drop the visit or the record, unless something hangs on it.

        Raises RecordInUse for one with an order that is open or a study, UnknownKey for one that
        is not known.
        """
        patient = find_patient(tx, event.patient)
        if patient is None:
            raise UnknownKey("no such patient", location=event.location)
        visits = [v for v in tx.visits.of_patient(patient.pk) if v.is_called(event.visit)]
        orders = tx.orders.of_patient(patient.pk)
        if visits:
            orders = tuple(o for o in orders if _is_of_any(o, visits))
        elif event.visit and tx.visits.of_patient(patient.pk):
            raise UnknownKey("no such visit", location="PV1^1^19")
        if any(is_open(order) for order in orders):
            raise RecordInUse("an open order hangs on the record", location=event.location)
        if tx.studies.of_procedures([p.pk for order in orders for p in order.procedures]):
            raise RecordInUse("a study hangs on the record", location=event.location)
        for visit in visits or tx.visits.of_patient(patient.pk):
            tx.visits.remove(visit.pk)
        if not visits:
            if patient.removed:
                return Disposition.NOTED
            tx.patients.remove(patient.pk)
        return Disposition.APPLIED

    def follow(self, tx: Transaction, patient: Patient, now: float) -> None:
        """Bring every order, waiting study and published study of the patient up to date."""
        orders = self.show(tx, patient, tx.orders.of_patient(patient.pk), now)
        self._reconcile.changed(tx, orders, patient, now)

    def follow_split(self, tx: Transaction, patient: Patient, now: float) -> None:
        """The same, where the patient may no longer be whom its matched studies were taken for."""
        orders = self.show(tx, patient, tx.orders.of_patient(patient.pk), now)
        self._reconcile.changed(tx, orders, patient, now)

    def show(
        self, tx: Transaction, patient: Patient, orders: Iterable[Order], now: float
    ) -> list[Order]:
        """Bring orders of a patient and their worklist entries up to date."""
        shown = [catch_up(tx, order, patient) for order in orders]
        for index, order in enumerate(shown):
            reason = held_reason(patient, order)
            if reason != order.held_reason:
                shown[index] = replace(order, held_reason=reason)
                tx.orders.change(shown[index], now)
            self._worklist.project(tx, shown[index], patient)
        return shown

    def _add(
        self,
        tx: Transaction,
        details: PatientDetails,
        occurred_at: str,
        warnings: list[str] | None,
    ) -> Patient:
        patient = tx.patients.add(details, occurred_at)
        if details.aliases:
            self._identify(tx, patient, details, warnings)
            patient = tx.patients.get(patient.pk)
        return patient

    def _identify(
        self,
        tx: Transaction,
        patient: Patient,
        details: PatientDetails,
        warnings: list[str] | None,
    ) -> bool:
        """Give a patient the identifiers nobody has; returns whether there were any."""
        new: dict[bool, list[Identifier]] = {False: [], True: []}
        known = {each.key for each in (*patient.identifiers, *patient.aliases)}
        values = {each.value for each in details.identifiers}
        said = [(each, False) for each in details.identifiers]
        said += [(each, True) for each in details.aliases if each.value not in values]
        for identifier, is_alias in said:
            if identifier.key in known:
                continue
            known.add(identifier.key)
            owner = tx.patients.find(identifier)
            if owner is None or owner.pk == patient.pk:  # or by another name of its authority
                new[is_alias].append(identifier)
            elif warnings is not None:
                place = "PID^1^3" if not is_alias else "PID^1^2"
                warnings.append(f"{place}: a further identifier belongs to another patient")
        for is_alias, identifiers in new.items():
            if identifiers:
                tx.patients.add_identifiers(patient.pk, identifiers, alias=is_alias)
        return bool(new[False] or new[True])


def find_patient(tx: Transaction, details: PatientDetails) -> Patient | None:
    """Whom a message is about, by the first identifier that somebody has; locked.

    What came as PID-2 or PID-4 beside PID-3 once may come alone: then it is all there is.
    """
    for identifier in details.identifiers:
        if (patient := tx.patients.find(identifier)) is not None:
            return patient
    values = {each.value for each in details.identifiers}
    for alias in details.aliases:
        if alias.value in values and (patient := tx.patients.find(alias)) is not None:
            return patient
    return None


def is_open(order: Order) -> bool:
    """Whether something of an order is still to be done."""
    steps = [step for procedure in order.procedures for step in procedure.steps]
    return not steps or any(step.status not in FINAL for step in steps)


def _is_of_any(order: Order, visits: Iterable[Visit]) -> bool:
    return any(belongs(order.visit, visit) for visit in visits)


def belongs(numbers: VisitNumbers, visit: Visit) -> bool:
    """Whether an order with these visit numbers is of the visit; without any, of one without."""
    return visit.is_called(numbers) or not (numbers or visit.numbers)


def _names_itself(patient: Patient, details: PatientDetails) -> bool:
    """Whether a message names a patient by an identifier of today, or by the number of PID-2."""
    own = {each.key for each in patient.identifiers}
    if any(each.key in own for each in details.identifiers):
        return True
    external = {each.key for each in patient.aliases if not each.authority}
    return any(each.key in external for each in details.aliases)
