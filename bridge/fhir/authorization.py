"""Signing in at a FHIR server (SMART Backend Services; OAuth 2.0 client credentials, RFC 6749 4.4).

A token is asked for once and kept until shortly before its end, or until the server refuses it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock
from typing import Any, Protocol

import httpx2

from bridge.domain.delivery import TransportError
from bridge.domain.errors import BridgeError
from bridge.fhir.identifiers import Json
from bridge.fhir.outcome import read_object
from bridge.fhir.signing_keys import SigningKey

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS = 240.0  # at most five minutes (SMART App Launch 2.2, client assertions)
_LEEWAY = 60.0
_DEFAULT_LIFE = 300.0
"""What SMART recommends at most; for answers that do not say how long a token lives."""
_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_LONGEST_ANSWER = 1024 * 1024


class Authorization(Protocol):
    """Where the bearer token of each request comes from."""

    def token(self) -> str:
        """A token to show now. Raises TransportError when none can be had."""

    def refused(self, token: str) -> bool:
        """The server refused it; says whether another one may be asked for."""


class FixedToken:
    """A token that was configured."""

    def __init__(self, token: str) -> None:
        self._token = token

    def token(self) -> str:
        """The same each time, empty for none."""
        return self._token

    def refused(self, _token: str) -> bool:
        """There is no other."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who the bridge is at an authorization server.

    It proves that with `sign` (private_key_jwt), or with `secret` (client_secret_basic).
    `token_url` empty: the FHIR server says it.
    """

    client_id: str
    scope: str = "system/*.cruds"
    token_url: str = ""
    secret: str = field(default="", repr=False)
    sign: Callable[[], SigningKey] | None = None


class BackendServices:
    """Implements `Authorization`; one token for all threads, asked for by one of them."""

    def __init__(
        self, client: Client, base: str, http: httpx2.Client, clock: Callable[[], float]
    ) -> None:
        """`base` is the FHIR server's address, `clock` gives unix time."""
        self._client = client
        self._base = base
        self._http = http
        self._clock = clock
        self._lock = Lock()
        self._token = ""
        self._until = 0.0
        self._token_url = client.token_url

    def token(self) -> str:
        """The token in hand, or a new one.

        Raises:
            TransportError: nobody gives one: the destination as a whole waits.
        """
        with self._lock:
            if not self._token or self._clock() >= self._until:
                self._renew()
            return self._token

    def refused(self, token: str) -> bool:
        """Forget it, unless another thread has done so already."""
        with self._lock:
            if token == self._token:
                self._token = ""
            return True

    def _renew(self) -> None:
        self._token = ""
        asked_at = self._clock()
        answer = self._ask(self._token_url or self._discover())
        self._token = str(answer["access_token"])
        life = _seconds(answer.get("expires_in"))
        self._until = asked_at + max(life - min(_LEEWAY, life / 5), 0.0)

    def _ask(self, url: str) -> Json:
        form = {"grant_type": "client_credentials", "scope": self._client.scope}
        who: tuple[str, str] | None = None
        if self._client.sign is not None:
            assertion = self._assertion(self._client.sign, url)
            form |= {"client_assertion_type": _ASSERTION, "client_assertion": assertion}
        else:
            who = (self._client.client_id, self._client.secret)
        # The form holds what proves who we are: it is in no error, and so in no journal.
        response = self._exchange(
            self._http.build_request("POST", url, data=form, headers=_ACCEPT), auth=who
        )
        body = read_object(response.content[:_LONGEST_ANSWER]) or {}
        if not response.is_success or not isinstance(body.get("access_token"), str):
            said = str(body.get("error") or "no access token")[:100]
            self._token_url = self._client.token_url  # it may have moved
            raise _unauthorized(f"HTTP {response.status_code}: {said}", response)
        return body

    def _assertion(self, sign: Callable[[], SigningKey], url: str) -> str:
        try:
            key = sign()
        except BridgeError as error:
            raise TransportError(error.message, permanent=False, unreachable=True) from error
        now = self._clock()
        return key.sign(
            {
                "iss": self._client.client_id,
                "sub": self._client.client_id,
                "aud": url,
                "exp": int(now + _ASSERTION_SECONDS),
                "iat": int(now),
                "jti": str(uuid.uuid4()),
            }
        )

    def _discover(self) -> str:
        """The token endpoint as the FHIR server tells it: SMART's document, else its statement."""
        found = self._document(".well-known/smart-configuration").get("token_endpoint")
        if not isinstance(found, str) or not found:
            found = _of_statement(self._document("metadata"))
        if not found:
            raise TransportError(
                "the server does not say where tokens are to be had: configure `token_url`",
                permanent=False,
                unreachable=True,
            )
        self._token_url = found
        return found

    def _document(self, path: str) -> Json:
        request = self._http.build_request("GET", f"{self._base}/{path}", headers=_ACCEPT)
        response = self._exchange(request)
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _unauthorized(f"HTTP {response.status_code} for {path}", response)
        body = read_object(response.content[:_LONGEST_ANSWER]) if response.is_success else None
        return body or {}

    def _exchange(
        self, request: httpx2.Request, auth: tuple[str, str] | None = None
    ) -> httpx2.Response:
        try:
            return self._http.send(request, auth=auth)
        except (httpx2.HTTPError, OSError) as error:
            text = f"the authorization server cannot be reached: {type(error).__name__} {error}"
            raise TransportError(text.rstrip(), permanent=False, unreachable=True) from error


_ACCEPT = {"Accept": "application/json"}


def _unauthorized(what: str, response: httpx2.Response) -> TransportError:
    return TransportError(
        f"no token from the authorization server: {what}",
        permanent=False,
        unreachable=True,
        response=response.content[:2000],
    )


def _seconds(said: object) -> float:
    try:
        life = float(str(said))
    except ValueError:
        return _DEFAULT_LIFE
    return life if life > 0 else _DEFAULT_LIFE


def _of_statement(statement: Json) -> str:
    """`rest.security.extension` of a CapabilityStatement, as SMART had it first."""
    rest: Any = statement.get("rest")
    for each in rest if isinstance(rest, list) else ():
        security = each.get("security", {}) if isinstance(each, dict) else {}
        for extension in security.get("extension", ()):
            if extension.get("url") != _OAUTH_URIS:
                continue
            for part in extension.get("extension", ()):
                if part.get("url") == "token":
                    return str(part.get("valueUri", ""))
    return ""
