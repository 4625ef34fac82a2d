"""A study somebody else knows of: its UID given in advance, or images that are held elsewhere.

Images elsewhere reconcile like images that arrived, and are told of with where they can be had.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from bridge.domain.announced_study import AnnouncedStatus, StudyAnnounced, announce
from bridge.domain.errors import DuplicateKey, UnknownKey
from bridge.domain.journal import Disposition
from bridge.domain.order import Order, OrderNumbers, Procedure
from bridge.domain.patient import Patient
from bridge.domain.scheduling import held_reason
from bridge.domain.study import StudyState
from bridge.services.origin import Origin
from bridge.services.parking import park
from bridge.services.performed_orders import catch_up, is_of
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.reconcile import Reconcile
from bridge.services.settling import SETTLE
from bridge.services.transaction import Transaction


class AnnounceStudy:
    """Applies announcements by their status."""

    def __init__(self, worklist: ProjectWorklist, reconcile: Reconcile) -> None:
        self._worklist = worklist
        self._reconcile = reconcile
        self._actions: Mapping[
            AnnouncedStatus, Callable[[Transaction, StudyAnnounced, Origin], Disposition]
        ] = {
            AnnouncedStatus.REGISTERED: self._register,
            AnnouncedStatus.AVAILABLE: self._take,
            AnnouncedStatus.CANCELLED: self._withdraw,
            AnnouncedStatus.ENTERED_IN_ERROR: self._withdraw,
        }

    def apply(self, tx: Transaction, event: StudyAnnounced, origin: Origin) -> Disposition:
        """Apply one announcement. Raises a BridgeError that names its place in the resource."""
        return self._actions[event.status](tx, event, origin)

    def _register(self, tx: Transaction, event: StudyAnnounced, origin: Origin) -> Disposition:
        """The orders it is for get its Study Instance UID; one that is not known yet waits for it.

        A UID that an order has never changes.
        """
        orders = _orders_of(tx, event)
        if not orders:
            return park(tx, event, origin, f"{event.location}.basedOn")
        if _was_announced(tx, event, origin):
            return Disposition.STALE
        changed = False
        for order in orders:
            patient = tx.patients.get(order.patient_pk)
            _refuse_other_patient(event, order, patient)
            changed |= self._give(tx, event, order, patient, origin.received_at)
        return Disposition.APPLIED if changed else Disposition.NOTED

    def _give(
        self, tx: Transaction, event: StudyAnnounced, order: Order, patient: Patient, now: float
    ) -> bool:
        """Give an order the UID; says whether it is new to it."""
        procedure = _procedure_for(event, order)
        if procedure.study_instance_uid:
            return False
        if tx.orders.owners_of_study(event.study_instance_uid) - {patient.pk}:
            place = f"{event.location}.identifier"
            raise DuplicateKey("the Study Instance UID belongs to another patient", location=place)
        given = replace(procedure, study_instance_uid=event.study_instance_uid)
        tx.orders.change_procedure(given)
        procedures = tuple(given if p.pk == given.pk else p for p in order.procedures)
        order = catch_up(tx, replace(order, procedures=procedures), patient)
        order = replace(order, held_reason=held_reason(patient, order))
        tx.orders.change(order, now)
        self._worklist.project(tx, order, patient)
        self._reconcile.changed(tx, [order], patient, now)
        return True

    def _take(self, tx: Transaction, event: StudyAnnounced, origin: Origin) -> Disposition:
        """Images elsewhere: kept as a study, and reconciled unless some are arriving just now.

        One that may grow settles first, like images that arrive.
        """
        if _was_announced(tx, event, origin):
            return Disposition.STALE
        uid, now = event.study_instance_uid, origin.received_at
        held = tx.studies.lock(uid)
        images = announce(held.announced if held else None, event, origin.source)
        if not images.available and (held is None or held.announced is None):
            return Disposition.NOTED  # what is gone was never told of
        if not tx.studies.announce(event, images, now):
            return Disposition.NOTED
        if held is None:
            self._reconcile.first_image(tx, uid, now)
        study = tx.studies.lock(uid)
        if study is None or study.state is StudyState.AVAILABLE:
            self._reconcile.study(tx, uid, now)
        elif event.may_grow:
            tx.timers.set(SETTLE, uid, now)
        return Disposition.APPLIED

    def _withdraw(self, tx: Transaction, event: StudyAnnounced, origin: Origin) -> Disposition:
        """Images that were announced are not there, or never should have been: nobody is sent to.

        The UID of an order stays: modalities may have it.
        """
        if _was_announced(tx, event, origin):
            return Disposition.STALE
        study = tx.studies.lock(event.study_instance_uid)
        if study is None or study.announced is None:
            return Disposition.NOTED
        gone = replace(event, attributes={}, series=(), may_grow=False)
        images = announce(study.announced, gone, origin.source)
        if not tx.studies.announce(gone, images, origin.received_at):
            return Disposition.NOTED
        if study.state is StudyState.AVAILABLE:
            self._reconcile.study(tx, event.study_instance_uid, origin.received_at)
        return Disposition.APPLIED


def _was_announced(tx: Transaction, event: StudyAnnounced, origin: Origin) -> bool:
    """Whether a newer announcement of the study was applied already, of the same announcer."""
    study = tx.studies.find(event.study_instance_uid)
    announced = study.announced if study else None
    newest = announced.newest_word_of(origin.source) if announced else ""
    return bool(event.occurred_at) and event.occurred_at < newest


def _orders_of(tx: Transaction, event: StudyAnnounced) -> Sequence[Order]:
    """The orders it names; one of its accession number when it names none by number."""
    named = event.orders or (OrderNumbers(accession=event.accession),)
    found = {order.pk: order for each in named if each for order in tx.orders.with_numbers(each)}
    return tuple(found.values())


def _refuse_other_patient(event: StudyAnnounced, order: Order, patient: Patient) -> None:
    if not any(is_of(order, patient, each) for each in event.patient.identifiers):
        place = f"{event.location}.subject"
        raise DuplicateKey("the order belongs to another patient", location=place)


def _procedure_for(event: StudyAnnounced, order: Order) -> Procedure:
    """The procedure of an order that the study is for: the one that has its UID, or none yet.

    Raises DuplicateKey when it has another one, UnknownKey when nothing tells which it is.
    """
    for procedure in order.procedures:
        if procedure.study_instance_uid == event.study_instance_uid:
            return procedure
    free = [each for each in order.procedures if not each.study_instance_uid]
    if not free:
        place = f"{event.location}.identifier"
        raise DuplicateKey(
            "the order has another Study Instance UID, which never changes", location=place
        )
    modalities = {each.modality for each in event.series}
    fitting = [each for each in free if modalities & {step.modality for step in each.steps}]
    if len(free) > 1 and len(fitting) != 1:
        place = f"{event.location}.basedOn"
        raise UnknownKey("the order has several procedures, and none is named", location=place)
    return fitting[0] if len(fitting) == 1 else free[0]
