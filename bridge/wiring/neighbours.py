"""Whether those whom the bridge has to call are there, for `bridge doctor`."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from bridge.dicom.scu import Remote, echo
from bridge.domain.errors import BridgeError
from bridge.settings import FhirSource, Peer, Settings
from bridge.wiring.destinations import Adapter, build_destinations, not_delivered
from bridge.wiring.examination import Finding
from bridge.wiring.sources import fhir_sources, source_server

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
    for source in fhir_sources(settings):
        yield _source(source)
    for peer in settings.dicom.peers:
        if peer.host and peer.port:
            yield _peer(peer, peer.host, peer.port, settings.dicom.ae_title)


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


def _peer(peer: Peer, host: str, port: int, our_title: str) -> Finding:
    what = f"peer {peer.ae_title}"
    remote = Remote(ae_title=peer.ae_title, host=host, port=port, calling_ae_title=our_title)
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
