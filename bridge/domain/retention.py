"""What is kept for how long: kinds of records, and what of them is still needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

SECONDS_PER_DAY = 86_400.0


class RetentionKind(StrEnum):
    """What can be let go of by itself. Each is done in turn, payloads before their messages."""

    PAYLOADS = "payloads"
    MESSAGES = "messages"
    ATTEMPTS = "attempts"
    DELIVERIES = "deliveries"
    DEAD_LETTERS = "dead letters"
    PARKED = "parked"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """Days after which each kind is let go of; what is not named is kept for good."""

    days: Mapping[RetentionKind, float] = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[RetentionKind, ...]:
        """What is not kept for good, in the order in which it is done."""
        return tuple(kind for kind in RetentionKind if kind in self.days)

    def before(self, kind: RetentionKind, now: float) -> float:
        """The unix time before which records of a kind are let go of."""
        return now - self.days[kind] * SECONDS_PER_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """How far one look at all records of a kind got. Times are unix times.

    `position` is the last row looked at; `kept` counts rows that were old and still needed.
    """

    kind: RetentionKind
    position: int = 0
    started_at: float = 0.0
    ended_at: float | None = None
    removed: int = 0
    kept: int = 0
    removed_ever: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalHold:
    """Nothing that mentions an identifier is let go of, whatever its kind."""

    value: str
    who: str
    reason: str
    since: float
