"""What every destination has: its name, how patiently it is tried, how much of it is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from bridge.settings.schema import Section, Value, described
from bridge.settings.terms import BOOLEAN, NAME, integer, number

LOOPBACK = "127.0.0.1"
DURATION = number(0.1, 86_400, "seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often and how long a delivery is tried."""

    base_seconds: float = field(
        default=1.0,
        metadata=described(
            DURATION,
            "Longest wait after the first failure; it doubles with each further. How much of it is"
            " waited is left to chance, so that those that failed together do not come together.",
        ),
    )
    ceiling_seconds: float = field(
        default=300.0, metadata=described(DURATION, "Longest wait between two attempts.")
    )
    max_attempts: int | None = field(
        default=20,
        metadata=described(
            Value(integer(1, 1_000_000), optional=True),
            "Failed answers after which a delivery becomes a dead letter; empty is never. Times at"
            " which the destination could not be reached do not count.",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLimits:
    """What a destination bears. Each node of several keeps to them by itself."""

    per_second: float | None = field(
        default=None,
        metadata=described(
            Value(number(0.01, 100_000, "per second"), optional=True),
            "Most deliveries begun in a second; empty is no limit.",
        ),
    )
    at_once: int | None = field(
        default=None,
        metadata=described(
            Value(integer(1, 64), optional=True),
            "Most deliveries under way at once; empty is as usual for the kind (8 for FHIR,"
            " webhooks and notifications). Those of one order or study never overtake each other.",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """What every destination has, beside its `kind`."""

    kind: ClassVar[str] = ""

    name: str = field(
        metadata=described(NAME, "Name of the destination; deliveries carry it.", example="ehr")
    )
    enabled: bool = field(
        default=True,
        metadata=described(BOOLEAN, "`false` keeps deliveries waiting and sends nothing."),
    )
    timeout_seconds: float = field(
        default=30.0, metadata=described(DURATION, "Longest wait for an answer.")
    )
    retry: Retry = field(
        default_factory=Retry, metadata=described(Section(Retry), "When to try again.")
    )
    limits: DeliveryLimits = field(
        default_factory=DeliveryLimits,
        metadata=described(Section(DeliveryLimits), "How much of it is sent."),
    )
