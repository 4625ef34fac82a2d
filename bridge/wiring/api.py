"""The JSON API over the use cases of the console."""

from __future__ import annotations

import time

from fastapi import FastAPI

from bridge.console.api import ApiServices, api_application
from bridge.dicomweb.guard import MayAsk
from bridge.domain.api_key import Scope
from bridge.services.audit import RecordView
from bridge.services.check_connections import CheckConnections
from bridge.services.find_anything import FindAnything
from bridge.services.find_problems import Checks
from bridge.services.manage_keys import ManageKeys
from bridge.services.read_audit import ReadAudit
from bridge.services.read_journal import ReadJournal
from bridge.services.review_studies import ReviewStudies
from bridge.services.show_timeline import ShowTimeline
from bridge.services.steer_deliveries import SteerDeliveries
from bridge.wiring.alerting import build_alerts
from bridge.wiring.connections import ConfiguredConnections
from bridge.wiring.console import new_secret
from bridge.wiring.console_pages import build_decide
from bridge.wiring.console_views import timeline_policy
from bridge.wiring.core import Core
from bridge.wiring.link_watch import watch_links


def image_keys(core: Core) -> MayAsk:
    """Whether a key is good for images: to read them, or to store some."""
    keys = ManageKeys(store=core.store, clock=time.time, secret=new_secret)

    def may_ask(token: str, address: str, stores: bool) -> bool:
        known = keys.known(token, address) if token else None
        return known is not None and (Scope.STORE if stores else Scope.IMAGES) in known[0].scopes

    return may_ask


def build_api(core: Core, checks: Checks) -> FastAPI:
    """The application to be mounted at `/api`; `checks` say what is wrong with the roles."""
    settings, store = core.settings, core.store
    links = watch_links(settings, store, core.tally)
    neighbours = ConfiguredConnections(settings)
    return api_application(
        settings.site.name,
        ApiServices(
            known=ManageKeys(store=store, clock=time.time, secret=new_secret).known,
            links=links,
            alerts=build_alerts(core, links, checks),
            connections=CheckConnections(store=store, neighbours=neighbours, clock=time.time),
            search=FindAnything(store, time.time),
            timelines=ShowTimeline(store, time.time, timeline_policy(settings)),
            journal=ReadJournal(store, time.time),
            studies=ReviewStudies(store=store, lists=store),
            decide=build_decide(core),
            deliveries=SteerDeliveries(store=store, clock=time.time),
            audit=ReadAudit(store=store, clock=time.time),
            records=RecordView(store, time.time),
        ),
    )
