"""The viewer on its port: OHIF's files, and the images for whoever is signed in at the console."""

from __future__ import annotations

import socket
from pathlib import Path

from fastapi import FastAPI, Request

from bridge.console.access import Access
from bridge.dicomweb.router import wado_router
from bridge.domain.access import Role
from bridge.settings import Settings
from bridge.viewer.application import is_there, viewer_application
from bridge.wiring.addresses import listen
from bridge.wiring.core import Core


def has_viewer(settings: Settings) -> bool:
    """Whether its files lie where the settings say."""
    return is_there(_folder(settings))


def viewer_address(settings: Settings) -> str:
    """The address under which browsers reach the viewer; empty where there is none."""
    return settings.viewer.public_url.rstrip("/") if has_viewer(settings) else ""


def link_to_viewer(settings: Settings) -> str:
    """Where a person sees a study in a viewer, as receivers are told; empty where there is none.

    Where the bridge serves one, its own address that checks who asks and leads there: it stays
    right when the viewer moves.
    """
    if settings.http.viewer_url or not has_viewer(settings):
        return settings.http.viewer_url
    return f"{settings.http.public_url.rstrip('/')}/open?study={{study_instance_uid}}"


def listen_for_viewer(settings: Settings, *, shared: bool) -> socket.socket:
    """Take the viewer's port. Raises CannotListen."""
    viewer = settings.viewer
    return listen("the viewer", viewer.host, viewer.port, shared=shared)


def build_viewer(core: Core, access: Access) -> FastAPI:
    """The application that is served at that port."""

    def may_read(request: Request) -> bool:
        user = access.user_of(request)
        return user is not None and user.role.covers(Role.VIEWER)

    settings = core.settings
    return viewer_application(
        _folder(settings),
        wado_router(core.images, pool=core.pixels),
        may_read,
        title=settings.site.name,
        console=settings.http.public_url,
    )


def _folder(settings: Settings) -> Path:
    """Where the files are; settings that were loaded always say."""
    return settings.viewer.folder or settings.var / "viewer"
