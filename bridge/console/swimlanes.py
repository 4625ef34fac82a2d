"""Where the events of a timeline stand: a lane for each party, a column for each event.

The axis is of order and not of scale: an examination lasts minutes and its publication moments, so
each pause is as wide as the logarithm of its length, which stands beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.services.show_timeline import LaneKind, TimelineEvent

LEFT, TOP, LANE = 150, 40, 46
_STEP, _DECADE, _WIDEST = 30, 26, 190
_TOLD_SECONDS = 1.0
"""Pauses shorter than this are not labelled."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An event with its place, in pixels; `number` is its row in the list below."""

    event: TimelineEvent
    number: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch in which nothing happened, in seconds, and the middle of its place."""

    x: int
    seconds: float


@dataclass(frozen=True, slots=True)
class LanePlace:
    """A lane by its name and the height of its line."""

    name: str
    y: int


@dataclass(frozen=True, slots=True)
class Swimlanes:
    """A whole picture; sizes in pixels."""

    width: int
    height: int
    lanes: Sequence[LanePlace]
    marks: Sequence[Mark]
    pauses: Sequence[Pause]


def swimlanes(events: Sequence[TimelineEvent]) -> Swimlanes:
    """Place events that are in the order of time."""
    order = {kind: number for number, kind in enumerate(LaneKind)}
    first: dict[tuple[LaneKind, str], int] = {}
    for number, event in enumerate(events):
        first.setdefault((event.kind, event.lane), number)
    lanes = sorted(first, key=lambda lane: (order[lane[0]], first[lane]))
    heights = {lane: TOP + LANE * number + LANE // 2 for number, lane in enumerate(lanes)}
    marks: list[Mark] = []
    pauses: list[Pause] = []
    x = LEFT
    for number, event in enumerate(events):
        if number:
            seconds = max(0.0, event.at - events[number - 1].at)
            width = _width(seconds)
            if seconds >= _TOLD_SECONDS:
                pauses.append(Pause(x + width // 2, seconds))
            x += width
        marks.append(Mark(event, number + 1, x, heights[event.kind, event.lane]))
    return Swimlanes(
        width=x + _STEP * 2,
        height=TOP + LANE * len(lanes) + 10,
        lanes=[LanePlace(lane[1], heights[lane]) for lane in lanes],
        marks=marks,
        pauses=pauses,
    )


def _width(seconds: float) -> int:
    return min(_WIDEST, _STEP + int(_DECADE * math.log10(1 + seconds)))
