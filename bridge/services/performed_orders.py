"""Which scheduled steps a performed step is about (PS3.4 Annex F), whichever of the two came first.

By Study Instance UID and step ID, else by accession number and procedure ID; and never those of
somebody else: a modality may have chosen the wrong worklist entry.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.domain.identifiers import Identifier
from bridge.domain.order import Order
from bridge.domain.patient import Patient
from bridge.domain.performed_step import ScheduledReference
from bridge.services.move_steps import move_steps
from bridge.services.transaction import Transaction


def find_steps(
    tx: Transaction, scheduled: Iterable[ScheduledReference], patient_id: Identifier | None
) -> frozenset[int]:
    """The pks of the scheduled steps that a report names."""
    found: set[int] = set()
    for ref in scheduled:
        steps = _by_study(tx.orders.with_study_instance_uids([ref.study_instance_uid]), ref)
        if not steps and ref.accession is not None:
            steps = _by_accession(tx.orders.with_accession_numbers([ref.accession.value]), ref)
        if patient_id is not None:
            of_patient = {
                order.pk
                for order, _ in steps
                if is_of(order, tx.patients.get(order.patient_pk), patient_id)
            }
        else:  # an accession number without issuer may be two patients'
            patients = {order.patient_pk for order, _ in steps}
            of_patient = {order.pk for order, _ in steps} if len(patients) == 1 else set()
        found.update(pk for order, pk in steps if order.pk in of_patient)
    return frozenset(found)


def catch_up(tx: Transaction, order: Order, patient: Patient) -> Order:
    """Tell an order what was performed for it before it, or its patient, was known."""
    for uid in (p.study_instance_uid for p in order.procedures if p.study_instance_uid):
        for performed in tx.performed_steps.of_study(uid):
            named = {pk for ref in performed.scheduled for _, pk in _by_study([order], ref)} - set(
                performed.step_pks
            )
            theirs = performed.patient_id is not None and not is_of(
                order, patient, performed.patient_id
            )
            if not named or theirs:
                continue
            tx.performed_steps.link(performed.sop_instance_uid, sorted(named))
            for event in performed.events:
                order = move_steps(tx, order, named, event)
    return order


def is_of(order: Order, patient: Patient, identifier: Identifier) -> bool:
    """Whether the patient of an order is, or was when it was placed, known by an identifier."""
    if patient.is_called(identifier):
        return True
    return any(identifier.agrees_with(each) for each in order.former_patient_ids)


def _by_study(orders: Iterable[Order], ref: ScheduledReference) -> list[tuple[Order, int]]:
    return [
        (order, step.pk)
        for order in orders
        for procedure in order.procedures
        for step in procedure.steps
        if procedure.study_instance_uid == ref.study_instance_uid != ""
        and ref.sps_id in ("", step.sps_id)
    ]


def _by_accession(orders: Iterable[Order], ref: ScheduledReference) -> list[tuple[Order, int]]:
    found = [
        (order, step)
        for order in orders
        if ref.accession and order.numbers.accession
        if order.numbers.accession.agrees_with(ref.accession)
        for procedure in order.procedures
        for step in procedure.steps
        if ref.rp_id in ("", procedure.rp_id)
    ]
    exact = [each for each in found if each[1].sps_id == ref.sps_id]
    return [(order, step.pk) for order, step in exact or found]
