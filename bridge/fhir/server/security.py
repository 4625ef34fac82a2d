"""Who may ask: bearer tokens of the configuration (RFC 6750), or else only this machine."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.domain.network import is_loopback
from bridge.fhir.server.exchange import Request
from bridge.fhir.server.refusals import FhirRefusal

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="fhir"'}
_OPEN = frozenset({"metadata"})


@dataclass(frozen=True, slots=True)
class Guard:
    """`tokens` are the secrets by the name of who has each. Without any, only loopback may ask."""

    tokens: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_closed(self) -> bool:
        """Whether a token is asked for."""
        return bool(self.tokens)

    def user_of(self, request: Request) -> str:
        """The name of who asks; empty where nobody has a name. Raises FhirRefusal 401."""
        if request.path.strip("/") in _OPEN and request.method in ("GET", "HEAD"):
            return ""
        if not self.tokens:
            if is_loopback(request.client):
                return ""
            raise FhirRefusal(
                401,
                "no bearer tokens are configured (fhir.tokens), so only this machine may ask",
                code="security",
                headers=_CHALLENGE,
            )
        scheme, _, token = request.header("authorization").partition(" ")
        said = token.strip().encode() if scheme.lower() == "bearer" else b""
        found = [n for n, known in self.tokens.items() if hmac.compare_digest(said, known.encode())]
        if not found or not said:
            raise FhirRefusal(
                401, "a bearer token is needed, and this is none of ours", headers=_CHALLENGE
            )
        return found[0]
