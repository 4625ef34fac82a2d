"""A FHIR server over HTTP (FHIR R4 3.1): requests, searches, and errors that say what to do."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import MappingProxyType

import httpx2

from bridge.domain.delivery import TransportError
from bridge.domain.errors import BridgeError
from bridge.fhir.authorization import Authorization, BackendServices, Client, FixedToken
from bridge.fhir.identifiers import Json
from bridge.fhir.outcome import Refusal, failure, read_object
from bridge.services.fence import check_held

MEDIA_TYPE = "application/fhir+json"
_READS = frozenset({"GET", "HEAD"})
MAXIMUM_ANSWER = 16 * 1024 * 1024
"""Longest answer read, in bytes. Ours are asked to be minimal; searches are by identifier."""

# Shorter than servers keep idle connections (the shortest known: 5 s), so that a request rarely
# meets one that is just being closed.
_KEEP_ALIVE = 4.0

_CONNECT = 5.0
"""Longest wait for a connection, in seconds: who takes longer is not there."""

NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_VERSION = re.compile(r'(?:W/)?"?([^"]+)"?')


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where a FHIR server is and how to sign in. Secrets are not shown."""

    url: str
    timeout: float = 30.0
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    authorities: str = ""
    """PEM file of the certificate authorities to trust; empty is the system's."""
    certificate: str = ""
    certificate_key: str = ""
    """PEM files of the certificate that the bridge shows (mutual TLS); empty for none."""
    client: Client | None = field(default=None, repr=False)
    """Who the bridge is at the authorization server, where tokens are to be asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer. `body` is the JSON object, None when there was none."""

    status: int
    raw: bytes
    body: Json | None
    location: str = ""
    version: str = ""


class FhirClient:
    """One server, from any number of threads, over connections that are kept."""

    def __init__(self, server: Server) -> None:
        self._base = server.url.rstrip("/")
        self._root = httpx2.URL(self._base)  # reading an address costs as much as a small query
        self._timeout = server.timeout
        verified = trusted(server)
        basic = (server.username, server.password) if server.username else None
        self._http = _connections(server, verified, _headers(server), basic)
        self._signing_in = _connections(server, verified, {}, None)
        self._authorization: Authorization = FixedToken(server.token)
        if server.client is not None:
            self._authorization = BackendServices(
                server.client, self._base, self._signing_in, time.time
            )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        self._signing_in.close()

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        repeatable: bool = True,
    ) -> Answer:
        """Make a request; `path` is relative to the base and URL-encoded, empty for the base.

        A `repeatable` request is made once more, at once, when the connection breaks: mostly it
        was an idle one that the server was just closing. So is one whose token the server no
        longer takes, with a new token.

        Raises:
            TransportError: nobody was there, or the answer is not a success.
        """
        for last in (False, True):
            token = self._authorization.token()
            signed = {**headers, **({"Authorization": f"Bearer {token}"} if token else {})}
            try:
                return self._request(method, path, body, signed, repeatable=repeatable)
            except Refusal as refusal:
                expired = refusal.status == HTTPStatus.UNAUTHORIZED
                if last or not (expired and self._authorization.refused(token)):
                    raise
        raise AssertionError  # the last round returns or raises

    def _request(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        repeatable: bool,
    ) -> Answer:
        request = self._http.build_request(
            method,
            f"{self._base}/{path}" if path else self._root,
            content=body or None,
            headers=dict(headers),
        )
        # httpx2's timeouts are for each read. The deadline is for all, so that neither an answer
        # that drips nor one more try holds a lane for longer.
        deadline = time.monotonic() + self._timeout
        for last in (not repeatable, True):
            if method not in _READS:
                check_held()
            try:
                return self._exchange(request, body, deadline)
            except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
                raise _lost("cannot be reached", error, body, unreachable=True) from error
            except httpx2.TimeoutException as error:
                raise _lost("no answer in time", error, body) from error
            except httpx2.RequestError as error:
                if last or time.monotonic() > deadline:
                    raise _lost("the connection broke", error, body) from error
        raise AssertionError  # the last round returns or raises

    def search(self, kind: str, where: str) -> list[Json]:
        """The resources of a type that the criteria find, those merely included left out.

        Raises:
            TransportError: nobody was there, or the answer is not a searchset.
        """
        answer = self.request("GET", f"{kind}?{where}")
        entries = (answer.body or {}).get("entry", [])
        if (answer.body or {}).get("resourceType") != "Bundle" or not isinstance(entries, list):
            raise TransportError(
                "the server answered a search with no Bundle", permanent=False, response=answer.raw
            )
        resources = (entry.get("resource") for entry in entries if isinstance(entry, dict))
        return [r for r in resources if isinstance(r, dict) and r.get("resourceType") == kind]

    def _exchange(self, request: httpx2.Request, body: bytes, deadline: float) -> Answer:
        response = self._http.send(request, stream=True)
        try:
            raw = bytearray()
            for chunk in response.iter_bytes():
                raw += chunk
                if len(raw) > MAXIMUM_ANSWER:
                    raise TransportError("the answer is too long", permanent=False, request=body)
                if time.monotonic() > deadline:
                    raise TransportError("no answer in time", permanent=False, request=body)
        finally:
            response.close()
        return _read(response, bytes(raw), body)


def _read(response: httpx2.Response, raw: bytes, request: bytes) -> Answer:
    if not response.is_success:
        after = _retry_after(response.headers)
        raise failure(response.status_code, raw, request=request, retry_after=after)
    body = read_object(raw)
    if raw and body is None:
        # A sign-in page of some proxy, say: success only in name.
        raise TransportError(
            "the server answered with something else than FHIR JSON",
            permanent=False,
            request=request,
            response=raw,
        )
    match = _VERSION.fullmatch(response.headers.get("ETag", ""))
    return Answer(
        response.status_code,
        raw,
        body,
        location=response.headers.get("Location", ""),
        version=match[1] if match else "",
    )


def _lost(
    what: str, error: Exception, request: bytes, *, unreachable: bool = False
) -> TransportError:
    return TransportError(
        f"{what}: {type(error).__name__} {error}".rstrip(),
        permanent=False,
        unreachable=unreachable,
        request=request,
    )


def trusted(server: Server) -> ssl.SSLContext:
    """Whom the bridge trusts there, and what it shows. Raises BridgeError for unusable files."""
    try:
        context = ssl.create_default_context(cafile=server.authorities or None)
        if server.certificate:
            context.load_cert_chain(server.certificate, server.certificate_key or None)
    except (OSError, ssl.SSLError) as error:
        raise BridgeError(f"a certificate for {server.url} cannot be used: {error}") from error
    return context


def _connections(
    server: Server,
    verified: ssl.SSLContext,
    headers: Mapping[str, str],
    basic: tuple[str, str] | None,
) -> httpx2.Client:
    return httpx2.Client(
        auth=basic,
        headers=dict(headers),
        timeout=httpx2.Timeout(server.timeout, connect=min(server.timeout, _CONNECT)),
        limits=httpx2.Limits(max_connections=None, keepalive_expiry=_KEEP_ALIVE),
        verify=verified,
        # A destination is reached as it is configured, whatever the environment holds, and
        # patient data goes to no other address.
        trust_env=False,
        follow_redirects=False,
    )


def _headers(server: Server) -> dict[str, str]:
    return {
        "Accept": MEDIA_TYPE,
        "Content-Type": MEDIA_TYPE,
        "Prefer": "return=minimal",
        **server.headers,
    }


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of Retry-After (RFC 9110 10.2.3), given as a number or as a date."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
