"""Ports taken, and what keeps one from being taken said in words."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from bridge.domain.errors import BridgeError

_BACKLOG = 128


def bridge_urn(site_name: str) -> str:
    """The bridge's own name, a URI: what events and resources say they come from."""
    return f"urn:bridge:{quote(site_name, safe='')}"


class CannotListen(BridgeError):
    """An address of the configuration is not to be had: taken, not ours, or not allowed."""

    permanent = False


@contextmanager
def listening(what: str, host: str, port: int) -> Iterator[None]:
    """Turn what the system says into a sentence that names the listener and its address."""
    try:
        yield
    except OSError as error:
        raise CannotListen(f"{what} cannot listen on {host}:{port}: {_reason(error)}") from error


def listen(what: str, host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket that listens; port 0 takes any that is free. Raises CannotListen.

    `shared` lets other processes of ours listen there, too.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with listening(what, host, port):
        taken = socket.socket(family, socket.SOCK_STREAM)
        try:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            taken.bind((host, port))
            taken.listen(_BACKLOG)
        except OSError:
            taken.close()
            raise
    return taken


def _reason(error: OSError) -> str:
    """The system's own words; name resolution numbers its errors from -1 downwards."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error)
