"""Patients: found or created, updated and merged, with the worklist and the EHR kept in step."""

from __future__ import annotations

from dataclasses import replace

from bridge.domain.errors import DuplicateKey, RequiredFieldMissing
from bridge.domain.identifiers import Identifier
from bridge.domain.journal import Disposition
from bridge.domain.patient import Patient, PatientDetails, merged
from bridge.domain.patient_events import PatientsMerged, PatientUpdated
from bridge.domain.scheduling import held_reason
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
        in_passing: bool = False,
    ) -> tuple[Patient, bool]:
        """The patient a message is about, created or brought up to date.

        Returns the patient and whether it is new. An identifier of a merged record leads to the
        survivor. An older message (`occurred_at`) adds identifiers but changes no attribute. One
        about something else (`in_passing`) that knows the patient by retired identifiers only adds
        attributes and changes none: its sender has not heard of the merge.
        """
        if not details.identifiers:
            raise RequiredFieldMissing("the patient has no identifier", location="PID^1^3")
        patient = self._find(tx, details)
        if patient is None:
            return tx.patients.add(details, occurred_at), True
        new_identifiers = tuple(
            each for each in details.identifiers if tx.patients.find(each) is None
        )
        if new_identifiers:
            tx.patients.add_identifiers(patient.pk, new_identifiers)
            patient = tx.patients.get(patient.pk)
        attributes = merged(patient.attributes, details.attributes)
        if in_passing and not _names_itself(patient, details):
            attributes = merged(details.attributes, patient.attributes)
        newest = tx.patients.occurred_at(patient.pk)
        older = bool(occurred_at and newest and occurred_at < newest)
        changed = attributes != dict(patient.attributes) and not older
        if changed:
            tx.patients.change(patient.pk, attributes, occurred_at or newest)
            patient = replace(patient, attributes=attributes)
        if changed or new_identifiers:
            self._follow(tx, patient, now)
        return patient, False

    def update(self, tx: Transaction, event: PatientUpdated, origin: Origin) -> Disposition:
        """ADT^A08 and its kin: create or update."""
        self.resolve(tx, event.patient, event.occurred_at, origin.received_at)
        return Disposition.APPLIED

    def merge(self, tx: Transaction, event: PatientsMerged, origin: Origin) -> Disposition:
        """ADT^A40: everything of the retired record belongs to the survivor from now on.

        A retired identifier nobody knows becomes an alias at once: merges often precede the first
        order. Raises DuplicateKey when survivor and retired are one identifier.
        """
        retired = tuple(event.retired)
        if not retired:
            raise RequiredFieldMissing("no prior patient identifier", location=event.location)
        if any(each.agrees_with(mine) for each in retired for mine in event.survivor.identifiers):
            raise DuplicateKey("a patient cannot be merged into itself", location=event.location)
        survivor, _ = self.resolve(tx, event.survivor, event.occurred_at, origin.received_at)
        for identifier in retired:
            self._retire(tx, identifier, tx.patients.get(survivor.pk), event.location)
        self._follow(tx, tx.patients.get(survivor.pk), origin.received_at)
        return Disposition.APPLIED

    def _retire(
        self, tx: Transaction, identifier: Identifier, survivor: Patient, location: str
    ) -> None:
        retired = tx.patients.find(identifier)
        if retired is None:
            tx.patients.add_identifiers(survivor.pk, (identifier,), alias=True)
        elif retired.pk != survivor.pk:
            self._absorb(tx, retired, survivor)
        elif len(survivor.identifiers) > 1:
            tx.patients.retire_identifier(survivor.pk, identifier)
        elif identifier.key == survivor.patient_id.key:
            raise DuplicateKey("the prior identifier is the survivor's own", location=location)

    def _absorb(self, tx: Transaction, retired: Patient, survivor: Patient) -> None:
        """Join two records of one person: what the survivor's does not tell the other may."""
        tx.patients.merge(retired.pk, survivor.pk)
        attributes = merged(retired.attributes, survivor.attributes)
        if attributes != dict(survivor.attributes):
            newest = tx.patients.occurred_at(survivor.pk)
            tx.patients.change(survivor.pk, attributes, newest)

    def _find(self, tx: Transaction, details: PatientDetails) -> Patient | None:
        for identifier in details.identifiers:
            if (patient := tx.patients.find(identifier)) is not None:
                return patient
        return None

    def _follow(self, tx: Transaction, patient: Patient, now: float) -> None:
        """Bring every order, waiting study and published study of the patient up to date."""
        orders = [catch_up(tx, order, patient) for order in tx.orders.of_patient(patient.pk)]
        for order in orders:
            reason = held_reason(patient, order)
            if reason != order.held_reason:
                tx.orders.change(replace(order, held_reason=reason), now)
            self._worklist.project(tx, order, patient)
        self._reconcile.changed(tx, orders, patient, now)


def _names_itself(patient: Patient, details: PatientDetails) -> bool:
    own = {each.key for each in patient.identifiers}
    return any(each.key in own for each in details.identifiers)
