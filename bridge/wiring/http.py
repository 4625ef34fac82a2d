"""The HTTP application: the routers of the rooms, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

from fastapi import Depends, FastAPI

from bridge.console.monitoring import Monitoring, monitoring_router
from bridge.dicom.configuration import DicomConfiguration
from bridge.dicom.sop_classes import is_storage
from bridge.dicom.spool import Spool
from bridge.dicomweb.guard import guard
from bridge.dicomweb.parts import Holding
from bridge.dicomweb.router import wado_router
from bridge.dicomweb.store import stow_router
from bridge.fhir.key_set_route import key_set_router
from bridge.fhir.notifications import Notifier, notification_router
from bridge.fhir.signing_keys import SigningKeys
from bridge.services.overview import ReadOverview
from bridge.store.overview import schema_problem
from bridge.wiring.api import build_api, image_keys
from bridge.wiring.console import build_console
from bridge.wiring.core import Core
from bridge.wiring.fhir_access import key_folder
from bridge.wiring.fhir_server import build_fhir_router
from bridge.wiring.images import spool_folder
from bridge.wiring.link_watch import watch_links
from bridge.wiring.subscriptions import build_desk
from bridge.wiring.viewer import build_viewer, has_viewer

Checks = Mapping[str, Callable[[], str]]
"""What readiness depends on: name → a call that gives the problem in words, empty when fine."""


def build_http(
    core: Core, listeners: Checks, warnings: Checks, notifying: Mapping[str, Notifier]
) -> FastAPI:
    """Everything that is served over HTTP; `warnings` are shown and leave the bridge ready.

    `notifying` are the sources that may tell us of something new.
    """
    site = core.settings.site
    app = FastAPI(title="bridge", docs_url=None, redoc_url=None, openapi_url=None)
    dicom_web = f"{core.settings.http.public_url.rstrip('/')}/dicom-web"
    spool = spool_folder(core.settings)
    holding = Holding(DicomConfiguration.maximum_message, lambda: Spool(spool, room=core.room))
    stores = partial(is_storage, standard_only=core.settings.dicom.accept == "standard")
    stow = stow_router(core.instances, dicom_web, holding, stores)
    guarded = [Depends(guard(image_keys(core)))]
    app.include_router(stow, prefix="/dicom-web", dependencies=guarded)
    app.include_router(
        wado_router(
            core.images,
            base_url=dicom_web,
            pool=core.pixels,
        ),
        prefix="/dicom-web",
        dependencies=guarded,
    )
    app.include_router(build_fhir_router(core, build_desk(core)))
    app.include_router(notification_router(notifying), prefix="/fhir-notifications")
    app.include_router(key_set_router(SigningKeys(key_folder(core.settings))))
    overview = ReadOverview(store=core.store, clock=time.time, zone=site.timezone)
    checks = {"database": lambda: schema_problem(core.database), **listeners}
    app.include_router(
        monitoring_router(
            Monitoring(
                overview=overview,
                links=watch_links(core.settings, core.store, core.tally),
                clock=time.time,
                checks=checks,
                warnings=warnings,
            )
        )
    )
    console = build_console(core, overview, {**checks, **warnings})
    app.mount("/api", build_api(core, {**checks, **warnings}))
    app.mount("/", console)
    app.state.end_streams = console.state.end_streams
    is_there = has_viewer(core.settings)
    app.state.viewer = build_viewer(core, console.state.access) if is_there else None
    return app
