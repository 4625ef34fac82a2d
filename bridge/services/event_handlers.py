"""Which use case applies which kind of event: one table, shared by everyone who receives some."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bridge.domain.announced_study import StudyAnnounced
from bridge.domain.appointment import AppointmentReceived
from bridge.domain.events import Event, Noted
from bridge.domain.identifiers import Authority
from bridge.domain.journal import Disposition
from bridge.domain.order import OrderReceived
from bridge.domain.order_control import OrderControlTable
from bridge.domain.patient_events import (
    IdentifierChanged,
    IdentifiersMoved,
    PatientRemoved,
    PatientsLinked,
    PatientsMerged,
    PatientUpdated,
)
from bridge.domain.result import ResultReported
from bridge.domain.visit import VisitChanged, VisitRenumbered, VisitsMoved
from bridge.services.announce_study import AnnounceStudy
from bridge.services.change_patient import ChangePatient
from bridge.services.change_visit import ChangeVisit
from bridge.services.merge_patients import MergePatients
from bridge.services.move_patients import MovePatients
from bridge.services.origin import Origin
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.receive_order import ReceiveOrder
from bridge.services.reconcile import Reconcile
from bridge.services.report_result import ReportResult
from bridge.services.schedule_appointment import ScheduleAppointment
from bridge.services.transaction import Transaction

Handler = Callable[[Transaction, Any, Origin], Disposition]
"""Applies one event in the transaction of its message; raises a BridgeError that says where."""

Handlers = Mapping[type[Event], Handler]


def event_handlers(
    *,
    control: OrderControlTable,
    worklist: ProjectWorklist,
    reconcile: Reconcile,
    site: Authority,
) -> Handlers:
    """The use case of every kind of event there is."""
    patients = ChangePatient(worklist, reconcile)
    orders = ReceiveOrder(
        control=control, patients=patients, worklist=worklist, reconcile=reconcile, site=site
    )
    return {
        OrderReceived: orders.apply,
        **_of_patients(patients, reconcile),
        StudyAnnounced: AnnounceStudy(worklist, reconcile).apply,
        AppointmentReceived: ScheduleAppointment(orders, worklist, reconcile).apply,
        ResultReported: ReportResult(worklist, reconcile).apply,
        Noted: note,
    }


def _of_patients(patients: ChangePatient, reconcile: Reconcile) -> Handlers:
    merges, visits = MergePatients(patients, reconcile), ChangeVisit(patients)
    moves = MovePatients(patients, merges)
    return {
        PatientUpdated: patients.update,
        PatientRemoved: patients.remove,
        PatientsMerged: merges.merge,
        PatientsLinked: merges.link,
        IdentifiersMoved: moves.move_identifiers,
        IdentifierChanged: moves.change_identifier,
        VisitChanged: visits.change,
        VisitRenumbered: visits.renumber,
        VisitsMoved: moves.move_visits,
    }


def note(_tx: Transaction, _event: Noted, _origin: Origin) -> Disposition:
    """Change nothing."""
    return Disposition.NOTED
