"""The servers that are asked for orders: built from settings over the shared use cases."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from urllib.parse import quote

from bridge.domain.identifiers import Authority
from bridge.fhir.client import FhirClient, Server
from bridge.fhir.notifications import Notifier
from bridge.fhir.polling import PolledSource, Poller, PollingPlan
from bridge.fhir.reading import FhirSender
from bridge.fhir.releases import Release
from bridge.fhir.source_intake import Sourced, SourceIntake
from bridge.fhir.source_server import SourceServer
from bridge.mapping.fhir_profiles import FhirProfile
from bridge.mapping.library import Profiles
from bridge.mapping.source import Site
from bridge.settings import FhirSource, Settings
from bridge.wiring.core import Core

_SECONDS_PER_DAY = 86_400.0


def fhir_sources(settings: Settings) -> tuple[FhirSource, ...]:
    """The FHIR servers that are asked."""
    return tuple(each for each in settings.sources if isinstance(each, FhirSource) and each.enabled)


def build_poller(core: Core) -> Poller:
    """Everything that asks."""
    sources = [_source(core, each) for each in fhir_sources(core.settings)]
    return Poller(sources, store=core.store, clock=time.time)


def notifiers(settings: Settings, poller: Poller) -> Mapping[str, Notifier]:
    """The sources that may notify, by name."""
    return {
        each.name: Notifier(
            poller.source(each.name),
            each.notification_token.reveal() if each.notification_token else "",
        )
        for each in fhir_sources(settings)
    }


def source_server(source: FhirSource) -> SourceServer:
    """The server of a source."""
    client = FhirClient(
        Server(
            url=source.url,
            timeout=source.timeout_seconds,
            token=source.token.reveal() if source.token else "",
        )
    )
    return SourceServer(client, source.url, source.resources)


def _source(core: Core, source: FhirSource) -> PolledSource:
    intake = SourceIntake(
        name=source.name,
        peer=source.url,
        sourced=_sourced(core.settings, source, core.fhir_profiles),
        messages=core.messages,
        store=core.store,
        clock=time.time,
        ours=f"urn:bridge:{quote(core.settings.site.name, safe='')}#",
    )
    plan = PollingPlan(
        name=source.name,
        kinds=source.resources,
        parameters={"ServiceRequest": source.parameters or ""},
        interval=source.poll_seconds,
        overlap=source.overlap_seconds,
        lookback=source.lookback_days * _SECONDS_PER_DAY,
        page_size=source.page_size,
        timeout=source.timeout_seconds,
    )
    return PolledSource(plan, source_server(source), intake, store=core.store, clock=time.time)


def _sourced(
    settings: Settings, source: FhirSource, profiles: Profiles[FhirProfile]
) -> Callable[[], Sourced]:
    site = Site(
        zone=settings.site.timezone,
        authority=Authority(source.assigning_authority),
        resources=Authority(source.name),
        local_scheme=f"99{settings.site.name}"[:16],
    )

    def sourced() -> Sourced:
        profile = profiles.get(source.profile)
        sender = FhirSender.of(profile, site, Release(source.version), is_authoritative=True)
        return Sourced(sender, source.mode or profile.options.mode or settings.site.mode)

    return sourced
