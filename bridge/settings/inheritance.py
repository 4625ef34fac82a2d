"""Defaults that depend on other settings."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

from bridge.settings.addresses import is_everywhere
from bridge.settings.hl7 import Hl7, Hl7Listener
from bridge.settings.sources import FhirSource, OrderSource
from bridge.settings.tree import Http, Settings, Site
from bridge.settings.values import DatabaseUrl
from bridge.settings.viewer import ImageViewer


def inherit(settings: Settings) -> Settings:
    """Return the settings with every default filled in that follows from another setting."""
    site = replace(
        settings.site, assigning_authority=settings.site.assigning_authority or settings.site.name
    )
    return replace(
        settings,
        site=site,
        database=settings.database or DatabaseUrl(f"sqlite:///{settings.var / 'bridge.db'}"),
        images=settings.images or str(settings.var / "images"),
        http=_inherit_http(settings.http),
        viewer=_inherit_viewer(settings.viewer, settings.var),
        hl7=_inherit_hl7(settings.hl7, site),
        sources=tuple(_inherit_source(each, site) for each in settings.sources),
    )


def _inherit_http(http: Http) -> Http:
    return replace(http, public_url=http.public_url or public_url(http.host, http.port))


def _inherit_viewer(viewer: ImageViewer, var: Path) -> ImageViewer:
    return replace(
        viewer,
        folder=viewer.folder or var / "viewer",
        public_url=viewer.public_url or public_url(viewer.host, viewer.port),
    )


def public_url(host: str, port: int) -> str:
    """Return the address others use, as far as it can be told from where we listen."""
    named = socket.gethostname() if is_everywhere(host) else host
    return f"http://[{named}]:{port}" if ":" in named else f"http://{named}:{port}"


def _inherit_hl7(hl7: Hl7, site: Site) -> Hl7:
    return replace(hl7, listeners=tuple(_inherit_listener(each, site) for each in hl7.listeners))


def _inherit_listener(listener: Hl7Listener, site: Site) -> Hl7Listener:
    return replace(
        listener,
        assigning_authority=listener.assigning_authority or site.assigning_authority,
    )


def _inherit_source(source: OrderSource, site: Site) -> OrderSource:
    authority = source.assigning_authority or site.assigning_authority
    source = replace(source, assigning_authority=authority)
    if isinstance(source, FhirSource) and not source.profile:
        return replace(source, profile=f"fhir-{source.version.lower()}")
    return source
