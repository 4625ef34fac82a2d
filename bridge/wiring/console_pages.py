"""The console's pages about what the bridge holds and whom it is connected to."""

from __future__ import annotations

import time

from fastapi import APIRouter

from bridge.console.pages.worklist import worklist_router
from bridge.console.view import View
from bridge.services.audit import RecordView
from bridge.wiring.core import Core
from bridge.wiring.worklist_preview import ConfiguredWorklist


def page_routers(view: View, core: Core) -> tuple[APIRouter, ...]:
    """A router for each page."""
    records = RecordView(core.store, time.time)
    return (worklist_router(view, ConfiguredWorklist(core.settings, core.store), records),)
