"""Who is alerted, over which channel, and to what."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.settings.addresses import HOST, HTTP_URL, PORT
from bridge.settings.schema import Items, Section, Value, Values, described
from bridge.settings.terms import NAME, SECRET, TEXT, choice, number
from bridge.settings.values import Secret

_SECONDS = number(0, 31_536_000, "seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """Alerts by mail (SMTP)."""

    host: str = field(
        default="", metadata=described(Value(HOST, optional=True), "Mail server; none: no mail.")
    )
    port: int = field(default=587, metadata=described(PORT, "Its port."))
    security: str = field(
        default="starttls",
        metadata=described(
            choice("starttls", "tls", "none"),
            "How the connection is encrypted: after it is opened, from its start, or not at all.",
        ),
    )
    user: str = field(default="", metadata=described(TEXT, "User to sign in as; none: no sign-in."))
    password: Secret | None = field(
        default=None, metadata=described(Value(SECRET, optional=True), "Password of the user.")
    )
    sender: str = field(
        default="bridge@localhost", metadata=described(TEXT, "Address that mails come from.")
    )
    recipients: tuple[str, ...] = field(
        default=(), metadata=described(Values(TEXT), "Addresses that mails go to.")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertWebhook:
    """Alerts as signed events by HTTP POST."""

    name: str = field(metadata=described(NAME, "Name of the receiver.", example="pager"))
    url: str = field(
        metadata=described(HTTP_URL, "Address to post to.", example="http://127.0.0.1:9000/alerts")
    )
    secret: Secret | None = field(
        default=None,
        metadata=described(Value(SECRET, optional=True), "Key that signs each event (HMAC)."),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """When a link that says nothing is taken for broken."""

    expected: float = field(
        default=10.0,
        metadata=described(
            number(1, 100_000),
            "So many messages or associations were usual in the time since the last one, by hour of"
            " the week. 10 are missed by chance once in 20,000 times.",
        ),
    )
    seconds: float = field(
        default=300.0, metadata=described(_SECONDS, "It must have been silent for so long, too.")
    )
    ignore: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(TEXT), "Listeners, AE titles and destinations whose silence is no problem."
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """What somebody is alerted to, once when it begins and once when it is over."""

    after_seconds: float = field(
        default=60.0,
        metadata=described(_SECONDS, "A problem that lasts for so long becomes an alert."),
    )
    delivery_seconds: float = field(
        default=900.0,
        metadata=described(
            _SECONDS, "A delivery that waits for longer than this is a problem of its destination."
        ),
    )
    unmatched_seconds: float = field(
        default=3600.0,
        metadata=described(
            _SECONDS, "A study that is without its order for longer than this is a problem."
        ),
    )
    silence: Silence = field(
        default_factory=Silence, metadata=described(Section(Silence), "Links that say nothing.")
    )
    mail: Mail = field(default_factory=Mail, metadata=described(Section(Mail), "By mail."))
    webhooks: tuple[AlertWebhook, ...] = field(
        default=(),
        metadata=described(Items({"": AlertWebhook}, named_by="name"), "By HTTP POST."),
    )
