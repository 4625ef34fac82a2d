"""Who may ask for images and bring some: programs with a key, or else only this machine."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from fastapi import HTTPException, Request

from bridge.domain.network import is_loopback

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="dicom-web"'}

MayAsk = Callable[[str, str, bool], bool]
"""Told the bearer token, where it came from, and whether something is to be stored."""


def guard(may_ask: MayAsk) -> Callable[[Request], None]:
    """A dependency of routes: whoever sits at this machine may ask, others need a key (RFC 6750).

    Raises HTTPException 401.
    """

    def check(request: Request) -> None:
        address = request.client.host if request.client else ""
        if is_loopback(address):
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        stores = request.method not in _READS
        if scheme.lower() != "bearer" or not may_ask(token.strip(), address, stores):
            raise HTTPException(
                HTTPStatus.UNAUTHORIZED,
                "from elsewhere a key is needed (`bridge key add --scope images:read`)",
                headers=_CHALLENGE,
            )

    return check
