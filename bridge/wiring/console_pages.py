"""The console's pages about what the bridge holds and whom it is connected to."""

from __future__ import annotations

import time

from fastapi import APIRouter

from bridge.console.pages.reconciliation import Reconciliation, reconciliation_router
from bridge.console.pages.worklist import worklist_router
from bridge.console.view import View
from bridge.services.audit import RecordView
from bridge.services.decide_study import DecideStudy
from bridge.services.review_studies import ReviewStudies
from bridge.wiring.core import Core
from bridge.wiring.reconciling import build_study_desk
from bridge.wiring.worklist_preview import ConfiguredWorklist


def page_routers(view: View, core: Core) -> tuple[APIRouter, ...]:
    """A router for each page."""
    records = RecordView(core.store, time.time)
    return (
        worklist_router(view, ConfiguredWorklist(core.settings, core.store), records),
        reconciliation_router(view, _reconciliation(core, records)),
    )


def _reconciliation(core: Core, records: RecordView) -> Reconciliation:
    store = core.store
    desk = build_study_desk(core.settings, store, core.reconcile, core.destinations)
    return Reconciliation(
        reviews=ReviewStudies(store=store, lists=store),
        compare=desk.compare,
        decide=DecideStudy(
            store=store, acts_over=desk.acts_over, preview=desk.preview, clock=time.time
        ),
        records=records,
    )
