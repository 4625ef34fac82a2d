"""How fast and how much: latencies, queues, what nobody ordered, and throughput of a period."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Protocol, TypeVar

from bridge.services.transaction import Clock

T = TypeVar("T")
MOST_SAMPLES = 50_000
"""Latencies are told of the newest so many, however many there were."""

QUARTER_HOUR = 900
"""What every time zone's full hours are a multiple of, in seconds."""

_HOUR, _DAY = 3600, 86_400

Point = tuple[float, float]
"""When something arrived (unix time), and how long it took (seconds)."""


class Period(StrEnum):
    """How far back is looked."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def seconds(self) -> int:
        """How long it is."""
        return _LENGTHS[self][0]

    @property
    def step(self) -> int:
        """The seconds that one point of a chart stands for."""
        return _LENGTHS[self][1]


_LENGTHS = {
    Period.HOUR: (_HOUR, 60),
    Period.DAY: (_DAY, QUARTER_HOUR),
    Period.WEEK: (7 * _DAY, 2 * _HOUR),
    Period.MONTH: (30 * _DAY, 6 * _HOUR),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """How long things took, in seconds: half of them at most `median`, and so on."""

    count: int
    median: float
    p95: float
    p99: float
    longest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """One way through the bridge: over the whole period, and for each point (None: nothing)."""

    name: str
    overall: Percentiles | None
    points: Sequence[Percentiles | None]
    is_truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a chart: a value for each point."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatCell:
    """Studies that arrived in one hour of the day, and how many found no order at first."""

    unmatched: int
    studies: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """Studies without an order by modality and hour of the day (0 to 23, site's time).

    A modality that is not said is an empty text. `most` is the greatest of the cells.
    """

    rows: Mapping[str, Sequence[HeatCell]]
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Everything that the charts show. `ticks` are the unix times at which points begin."""

    period: Period
    since: float
    until: float
    ticks: Sequence[float]
    latencies: Sequence[Latency]
    queues: Sequence[Line]
    unmatched: Heat
    throughput: Sequence[Line]


class Way(StrEnum):
    """What is timed."""

    LISTED = "order to worklist"
    DECIDED = "last image to decision"
    AVAILABLE = "last image to available"


class FlowQueries(Protocol):
    """Counts over what is kept. Buckets are whole numbers: unix time divided by the step."""

    def times(self, way: Way, since: float, until: float, limit: int) -> Sequence[Point]:
        """What arrived in between, the newest so many."""

    def queue_now(self) -> Mapping[str, int]:
        """Destination → deliveries that are not finished."""

    def queued(self, since: float, step: int) -> Mapping[tuple[str, int], int]:
        """(destination, bucket) → deliveries that came."""

    def unqueued(self, since: float, step: int) -> Mapping[tuple[str, int], int]:
        """(destination, bucket) → deliveries that were finished."""

    def studies(self, since: float, step: int) -> Mapping[tuple[str, int], tuple[int, int]]:
        """(modality, bucket) → studies that found no order at first, of how many."""

    def arrived(self, since: float, step: int, *, images: bool) -> Mapping[tuple[str, int], int]:
        """(what, bucket) → how many came, and deliveries that went; of `images` if so wished.

        Of a month they are so many that counting them is work for minutes.
        """


class FlowTransaction(Protocol):
    """A transaction in which this can be asked."""

    @property
    def flow(self) -> FlowQueries:
        """The questions."""


class FlowStore(Protocol):
    """Runs work that only reads."""

    def read(self, work: Callable[[FlowTransaction], T]) -> T:
        """Run it."""


class MeasureFlow:
    """Measures a period that ends now, in the site's time zone."""

    def __init__(self, *, store: FlowStore, clock: Clock, zone: tzinfo) -> None:
        self._store = store
        self._clock = clock
        self._zone = zone

    def measure(self, period: Period) -> Flow:
        """Everything at once. Raises ResourceBusy when the database cannot be reached."""
        return self._store.read(lambda tx: self._measure(tx.flow, period))

    def _measure(self, asked: FlowQueries, period: Period) -> Flow:
        until, step = self._clock(), period.step
        first = math.floor((until - period.seconds) / step) + 1
        buckets = range(first, math.floor(until / step) + 1)
        since = float(first * step)
        return Flow(
            period=period,
            since=since,
            until=until,
            ticks=tuple(float(each * step) for each in buckets),
            latencies=tuple(_latency(asked, way, since, until, buckets, step) for way in Way),
            queues=_queues(asked, since, buckets, step),
            unmatched=_heat(asked.studies(since, QUARTER_HOUR), self._zone),
            throughput=_lines(asked.arrived(since, step, images=step <= QUARTER_HOUR), buckets),
        )


def percentiles(samples: Iterable[float]) -> Percentiles | None:
    """Of any number of samples by the nearest-rank method; None of none."""
    ordered = sorted(samples)
    if not ordered:
        return None

    def rank(share: float) -> float:
        return ordered[math.ceil(share * len(ordered)) - 1]

    return Percentiles(
        count=len(ordered),
        median=rank(0.5),
        p95=rank(0.95),
        p99=rank(0.99),
        longest=ordered[-1],
    )


def _latency(
    asked: FlowQueries, way: Way, since: float, until: float, buckets: range, step: int
) -> Latency:
    points = asked.times(way, since, until, MOST_SAMPLES)
    by_bucket: dict[int, list[float]] = defaultdict(list)
    for arrived_at, seconds in points:
        by_bucket[math.floor(arrived_at / step)].append(max(seconds, 0.0))
    return Latency(
        name=way.value,
        overall=percentiles(each for samples in by_bucket.values() for each in samples),
        points=tuple(percentiles(by_bucket.get(each, ())) for each in buckets),
        is_truncated=len(points) >= MOST_SAMPLES,
    )


def _queues(asked: FlowQueries, since: float, buckets: range, step: int) -> tuple[Line, ...]:
    """How much waited at the end of each bucket: from now backwards, undoing what happened."""
    came, went, now = asked.queued(since, step), asked.unqueued(since, step), asked.queue_now()
    names = sorted({*now, *(name for name, _ in came), *(name for name, _ in went)})
    return tuple(
        Line(name=name, values=_backwards(name, now.get(name, 0), came, went, buckets))
        for name in names
    )


def _backwards(
    name: str,
    depth: int,
    came: Mapping[tuple[str, int], int],
    went: Mapping[tuple[str, int], int],
    buckets: range,
) -> tuple[float, ...]:
    values = []
    for bucket in reversed(buckets):
        values.append(float(max(depth, 0)))
        depth += went.get((name, bucket), 0) - came.get((name, bucket), 0)
    return tuple(reversed(values))


def _lines(counted: Mapping[tuple[str, int], int], buckets: range) -> tuple[Line, ...]:
    return tuple(
        Line(name=name, values=tuple(float(counted.get((name, each), 0)) for each in buckets))
        for name in sorted({name for name, _ in counted})
    )


def _heat(counted: Mapping[tuple[str, int], tuple[int, int]], zone: tzinfo) -> Heat:
    """By the hours of clocks at the site, whatever its offset and through changes of it."""
    sums: dict[tuple[str, int], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for (modality, quarter), (unmatched, studies) in counted.items():
        hour = datetime.fromtimestamp(quarter * QUARTER_HOUR, zone).hour
        before = sums[modality, hour]
        sums[modality, hour] = (before[0] + unmatched, before[1] + studies)
    rows = {
        modality: tuple(
            HeatCell(unmatched=cell[0], studies=cell[1])
            for cell in (sums.get((modality, hour), (0, 0)) for hour in range(24))
        )
        for modality in sorted({modality for modality, _ in sums})
    }
    return Heat(rows=rows, most=max((cell[0] for cell in sums.values()), default=0))
