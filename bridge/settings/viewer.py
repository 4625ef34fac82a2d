"""The viewer: where its files lie, and the port it is served from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bridge.settings.addresses import BASE_URL, HOST, LISTEN_PORT
from bridge.settings.destination import LOOPBACK
from bridge.settings.schema import Value, described
from bridge.settings.terms import PATH


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageViewer:
    """OHIF, served to whoever is signed in at the console. Without its files there is none."""

    folder: Path | None = field(
        default=None,
        metadata=described(
            Value(PATH, optional=True),
            "Folder of its files, as `make viewer` puts them.",
            derived="`VAR/viewer`",
        ),
    )
    host: str = field(
        default=LOOPBACK,
        metadata=described(HOST, "Address to listen on; `0.0.0.0` is every interface."),
    )
    port: int = field(
        default=8081,
        metadata=described(
            LISTEN_PORT,
            "Port to listen on; its own, so that OHIF's"
            " pages and the console's are kept apart by browsers.",
        ),
    )
    public_url: str = field(
        default="",
        metadata=described(
            Value(BASE_URL, optional=True),
            "Address under which browsers reach it. Its host must be that of `http.public_url`,"
            " whose sign-in it takes.",
            derived="`http://HOST:PORT`",
        ),
    )
