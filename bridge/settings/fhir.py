"""The FHIR server at `/fhir`: release, profiles, and who may ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bridge.settings.addresses import HTTP_URL
from bridge.settings.schema import Items, Value, Values, described
from bridge.settings.terms import NAME, PATH, SECRET, choice, integer
from bridge.settings.values import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirToken:
    """One client of the FHIR server."""

    name: str = field(
        metadata=described(NAME, "Name of the client; its messages carry it.", example="ehr")
    )
    token: Secret = field(
        metadata=described(
            Value(SECRET), "Bearer token that its requests carry.", example="a-long-random-text"
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fhir:
    """The FHIR server, at `/fhir` of the HTTP listener."""

    version: str = field(
        default="R4",
        metadata=described(
            choice("R4", "R5"),
            "Release spoken with clients that do not name one (`fhirVersion` of the media type).",
        ),
    )
    profile: str = field(
        default="fhir-r4",
        metadata=described(NAME, "Mapping profile of what clients write in R4."),
    )
    profile_r5: str = field(
        default="fhir-r5",
        metadata=described(NAME, "Mapping profile of what clients write in R5."),
    )
    tokens: tuple[FhirToken, ...] = field(
        default=(),
        metadata=described(
            Items({"": FhirToken}, named_by="name"),
            "Who may ask. Without any token only this machine may, wherever else is listened.",
        ),
    )
    keys: Path | None = field(
        default=None,
        metadata=described(
            Value(PATH, optional=True),
            "Folder of the keys that the bridge signs with at other servers (`bridge signing-key`)."
            " Nodes that stand for one another share it.",
            derived="`VAR/keys`",
        ),
    )
    subscription_endpoints: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(HTTP_URL),
            "Addresses, or their beginnings, to which notifications of subscriptions may go; none"
            " given: any.",
        ),
    )
    subscription_attempts: int = field(
        default=12,
        metadata=described(
            integer(1, 10_000),
            "Attempts in a row that a subscriber may fail before its subscription is turned off.",
        ),
    )
    max_body_bytes: int = field(
        default=16 * 1024 * 1024,
        metadata=described(integer(1024, 1024**3, "bytes"), "Longest request body taken."),
    )
