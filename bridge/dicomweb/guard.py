"""Who may ask for images and bring some: programs with a key, or else only this machine."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from ipaddress import ip_address

from fastapi import HTTPException, Request

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
        if _is_loopback(address):
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


def _is_loopback(client: str) -> bool:
    try:
        address = ip_address(client)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)
