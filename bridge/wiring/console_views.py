"""The console's pages about what comes and goes: search, journal, timelines."""

from __future__ import annotations

import time

from fastapi import APIRouter

from bridge.console.pages.messages import Messages, messages_router
from bridge.console.pages.search import search_router
from bridge.console.view import View
from bridge.services.find_anything import FindAnything
from bridge.services.read_journal import ReadJournal
from bridge.services.review_mappings import ReviewMappings
from bridge.wiring.core import Core
from bridge.wiring.mapping_shelf import ConfiguredProfiles
from bridge.wiring.message_reading import MessageReader
from bridge.wiring.replaying import build_replay


def view_routers(view: View, core: Core) -> tuple[APIRouter, ...]:
    """A router for each page."""
    settings = core.settings
    messages = Messages(
        journal=ReadJournal(core.store, time.time),
        reader=MessageReader(settings),
        replay=build_replay(core),
        mappings=ReviewMappings(
            store=core.store, shelf=ConfiguredProfiles(settings), clock=time.time
        ),
        zone=settings.site.timezone,
    )
    return (
        search_router(view, FindAnything(core.store, time.time)),
        messages_router(view, messages),
    )
