"""The console: how long a sign-in holds, and an OpenID provider that vouches for people."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.settings.addresses import BASE_URL
from bridge.settings.schema import Section, Value, Values, described
from bridge.settings.terms import NAME, SECRET, TEXT, integer, number
from bridge.settings.values import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenId:
    """An OpenID Connect provider; the redirect URI is `PUBLIC_URL/sign-in/openid/callback`."""

    issuer: str = field(
        default="",
        metadata=described(Value(BASE_URL, optional=True), "Issuer, as its own metadata spell it."),
    )
    name: str = field(
        default="openid",
        metadata=described(
            NAME, "Name on the button of the sign-in page, and in the audit trail before theirs."
        ),
    )
    client_id: str = field(
        default="bridge", metadata=described(TEXT, "Name of the bridge at the provider.")
    )
    client_secret: Secret | None = field(
        default=None,
        metadata=described(
            Value(SECRET, optional=True), "Its secret there; none for a public client."
        ),
    )
    scopes: tuple[str, ...] = field(
        default=("openid", "profile"), metadata=described(Values(TEXT), "Scopes asked for.")
    )
    name_claim: str = field(
        default="preferred_username",
        metadata=described(TEXT, "Claim that names the person; `sub` where it is absent."),
    )
    role_claim: str = field(
        default="groups",
        metadata=described(
            TEXT,
            "Claim that holds groups or roles: a text or a list. Points lead into objects, such as"
            " `realm_access.roles`.",
        ),
    )
    admins: tuple[str, ...] = field(
        default=(), metadata=described(Values(TEXT), "Its values that make an administrator.")
    )
    operators: tuple[str, ...] = field(
        default=(), metadata=described(Values(TEXT), "Its values that make an operator.")
    )
    viewers: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(TEXT), "Its values that make a viewer. Who has no value of any is not let in."
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """What counts as late on the timelines of orders and studies; it stands there in red."""

    worklist_seconds: float = field(
        default=5.0,
        metadata=described(
            number(0, 86_400, "seconds"), "From the receipt of an order to its worklist entry."
        ),
    )
    matching_seconds: float = field(
        default=60.0,
        metadata=described(
            number(0, 86_400, "seconds"),
            "From the end of an examination, or its last image and the settle time, to its order.",
        ),
    )
    delivery_seconds: float = field(
        default=60.0,
        metadata=described(
            number(0, 86_400, "seconds"),
            "From when there is something to tell until a destination has confirmed it.",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """The console, at `/` of the HTTP listener."""

    idle_minutes: float = field(
        default=30.0,
        metadata=described(
            number(1, 24 * 60, "minutes"), "A sign-in ends after so long without use."
        ),
    )
    longest_hours: float = field(
        default=12.0,
        metadata=described(number(0.1, 24 * 7, "hours"), "A sign-in ends after so long anyhow."),
    )
    tries: int = field(
        default=5,
        metadata=described(
            integer(1, 100),
            "So many sign-ins by one name from one address may fail in 15 minutes; six times as"
            " many from one address, ten times as many by one name.",
        ),
    )
    late: Late = field(
        default_factory=Late, metadata=described(Section(Late), "What counts as late.")
    )
    openid: OpenId = field(
        default_factory=OpenId,
        metadata=described(Section(OpenId), "An OpenID Connect provider."),
    )
