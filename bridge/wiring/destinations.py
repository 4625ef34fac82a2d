"""Destinations: one kind = one adapter = one entry in one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol
from urllib.parse import quote

from bridge.broadcast.events import KINDS
from bridge.broadcast.nats import Broker, NatsDestination
from bridge.broadcast.webhook import WebhookDestination
from bridge.delivery.worker import Limits
from bridge.dicom.notification import AvailabilityDestination
from bridge.dicom.scu import Remote
from bridge.domain.delivery import EventKind, RetryPolicy
from bridge.domain.publication import News
from bridge.domain.subscription import Subscription
from bridge.fhir.bundle import PatientPolicy
from bridge.fhir.composition import Manner
from bridge.fhir.destination import KINDS as FHIR_KINDS
from bridge.fhir.destination import FhirDestination, FhirDestinationConfiguration
from bridge.fhir.endpoint import Access
from bridge.fhir.identifiers import IdentifierSystems
from bridge.fhir.releases import Release
from bridge.hl7.destination import KINDS as HL7_KINDS
from bridge.mapping.ehr_profiles import load_ehr_profile
from bridge.services.deliver import Destination
from bridge.settings import Destination as DestinationSettings
from bridge.settings import (
    DicomStoreDestination,
    FhirSource,
    IanDestination,
    MppsDestination,
    NewsDestination,
    Secret,
    Settings,
)
from bridge.settings import FhirDestination as FhirSettings
from bridge.settings import Hl7Destination as Hl7Settings
from bridge.settings import NatsDestination as NatsSettings
from bridge.settings import WebhookDestination as WebhookSettings
from bridge.wiring.fhir_access import reached
from bridge.wiring.hl7_out import build_hl7
from bridge.wiring.viewer import link_to_viewer

_FOREVER = 10**9


class Adapter(Destination[News], Protocol):
    """A destination that holds something open, and can say whether anybody is there."""

    def check(self) -> str:
        """Who is there, in words. Raises TransportError when nobody of the right kind is."""

    def close(self) -> None:
        """Close the connections; called once nothing is sent any more."""


def build_destinations(settings: Settings) -> tuple[Adapter, ...]:
    """An adapter for every destination that is told of orders and studies."""
    return tuple(
        _BUILDERS[each.kind](settings, each)
        for each in settings.destinations
        if each.kind in _BUILDERS
    )


def subscriptions(settings: Settings, adapters: Iterable[Adapter]) -> Mapping[str, Subscription]:
    """What each destination wants to know, and of whom."""
    configured = {each.name: each for each in settings.destinations}
    return {
        each.name: _subscription(configured[each.name], filter(each.accepts, EventKind))
        for each in adapters
    }


def _subscription(destination: DestinationSettings, kinds: Iterable[EventKind]) -> Subscription:
    if not isinstance(destination, NewsDestination):
        raise TypeError("the table of builders is wrong")
    return Subscription(
        kinds=frozenset(kinds),
        modalities=frozenset(destination.modalities),
        sources=frozenset(destination.order_sources),
        locations=frozenset(destination.locations),
        told_by=destination.told_by or _receiver(destination),
    )


def _receiver(destination: DestinationSettings) -> str:
    return destination.receiving_application if isinstance(destination, Hl7Settings) else ""


def _fhir(settings: Settings, destination: DestinationSettings) -> Adapter:
    if not isinstance(destination, FhirSettings):
        raise TypeError("the table of builders is wrong")
    return FhirDestination(
        FhirDestinationConfiguration(
            name=destination.name,
            server=reached(settings, destination),
            retry=retry_policy(destination),
            manner=_manner(settings, destination),
            kinds=_kinds(destination.events, FHIR_KINDS),
        )
    )


def _manner(settings: Settings, destination: FhirSettings) -> Manner:
    site = quote(settings.site.name, safe="")
    profile = load_ehr_profile(destination.profile, settings.mappings)
    return Manner(
        release=Release(destination.version),
        profile=profile,
        patients=_patient_policy(destination),
        systems=IdentifierSystems(known=profile.systems, default=settings.site.assigning_authority),
        zone=settings.site.timezone,
        access=(
            Access(
                identifier=f"urn:bridge:{site}:wado-rs",
                address=f"{settings.http.public_url.rstrip('/')}/dicom-web",
                name=f"Images of {settings.site.name}",
            ),
        ),
        viewer=link_to_viewer(settings),
        source=f"urn:bridge:{site}",
        own_ids=_own_ids(settings, destination),
        is_filler=settings.site.mode == "his_only",
    )


def retry_policy(destination: DestinationSettings) -> RetryPolicy:
    """When a destination is tried again."""
    retry = destination.retry
    return RetryPolicy(
        base=retry.base_seconds,
        ceiling=retry.ceiling_seconds,
        attempts=retry.max_attempts or _FOREVER,
    )


def remote(
    settings: Settings, destination: DicomStoreDestination | IanDestination | MppsDestination
) -> Remote:
    """The application entity that a destination is."""
    return Remote(
        ae_title=destination.ae_title,
        host=destination.host,
        port=destination.port,
        calling_ae_title=settings.dicom.ae_title,
        timeout=destination.timeout_seconds,
    )


def limits_of(settings: Settings) -> Mapping[str, Limits]:
    """What each destination bears."""
    return {
        each.name: Limits(per_second=each.limits.per_second, at_once=each.limits.at_once)
        for each in settings.destinations
    }


def _own_ids(settings: Settings, destination: FhirSettings) -> str:
    """What the ids of a server are called that is asked for orders, too; empty when it is not."""
    url = destination.url.rstrip("/")
    sources = (each for each in settings.sources if isinstance(each, FhirSource))
    return next((each.name for each in sources if each.url.rstrip("/") == url), "")


def _patient_policy(destination: FhirSettings) -> PatientPolicy:
    if not destination.create_patient:
        return PatientPolicy.SEARCH
    return PatientPolicy.UPDATE if destination.update_patient else PatientPolicy.CREATE


def _ian(settings: Settings, destination: DestinationSettings) -> Adapter:
    if not isinstance(destination, IanDestination):
        raise TypeError("the table of builders is wrong")
    return AvailabilityDestination(
        name=destination.name,
        remote=remote(settings, destination),
        retry=retry_policy(destination),
        retrieve_ae_title=settings.dicom.ae_title,
    )


def _hl7(settings: Settings, destination: DestinationSettings) -> Adapter:
    if not isinstance(destination, Hl7Settings):
        raise TypeError("the table of builders is wrong")
    kinds = _kinds(destination.events, HL7_KINDS)
    return build_hl7(settings, destination, retry_policy(destination), kinds)


def _webhook(settings: Settings, destination: DestinationSettings) -> Adapter:
    if not isinstance(destination, WebhookSettings):
        raise TypeError("the table of builders is wrong")
    return WebhookDestination(
        name=destination.name,
        url=destination.url,
        secret=_revealed(destination.secret),
        source=f"urn:bridge:{quote(settings.site.name, safe='')}",
        timeout=destination.timeout_seconds,
        retry=retry_policy(destination),
        kinds=_kinds(destination.events, KINDS),
    )


def _nats(settings: Settings, destination: DestinationSettings) -> Adapter:
    if not isinstance(destination, NatsSettings):
        raise TypeError("the table of builders is wrong")
    return NatsDestination(
        name=destination.name,
        broker=Broker(
            url=destination.url,
            subject=destination.subject,
            token=_revealed(destination.token),
            user=destination.user,
            password=_revealed(destination.password),
            credentials=destination.credentials,
            ca_file=destination.ca_file,
        ),
        source=f"urn:bridge:{quote(settings.site.name, safe='')}",
        timeout=destination.timeout_seconds,
        retry=retry_policy(destination),
        kinds=_kinds(destination.events, KINDS),
    )


def _revealed(secret: Secret | None) -> str:
    return secret.reveal() if secret else ""


def _kinds(events: Iterable[str], every: frozenset[EventKind]) -> frozenset[EventKind]:
    """The kinds that are named; every one when none is."""
    return frozenset(map(EventKind, events)) or every


_BUILDERS: Mapping[str, Callable[[Settings, DestinationSettings], Adapter]] = {
    FhirSettings.kind: _fhir,
    Hl7Settings.kind: _hl7,
    IanDestination.kind: _ian,
    WebhookSettings.kind: _webhook,
    NatsSettings.kind: _nats,
}
