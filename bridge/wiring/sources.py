"""The servers that are asked for orders: built from settings over the shared use cases."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import quote

from bridge.dicom.archive import QueriedArchive
from bridge.dicom.availability import Archive as NotifyingArchive
from bridge.dicom.scu import Remote
from bridge.dicomweb.archive import QidoArchive
from bridge.domain.identifiers import Authority
from bridge.fhir.client import FhirClient
from bridge.fhir.notifications import Notifier
from bridge.fhir.polling import PolledSource, Poller, PollingPlan
from bridge.fhir.reading import FhirSender
from bridge.fhir.releases import Release
from bridge.fhir.source_intake import Sourced, SourceIntake
from bridge.fhir.source_server import SourceServer
from bridge.mapping.fhir_profiles import FhirProfile
from bridge.mapping.library import Profiles
from bridge.mapping.source import Site
from bridge.services.poll_archive import Archive, ArchivePlan, PolledArchive
from bridge.settings import ArchiveSource, DicomQuerySource, FhirSource, QidoSource, Settings
from bridge.wiring.core import Core
from bridge.wiring.fhir_access import reached

POLL_ARCHIVE = "poll archive"
"""The kind of timer; its subject is the name of the source."""

_SECONDS_PER_DAY = 86_400.0


def fhir_sources(settings: Settings) -> tuple[FhirSource, ...]:
    """The FHIR servers that are asked."""
    return tuple(each for each in settings.sources if isinstance(each, FhirSource) and each.enabled)


def build_poller(core: Core) -> Poller[PolledSource]:
    """Everything that asks."""
    sources = [_source(core, each) for each in fhir_sources(core.settings)]
    return Poller(sources, store=core.store, clock=time.time)


def archive_sources(settings: Settings) -> tuple[ArchiveSource, ...]:
    """The archives that are asked."""
    sources = (each for each in settings.sources if isinstance(each, ArchiveSource))
    return tuple(each for each in sources if each.enabled)


def build_archive_poller(core: Core) -> Poller[PolledArchive]:
    """Every archive that is asked."""
    sources = [_polled_archive(core, each) for each in archive_sources(core.settings)]
    return Poller(sources, store=core.store, clock=time.time, kind=POLL_ARCHIVE)


def known_archives(settings: Settings) -> Mapping[str, NotifyingArchive]:
    """The archives that may notify of studies, by AE title."""
    return {
        each.ae_title: NotifyingArchive(name=each.archive, retrieve_url=each.retrieve_url)
        for each in settings.sources
        if isinstance(each, DicomQuerySource)
    }


def open_archive(source: ArchiveSource, calling_ae_title: str) -> Archive:
    """The archive of a source."""
    if isinstance(source, DicomQuerySource):
        return QueriedArchive(
            Remote(
                ae_title=source.ae_title,
                host=source.host,
                port=source.port,
                calling_ae_title=calling_ae_title,
            )
        )
    if isinstance(source, QidoSource):
        token = source.token.reveal() if source.token else ""
        return QidoArchive(source.url, token=token, timeout=source.timeout_seconds)
    raise TypeError("the table of kinds of source is wrong")


def _polled_archive(core: Core, source: ArchiveSource) -> PolledArchive:
    zone = core.settings.site.timezone
    is_queried = isinstance(source, DicomQuerySource)
    peer = f"{source.ae_title}@{source.host}" if isinstance(source, DicomQuerySource) else ""
    url = getattr(source, "url", "")
    plan = ArchivePlan(
        name=source.name,
        peer=peer or url,
        archive=source.archive,
        retrieve_url=(getattr(source, "retrieve_url", "") or url).rstrip("/"),
        retrieve_ae_title=getattr(source, "ae_title", "") if is_queried else "",
        modalities=source.modalities,
        interval=source.poll_seconds,
        overlap=source.overlap_days,
        lookback=source.lookback_days,
        recheck=source.recheck_hours * 3600,
    )
    return PolledArchive(
        plan,
        open_archive(source, core.settings.dicom.ae_title),
        core.messages,
        store=core.store,
        clock=time.time,
        today=lambda: datetime.now(zone).date(),
    )


def notifiers(settings: Settings, poller: Poller[PolledSource]) -> Mapping[str, Notifier]:
    """The sources that may notify, by name."""
    return {
        each.name: Notifier(
            poller.source(each.name),
            each.notification_token.reveal() if each.notification_token else "",
        )
        for each in fhir_sources(settings)
    }


def source_server(settings: Settings, source: FhirSource) -> SourceServer:
    """The server of a source."""
    client = FhirClient(reached(settings, source))
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
    return PolledSource(
        plan, source_server(core.settings, source), intake, store=core.store, clock=time.time
    )


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
