"""OpenID Connect Core 1.0: the authorization code flow with PKCE (RFC 7636), as a relying party."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bridge.domain.access import Account, Role
from bridge.domain.errors import BridgeError

_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
"""Signatures only: with a shared secret whoever knows it could sign in as anybody."""
_TIMEOUT_SECONDS = 10.0
_LEEWAY_SECONDS = 60
_FRESH_SECONDS = 3600.0


class ProviderFails(BridgeError):
    """The provider cannot be reached, or says what makes no sense."""

    permanent = False


class NotVouchedFor(BridgeError):
    """The provider does not vouch for whoever came, or they have no role here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider, as configured. `roles` maps each role to the claim's values that give it."""

    issuer: str
    name: str
    client_id: str
    redirect_uri: str
    client_secret: str = ""
    scopes: Sequence[str] = ("openid",)
    name_claim: str = "preferred_username"
    role_claim: str = "groups"
    roles: Mapping[Role, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a browser carries between leaving for the provider and coming back."""

    state: str
    nonce: str
    verifier: str


class OpenIdClient:
    """Sends people to the provider, and reads who they are when they come back."""

    def __init__(
        self, provider: Provider, clock: Callable[[], float], http: httpx2.Client | None = None
    ) -> None:
        self.provider = provider
        self._clock = clock
        # People sign in now and then: no connection waits for the next one.
        self._http = http or httpx2.Client(
            timeout=_TIMEOUT_SECONDS, limits=httpx2.Limits(max_keepalive_connections=0)
        )
        self._lock = threading.Lock()
        self._metadata: Mapping[str, Any] = {}
        self._keys: KeySet | None = None
        self._read_at = 0.0

    def address(self, request: Request) -> str:
        """Where to send the browser (section 3.1.2.1). Raises ProviderFails."""
        parameters = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self.provider.redirect_uri,
            "scope": " ".join(self.provider.scopes),
            "state": request.state,
            "nonce": request.nonce,
            "code_challenge": _challenge(request.verifier),
            "code_challenge_method": "S256",
        }
        endpoint = self._told("authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"

    def account(self, code: str, request: Request) -> Account:
        """Who came back with this code.

        Raises ProviderFails, or NotVouchedFor when the token is not for us or gives no role.
        """
        tokens = self._redeem(code, request.verifier)
        claims = self._verified(str(tokens.get("id_token", "")), request.nonce)
        if _at(claims, self.provider.role_claim) is None and tokens.get("access_token"):
            claims = self._with_user_info(claims, str(tokens["access_token"]))
        return self._account_of(claims)

    def _account_of(self, claims: Mapping[str, Any]) -> Account:
        provider = self.provider
        held = _texts(_at(claims, provider.role_claim))
        role = next((r for r in reversed(Role) if provider.roles.get(r, frozenset()) & held), None)
        shown = str(claims.get(provider.name_claim) or claims.get("sub") or "")
        if role is None or not shown:
            raise NotVouchedFor("the provider gives this person no role here")
        name = f"{provider.name}:{shown}"
        return Account(name=name, role=role, display_name=str(claims.get("name") or shown))

    def _redeem(self, code: str, verifier: str) -> Mapping[str, Any]:
        """Exchange the code for tokens (section 3.1.3.1)."""
        provider = self.provider
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": provider.redirect_uri,
            "code_verifier": verifier,
        }
        # What a provider does not say is client_secret_basic (Discovery 1.0 section 3).
        ways = self._discovered().get("token_endpoint_auth_methods_supported")
        basic = provider.client_secret and (not ways or "client_secret_basic" in ways)
        if not basic:
            form["client_id"] = provider.client_id
            form |= {"client_secret": provider.client_secret} if provider.client_secret else {}
        auth = _basic(provider.client_id, provider.client_secret) if basic else None
        return self._json("POST", self._told("token_endpoint"), data=form, auth=auth)

    def _verified(self, id_token: str, nonce: str) -> Mapping[str, Any]:
        """The claims of an ID token, validated as section 3.1.3.7 says."""
        try:
            token = self._decoded(id_token)
            jwt.JWTClaimsRegistry(
                now=lambda: int(self._clock()),
                leeway=_LEEWAY_SECONDS,
                iss={"essential": True, "value": self.provider.issuer},
                aud={"essential": True, "value": self.provider.client_id},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(token.claims)
        except (JoseError, ValueError) as error:
            raise NotVouchedFor(f"the provider's ID token is not valid: {error}") from error
        party = token.claims.get("azp", self.provider.client_id)
        if party != self.provider.client_id:
            raise NotVouchedFor("the provider's ID token was made for another client")
        return token.claims

    def _decoded(self, id_token: str) -> jwt.Token:
        """The token, its signature checked; keys that are new to us are fetched once."""
        try:
            return jwt.decode(id_token, self._key_set(), algorithms=_ALGORITHMS)
        except (JoseError, ValueError):
            self._forget()
            return jwt.decode(id_token, self._key_set(), algorithms=_ALGORITHMS)

    def _with_user_info(self, claims: Mapping[str, Any], access_token: str) -> Mapping[str, Any]:
        """Claims that the ID token leaves to the UserInfo endpoint (section 5.3)."""
        endpoint = self._discovered().get("userinfo_endpoint")
        if not endpoint:
            return claims
        headers = {"Authorization": f"Bearer {access_token}"}
        told = self._json("GET", str(endpoint), headers=headers)
        if told.get("sub") != claims.get("sub"):
            raise NotVouchedFor("the provider answered of another person")
        return {**told, **claims}

    def _discovered(self) -> Mapping[str, Any]:
        """The provider's metadata (Discovery 1.0), read at most once an hour."""
        with self._lock:
            if self._metadata and self._clock() - self._read_at < _FRESH_SECONDS:
                return self._metadata
            issuer = self.provider.issuer
            where = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
            metadata = self._json("GET", where)
            if metadata.get("issuer") != issuer:
                raise ProviderFails(f"the provider calls itself {metadata.get('issuer')!r}")
            self._metadata, self._keys, self._read_at = metadata, None, self._clock()
            return metadata

    def _key_set(self) -> KeySet:
        metadata = self._discovered()
        if self._keys is None:
            keys = self._json("GET", str(metadata.get("jwks_uri", "")))
            self._keys = KeySet.import_key_set({"keys": keys.get("keys", [])})
        return self._keys

    def _forget(self) -> None:
        with self._lock:
            self._metadata = {}

    def _told(self, name: str) -> str:
        said = self._discovered().get(name)
        if not isinstance(said, str):
            raise ProviderFails(f"the provider does not name its {name}")
        return said

    def _json(self, method: str, url: str, **how: Any) -> Mapping[str, Any]:
        try:
            answer = self._http.request(method, url, **how)
            body = answer.json()
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            words = f"the OpenID provider cannot be asked ({type(error).__name__})"
            raise ProviderFails(words) from error
        if answer.is_error or not isinstance(body, dict):
            said = body.get("error", "") if isinstance(body, dict) else ""
            raise ProviderFails(f"the OpenID provider answers {answer.status_code} {said}".strip())
        return body


def _basic(client_id: str, secret: str) -> httpx2.BasicAuth:
    """RFC 6749 section 2.3.1: both are form-encoded first."""
    encoded = (urlencode({"": each})[1:] for each in (client_id, secret))
    return httpx2.BasicAuth(*encoded)


def _challenge(verifier: str) -> str:
    hashed = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """A claim by its name, or by the names that lead to it."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _texts(value: Any) -> frozenset[str]:
    many = value if isinstance(value, list) else [value]
    return frozenset(str(each) for each in many if isinstance(each, str))
