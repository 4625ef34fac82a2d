"""The FHIR server, built from settings over the shared use cases."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from importlib.metadata import version
from urllib.parse import quote

from fastapi import APIRouter

from bridge.domain.errors import BridgeError
from bridge.domain.identifiers import Authority
from bridge.fhir.endpoint import Access
from bridge.fhir.identifiers import IdentifierSystems
from bridge.fhir.imaging_study import Rendering
from bridge.fhir.reading import FhirSender
from bridge.fhir.releases import Release
from bridge.fhir.server.application import FhirApplication, fhir_router
from bridge.fhir.server.library import House
from bridge.fhir.server.order_resources import Site
from bridge.fhir.server.security import Guard
from bridge.fhir.server.service import FhirServer, FhirServerConfiguration
from bridge.fhir.server.site_endpoint import endpoint_id, keep_endpoints
from bridge.fhir.subscriptions.desk import SubscriptionDesk
from bridge.mapping.source import Site as SiteOfSender
from bridge.services.answer_request import AnswerRequest
from bridge.services.receive_message import ReceiveMessage
from bridge.services.transaction import Store
from bridge.settings import Settings
from bridge.wiring.core import Core

_log = logging.getLogger(__name__)


def build_fhir_router(core: Core, subscriptions: SubscriptionDesk) -> APIRouter:
    """The FHIR server, at `/fhir`; our own Endpoint is written down.

    Raises ProfileError when a mapping profile cannot be loaded.
    """
    settings = core.settings
    release = Release(settings.fhir.version)
    base = f"{settings.http.public_url.rstrip('/')}/fhir"
    sender_of = _senders(core)
    site = Site(systems=_systems(settings, sender_of), zone=settings.site.timezone)
    access = images_access(settings)
    server = fhir_server(core, core.incoming, core.messages, subscriptions)
    try:
        keep_endpoints(core.store, [access], base=base, site=site, release=release, now=time.time())
    except BridgeError as error:  # the database is away: everything else says so, too
        _log.warning("fhir.endpoint_not_kept", extra={"reason": error.message})
    application = FhirApplication(server, release=release, max_body=settings.fhir.max_body_bytes)
    return fhir_router(application)


def house_of(core: Core) -> House:
    """What the resources that are served depend on."""
    settings = core.settings
    site = Site(systems=_systems(settings, _senders(core)), zone=settings.site.timezone)
    return House(
        base=f"{settings.http.public_url.rstrip('/')}/fhir",
        site=site,
        rendering=Rendering(systems=site.systems, zone=site.zone),
        source=f"urn:bridge:{quote(settings.site.name, safe='')}",
        endpoints=(f"Endpoint/{endpoint_id(images_access(settings))}",),
    )


def fhir_server(
    core: Core,
    store: Store,
    messages: ReceiveMessage,
    subscriptions: SubscriptionDesk | None = None,
) -> FhirServer:
    """What answers requests, over a store and what applies messages to it."""
    settings = core.settings
    configuration = FhirServerConfiguration(
        house=house_of(core),
        sender_of=_senders(core),
        release=Release(settings.fhir.version),
        mode=settings.site.mode,
        guard=Guard({each.name: each.token.reveal() for each in settings.fhir.tokens}),
        software=version("bridge"),
    )
    return FhirServer(
        store=store,
        requests=AnswerRequest(store, messages),
        configuration=configuration,
        clock=time.time,
        subscriptions=subscriptions,
    )


def images_access(settings: Settings) -> Access:
    """How others get at our images: WADO-RS."""
    site = quote(settings.site.name, safe="")
    return Access(
        identifier=f"urn:bridge:{site}:wado-rs",
        address=f"{settings.http.public_url.rstrip('/')}/dicom-web",
        name=f"Images of {settings.site.name}",
    )


def _senders(core: Core) -> Callable[[Release], FhirSender]:
    settings = core.settings
    names = {Release.R4: settings.fhir.profile, Release.R5: settings.fhir.profile_r5}
    site = SiteOfSender(
        zone=settings.site.timezone,
        authority=Authority(settings.site.assigning_authority),
        local_scheme=f"99{settings.site.name}"[:16],
    )
    return lambda release: FhirSender.of(core.fhir_profiles.get(names[release]), site, release)


def _systems(settings: Settings, sender_of: Callable[[Release], FhirSender]) -> IdentifierSystems:
    """The systems that the profile says stand for an authority; others say it themselves."""
    profile = sender_of(Release(settings.fhir.version)).profile
    known = {authority.key: system for system, authority in profile.systems.items()}
    return IdentifierSystems(known=known, default=settings.site.assigning_authority)
