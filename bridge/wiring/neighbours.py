"""Whether those whom the bridge has to call are there, for `bridge doctor`."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from bridge.dicom.scu import Remote, echo
from bridge.dicomweb.forwarding import check
from bridge.domain.errors import BridgeError
from bridge.hl7.return_connection import ReturnConnection
from bridge.settings import (
    ArchiveSource,
    Destination,
    DicomQuerySource,
    DicomStoreDestination,
    FhirSource,
    MppsDestination,
    Settings,
    StowDestination,
)
from bridge.wiring.destinations import build_destinations
from bridge.wiring.examination import Finding
from bridge.wiring.forwarding import stow_server
from bridge.wiring.hl7_answers import build_return_connections
from bridge.wiring.sources import archive_sources, fhir_sources, open_archive, source_server

PATIENCE_SECONDS = 5.0
"""Longest wait for a neighbour: one who asks wants an answer, and a healthy one gives it soon."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One whom the bridge has to call: its name among all, and the call."""

    key: str
    examine: Callable[[], Finding]


def examine_neighbours(settings: Settings) -> Iterator[Finding]:
    """Call every destination and every peer that has an address."""
    return (each.examine() for each in neighbours(settings))


def neighbours(settings: Settings) -> Iterator[Neighbour]:
    """Everybody whom the bridge has to call; nobody is called before `examine`."""
    for destination in settings.destinations:
        call = partial(_destination, destination, settings)
        yield Neighbour(f"destination {destination.name}", call)
    for source in fhir_sources(settings):
        yield Neighbour(f"source {source.name}", partial(_source, source, settings))
    for archive in archive_sources(settings):
        yield Neighbour(f"source {archive.name}", partial(_archive, archive, settings))
    for link in build_return_connections(settings):
        yield Neighbour(link.name, partial(_return_connection, link))
    for peer in settings.dicom.peers:
        if peer.host and peer.port:
            called = f"peer {peer.ae_title}"
            call = partial(
                _application_entity, called, peer.ae_title, peer.host, peer.port, settings
            )
            yield Neighbour(called, call)


def _destination(destination: Destination, settings: Settings) -> Finding:
    what = f"destination {destination.name}"
    if isinstance(destination, DicomStoreDestination | MppsDestination):
        at = (destination.ae_title, destination.host, destination.port)
        return _application_entity(what, *at, settings)
    patience = min(destination.timeout_seconds, PATIENCE_SECONDS)
    if isinstance(destination, StowDestination):
        server = replace(stow_server(destination), timeout=patience)
        return _said(what, partial(check, server))
    impatient = replace(destination, timeout_seconds=patience)
    alone = replace(settings, destinations=(impatient,))
    if not destination.enabled:
        return Finding(what, True, "disabled: its deliveries wait")
    (adapter,) = build_destinations(alone)
    with closing(adapter):
        return _said(what, adapter.check)


def _said(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, check())
    except BridgeError as error:
        return Finding(what, False, error.message)


def _source(source: FhirSource, settings: Settings) -> Finding:
    what = f"source {source.name}"
    patient = replace(source, timeout_seconds=min(source.timeout_seconds, PATIENCE_SECONDS))
    with closing(source_server(settings, patient)) as server:
        return _said(what, server.check)


def _archive(source: ArchiveSource, settings: Settings) -> Finding:
    if isinstance(source, DicomQuerySource):
        called = f"source {source.name}"
        return _application_entity(called, source.ae_title, source.host, source.port, settings)
    patient = replace(source, timeout_seconds=min(source.timeout_seconds, PATIENCE_SECONDS))
    with closing(open_archive(patient, settings.dicom.ae_title)) as archive:
        return _said(f"source {source.name}", archive.check)


def _return_connection(link: ReturnConnection) -> Finding:
    with closing(link):
        return _said(link.name, partial(link.check, PATIENCE_SECONDS))


def _application_entity(
    what: str, ae_title: str, host: str, port: int, settings: Settings
) -> Finding:
    ours = settings.dicom.ae_title
    remote = Remote(ae_title=ae_title, host=host, port=port, calling_ae_title=ours)
    try:
        # The library waits for minutes for a connection to a host that is switched off.
        socket.create_connection((host, port), PATIENCE_SECONDS).close()
        echo(remote)
    except OSError as error:
        words = f"nobody answers at {host}:{port}: {error.strerror or error}"
        return Finding(what, False, words)
    except BridgeError as error:
        return Finding(what, False, error.message)
    return Finding(what, True, f"C-ECHO succeeded at {host}:{port}")
