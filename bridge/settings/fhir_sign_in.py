"""How the bridge signs in at FHIR servers: passwords, certificates, SMART Backend Services."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bridge.settings.addresses import HTTP_URL
from bridge.settings.schema import Value, described
from bridge.settings.terms import PATH, SECRET, TEXT, choice
from bridge.settings.values import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Who the bridge is at the server; what is empty is not used."""

    username: str = field(
        default="", metadata=described(Value(TEXT, optional=True), "User of HTTP Basic.")
    )
    password: Secret | None = field(
        default=None, metadata=described(Value(SECRET, optional=True), "Password of the user.")
    )
    client_id: str = field(
        default="",
        metadata=described(
            Value(TEXT, optional=True),
            "Id that the authorization server gave the bridge. With it, tokens are asked for: with"
            " a signed assertion (SMART Backend Services; the public keys are at"
            " `/.well-known/jwks.json`), or with `client_secret`.",
        ),
    )
    client_secret: Secret | None = field(
        default=None,
        metadata=described(
            Value(SECRET, optional=True), "For servers that take no signed assertions."
        ),
    )
    scope: str = field(
        default="system/*.cruds",
        metadata=described(TEXT, "Scopes asked for, separated by spaces."),
    )
    token_url: str = field(
        default="",
        metadata=described(
            Value(HTTP_URL, optional=True),
            "Where tokens are to be had.",
            derived="what the server says (`.well-known/smart-configuration`, else its statement)",
        ),
    )
    algorithm: str = field(
        default="",
        metadata=described(
            Value(choice("RS384", "ES384"), optional=True),
            "Algorithm of the key that signs; empty is that of the newest key.",
        ),
    )
    certificate: Path | None = field(
        default=None,
        metadata=described(
            Value(PATH, optional=True), "PEM file of the certificate to show (mutual TLS)."
        ),
    )
    certificate_key: Path | None = field(
        default=None,
        metadata=described(
            Value(PATH, optional=True), "PEM file of its key, where that is another file."
        ),
    )
    authorities: Path | None = field(
        default=None,
        metadata=described(
            Value(PATH, optional=True),
            "PEM file of the authorities that may have signed the server's certificate; empty: the"
            " system's.",
        ),
    )
