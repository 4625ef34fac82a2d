"""Problems somebody should know of: each is told once when it begins, and once when it is over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong now: `key` is the same for as long as it lasts, `words` may change."""

    key: str
    words: str


class Moment(StrEnum):
    """What there is to tell of an alert."""

    RAISED = "raised"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A problem from when it was first seen. Times are unix times, None for not yet.

    It is raised when it has lasted, so that what passes by itself wakes nobody.
    """

    pk: int
    key: str
    words: str
    seen_at: float
    raised_at: float | None = None
    over_at: float | None = None

    @property
    def moments(self) -> tuple[Moment, ...]:
        """What is to be told of it by now. What was never raised is never over."""
        if self.raised_at is None:
            return ()
        return (Moment.RAISED,) if self.over_at is None else (Moment.RAISED, Moment.OVER)


@dataclass(frozen=True, slots=True)
class Changes:
    """What a look at the problems changes about the open alerts, by their keys."""

    begun: Sequence[Problem]
    raised: Sequence[Problem]
    over: Sequence[str]


def compare(
    alerts: Iterable[Alert], problems: Iterable[Problem], now: float, after: float
) -> Changes:
    """Compare open alerts with the problems of now; `after` seconds a problem becomes an alert."""
    opened: Mapping[str, Alert] = {each.key: each for each in alerts}
    present = {each.key: each for each in problems}
    return Changes(
        begun=tuple(each for key, each in present.items() if key not in opened),
        raised=tuple(
            present[key]
            for key, each in opened.items()
            if key in present and each.raised_at is None and now - each.seen_at >= after
        ),
        over=tuple(key for key in opened if key not in present),
    )
