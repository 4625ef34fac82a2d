"""The console's pages about what the bridge holds and whom it is connected to."""

from __future__ import annotations

import time

from fastapi import APIRouter

from bridge.console.pages.audit import audit_router
from bridge.console.pages.charts import charts_router
from bridge.console.pages.connections import connections_router
from bridge.console.pages.deliveries import deliveries_router
from bridge.console.pages.mappings import mappings_router
from bridge.console.pages.patients import PatientDesk, patients_router
from bridge.console.pages.reconciliation import Reconciliation, reconciliation_router
from bridge.console.pages.settings import settings_router
from bridge.console.pages.worklist import worklist_router
from bridge.console.view import View
from bridge.services.audit import RecordView
from bridge.services.check_connections import CheckConnections
from bridge.services.decide_study import DecideStudy
from bridge.services.measure_flow import MeasureFlow
from bridge.services.read_audit import ReadAudit
from bridge.services.review_mappings import ReviewMappings
from bridge.services.review_patients import ReviewPatients
from bridge.services.review_studies import ReviewStudies
from bridge.services.steer_deliveries import SteerDeliveries
from bridge.services.steer_patients import SteerPatients
from bridge.services.transaction import Store
from bridge.services.undo_merge import UndoMerge
from bridge.services.unlink_patients import UnlinkPatients
from bridge.store.repositories import SqlStore
from bridge.wiring.connections import ConfiguredConnections
from bridge.wiring.core import Core
from bridge.wiring.link_watch import watch_links
from bridge.wiring.mapping_shelf import ConfiguredProfiles
from bridge.wiring.reconciling import StudyDesk, build_study_desk
from bridge.wiring.settings_rows import setting_rows
from bridge.wiring.worklist_preview import ConfiguredWorklist


def page_routers(view: View, core: Core) -> tuple[APIRouter, ...]:
    """A router for each page."""
    settings, store, zone = core.settings, core.store, core.settings.site.timezone
    records = RecordView(store, time.time)
    neighbours = ConfiguredConnections(settings)
    connections = CheckConnections(store=store, neighbours=neighbours, clock=time.time)
    links = watch_links(settings, store, core.tally)
    names = [each.name for each in settings.destinations]
    deliveries = SteerDeliveries(store=store, clock=time.time)
    return (
        worklist_router(view, ConfiguredWorklist(settings, store), records),
        reconciliation_router(view, _reconciliation(core, records)),
        deliveries_router(view, deliveries, records, names, time.time),
        connections_router(view, connections, links, time.time),
        patients_router(view, _patients(core, records)),
        mappings_router(view, build_mappings(core), records),
        charts_router(view, MeasureFlow(store=store, clock=time.time, zone=zone), zone),
        settings_router(view, setting_rows(settings), records),
        audit_router(view, ReadAudit(store=store, clock=time.time), zone),
    )


def build_mappings(core: Core) -> ReviewMappings:
    """The profiles of the configuration, and their versions."""
    shelf = ConfiguredProfiles(core.settings)
    return ReviewMappings(store=core.store, shelf=shelf, clock=time.time)


def _reconciliation(core: Core, records: RecordView) -> Reconciliation:
    store = core.store
    desk = build_study_desk(core.settings, store, core.reconcile, core.destinations)
    return Reconciliation(
        reviews=ReviewStudies(store=store, lists=store),
        compare=desk.compare,
        decide=_decide(core, desk),
        records=records,
    )


def build_decide(core: Core) -> DecideStudy:
    """What people and programs may have done with a study."""
    desk = build_study_desk(core.settings, core.store, core.reconcile, core.destinations)
    return _decide(core, desk)


def _decide(core: Core, desk: StudyDesk) -> DecideStudy:
    return DecideStudy(
        store=core.store, acts_over=desk.acts_over, preview=desk.preview, clock=time.time
    )


def _patients(core: Core, records: RecordView) -> PatientDesk:
    store: SqlStore = core.store

    def undo_merge(over: Store) -> UndoMerge:
        return UndoMerge(
            store=over, worklist=core.projection, reconcile=core.reconcile, clock=time.time
        )

    def unlink(over: Store) -> UnlinkPatients:
        return UnlinkPatients(store=over, reconcile=core.reconcile, clock=time.time)

    return PatientDesk(
        reviews=ReviewPatients(store=store, lists=store),
        steer=SteerPatients(store=store, undo_merge=undo_merge, unlink=unlink, clock=time.time),
        records=records,
    )
