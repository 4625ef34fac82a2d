"""When a sender says that something happened, as far as that can be true (STANDARDS 10.21)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bridge.domain.events import Event

FURTHEST_AHEAD: Final = timedelta(hours=12)
_CLOCK_IS_SET: Final = datetime(2020, 1, 1, tzinfo=UTC)
_AHEAD: Final = "the sender's clock is more than 12 hours ahead; the time of receipt counts"


def within_reach(
    events: Sequence[Event], received_at: float, warnings: list[str]
) -> Sequence[Event]:
    """Give events of the future the time of receipt (Unix time, in seconds) and warn of it.

    One message of a clock that is years ahead would otherwise make all later ones older, for years.
    Twelve hours are more than any zone that a sender leaves out. A clock of ours that was never set
    is no measure.
    """
    received = datetime.fromtimestamp(received_at, UTC)
    if received < _CLOCK_IS_SET:
        return events
    latest = _stamp(received + FURTHEST_AHEAD)
    if all(_occurred_at(event) <= latest for event in events):
        return events
    warnings.append(_AHEAD)
    return [
        event if _occurred_at(event) <= latest else _at(event, _stamp(received)) for event in events
    ]


def _occurred_at(event: Event) -> str:
    return getattr(event, "occurred_at", "")


def _at(event: Any, stamp: str) -> Event:
    changed: Event = replace(event, occurred_at=stamp)
    return changed


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S")
