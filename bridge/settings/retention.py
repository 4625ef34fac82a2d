"""How long records are kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.settings.schema import Value, described
from bridge.settings.terms import number

_DAYS = Value(number(1, 36_500, "days"), optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Days after which records are let go of that nobody needs; what is empty is kept for good."""

    payloads_days: float | None = field(
        default=None,
        metadata=described(
            _DAYS,
            "What was said in messages, both ways; who said it, what became of it and which"
            " identifiers it names stay. A message that is repeated later counts as a new one.",
        ),
    )
    messages_days: float | None = field(
        default=None,
        metadata=described(_DAYS, "Messages of the journal with the identifiers they name."),
    )
    attempts_days: float | None = field(
        default=None,
        metadata=described(_DAYS, "What was said at each attempt to deliver what is delivered."),
    )
    deliveries_days: float | None = field(
        default=None, metadata=described(_DAYS, "Deliveries that were confirmed.")
    )
    dead_letters_days: float | None = field(
        default=None,
        metadata=described(
            _DAYS, "Deliveries that were refused for good. They cannot be sent again then."
        ),
    )
    parked_days: float | None = field(
        default=None,
        metadata=described(
            _DAYS, "Messages that came before their order, once they were applied or have expired."
        ),
    )
    audit_days: float | None = field(
        default=None,
        metadata=described(
            _DAYS, "The audit trail. Many countries ask for years: ask before you shorten it."
        ),
    )
    every_minutes: float = field(
        default=60.0,
        metadata=described(number(1, 10_080, "minutes"), "Time between two looks at everything."),
    )
