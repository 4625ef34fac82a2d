"""Whether those whom the bridge has to call are there, for `bridge doctor`."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from bridge.dicom.scu import Remote, echo
from bridge.domain.errors import BridgeError
from bridge.hl7.return_connection import ReturnConnection
from bridge.settings import (
    ArchiveSource,
    DicomQuerySource,
    DicomStoreDestination,
    FhirSource,
    MppsDestination,
    Settings,
)
from bridge.wiring.destinations import Adapter, build_destinations, not_delivered
from bridge.wiring.examination import Finding
from bridge.wiring.hl7_answers import build_return_connections
from bridge.wiring.sources import archive_sources, fhir_sources, open_archive, source_server

PATIENCE_SECONDS = 5.0
"""Longest wait for a neighbour: one who asks wants an answer, and a healthy one gives it soon."""


def examine_neighbours(settings: Settings) -> Iterator[Finding]:
    """Call every destination and every peer that has an address."""
    for each in not_delivered(settings):
        words = f"this version does not deliver to kind {each.kind}"
        yield Finding(f"destination {each.name}", True, words)
    disabled = {each.name for each in settings.destinations if not each.enabled}
    for adapter in build_destinations(_impatient(settings)):
        with closing(adapter):
            if adapter.name in disabled:
                words = "disabled: its deliveries wait"
                yield Finding(f"destination {adapter.name}", True, words)
            else:
                yield _destination(adapter)
    for each in settings.destinations:
        if isinstance(each, DicomStoreDestination | MppsDestination):
            called = f"destination {each.name}"
            yield _application_entity(called, each.ae_title, each.host, each.port, settings)
    yield from map(_source, fhir_sources(settings))
    yield from (_archive(each, settings) for each in archive_sources(settings))
    for link in build_return_connections(settings):
        with closing(link):
            yield _return_connection(link)
    for peer in settings.dicom.peers:
        if peer.host and peer.port:
            called = f"peer {peer.ae_title}"
            yield _application_entity(called, peer.ae_title, peer.host, peer.port, settings)


def _impatient(settings: Settings) -> Settings:
    return replace(
        settings,
        destinations=tuple(
            replace(each, timeout_seconds=min(each.timeout_seconds, PATIENCE_SECONDS))
            for each in settings.destinations
        ),
    )


def _destination(adapter: Adapter) -> Finding:
    what = f"destination {adapter.name}"
    try:
        return Finding(what, True, adapter.check())
    except BridgeError as error:
        return Finding(what, False, error.message)


def _source(source: FhirSource) -> Finding:
    what = f"source {source.name}"
    patient = replace(source, timeout_seconds=min(source.timeout_seconds, PATIENCE_SECONDS))
    with closing(source_server(patient)) as server:
        try:
            return Finding(what, True, server.check())
        except BridgeError as error:
            return Finding(what, False, error.message)


def _archive(source: ArchiveSource, settings: Settings) -> Finding:
    if isinstance(source, DicomQuerySource):
        called = f"source {source.name}"
        return _application_entity(called, source.ae_title, source.host, source.port, settings)
    patient = replace(source, timeout_seconds=min(source.timeout_seconds, PATIENCE_SECONDS))
    with closing(open_archive(patient, settings.dicom.ae_title)) as archive:
        try:
            return Finding(f"source {source.name}", True, archive.check())
        except BridgeError as error:
            return Finding(f"source {source.name}", False, error.message)


def _return_connection(link: ReturnConnection) -> Finding:
    try:
        return Finding(link.name, True, link.check(PATIENCE_SECONDS))
    except BridgeError as error:
        return Finding(link.name, False, error.message)


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
