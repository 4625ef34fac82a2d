"""The console's pages about what comes and goes: search, journal, timelines."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter

from bridge.console.pages.events import Feeds, events_router, feeds
from bridge.console.pages.messages import Messages, messages_router
from bridge.console.pages.now import now_router
from bridge.console.pages.search import search_router
from bridge.console.pages.timeline import timeline_router
from bridge.console.view import View
from bridge.dicom.parsed import parsed_file
from bridge.domain.errors import UnknownKey
from bridge.domain.parsed import Node
from bridge.services.audit import RecordView
from bridge.services.check_connections import CheckConnections
from bridge.services.find_anything import FindAnything
from bridge.services.find_problems import Checks
from bridge.services.overview import ReadOverview
from bridge.services.read_images import ImageQuery, ReadImages
from bridge.services.read_journal import ReadJournal
from bridge.services.review_mappings import ReviewMappings
from bridge.services.show_timeline import ShowTimeline, TimelinePolicy
from bridge.services.steer_deliveries import SteerDeliveries
from bridge.services.watch_now import FindStragglers, WatchNow
from bridge.settings import Settings
from bridge.wiring.alerting import find_problems
from bridge.wiring.connections import ConfiguredConnections
from bridge.wiring.core import Core
from bridge.wiring.link_watch import watch_links
from bridge.wiring.mapping_shelf import ConfiguredProfiles
from bridge.wiring.message_reading import MessageReader
from bridge.wiring.replaying import build_replay

_HEAD_BYTES = 1 << 20
"""As much of a file is read for its header; a header is rarely longer."""


@dataclass(frozen=True, slots=True)
class Views:
    """Routers of pages, and the feeds of events that end with them."""

    routers: tuple[APIRouter, ...]
    feeds: Feeds


def build_views(view: View, core: Core, overview: ReadOverview, checks: Checks) -> Views:
    """A router for each page; `checks` say what is wrong with the roles."""
    settings = core.settings
    watch = build_watch(core, overview, checks)
    journal = ReadJournal(core.store, time.time)
    live = feeds(watch, journal)
    messages = Messages(
        journal=journal,
        reader=MessageReader(settings),
        replay=build_replay(core),
        mappings=ReviewMappings(
            store=core.store, shelf=ConfiguredProfiles(settings), clock=time.time
        ),
        zone=settings.site.timezone,
    )
    timelines = ShowTimeline(core.store, time.time, timeline_policy(settings))
    records = RecordView(core.store, time.time)
    routers = (
        now_router(view, watch, FindStragglers(core.store, overview, time.time)),
        events_router(view, live, journal, settings.site.timezone),
        timeline_router(view, timelines, partial(instance_header, core.images), records),
        search_router(view, FindAnything(core.store, time.time)),
        messages_router(view, messages),
    )
    return Views(routers, live)


def build_watch(core: Core, overview: ReadOverview, checks: Checks) -> WatchNow:
    """What the first page asks; problems are those that people are alerted to."""
    settings, store = core.settings, core.store
    links = watch_links(settings, store, core.tally)
    neighbours = ConfiguredConnections(settings)
    connections = CheckConnections(store=store, neighbours=neighbours, clock=time.time)
    return WatchNow(
        overview=overview,
        problems=find_problems(core, links, checks),
        links=links,
        connections=connections,
        deliveries=SteerDeliveries(store=store, clock=time.time),
    )


def timeline_policy(settings: Settings) -> TimelinePolicy:
    """How long stretches of the way may take here: a study settles before it is matched."""
    late = settings.console.late
    return TimelinePolicy(
        listed=late.worklist_seconds,
        matched=late.matching_seconds + settings.dicom.settle_seconds,
        delivered=late.delivery_seconds,
    )


def instance_header(images: ReadImages, uid: str) -> tuple[Node, ...]:
    """What the header of an instance says, as it was received. Raises UnknownKey."""
    found = images.instances(ImageQuery(sop_instance_uids=(uid,), limit=1, with_notes=True))
    if not found:
        raise UnknownKey("there is no such image")
    head = bytearray()
    for piece in images.open(found[0]):
        head += piece
        if len(head) >= _HEAD_BYTES:
            break
    return parsed_file(bytes(head))
