"""Given what came and went, when a period is measured, then the charts have their numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest

from bridge.services.measure_flow import (
    QUARTER_HOUR,
    Flow,
    MeasureFlow,
    Percentiles,
    Period,
    Point,
    Way,
    percentiles,
)

T = TypeVar("T")
NOON = 1_700_049_600.0  # 2023-11-15 12:00 UTC, a quarter of an hour begins


@dataclass
class Told:
    """Answers that were thought out beforehand."""

    points: Sequence[Point] = ()
    now: Mapping[str, int] = field(default_factory=dict)
    came: Mapping[tuple[str, int], int] = field(default_factory=dict)
    went: Mapping[tuple[str, int], int] = field(default_factory=dict)
    hours: Mapping[tuple[str, int], tuple[int, int]] = field(default_factory=dict)

    @property
    def flow(self) -> Told:
        return self

    def read(self, work: Callable[[Told], T]) -> T:
        return work(self)

    def times(self, way: Way, since: float, until: float, limit: int) -> Sequence[Point]:
        return self.points if way is Way.LISTED else ()

    def queue_now(self) -> Mapping[str, int]:
        return self.now

    def queued(self, since: float, step: int) -> Mapping[tuple[str, int], int]:
        return self.came

    def unqueued(self, since: float, step: int) -> Mapping[tuple[str, int], int]:
        return self.went

    def studies(self, since: float, step: int) -> Mapping[tuple[str, int], tuple[int, int]]:
        return self.hours

    def arrived(self, since: float, step: int, *, images: bool) -> Mapping[tuple[str, int], int]:
        return self.came


def measured(told: Told, zone: str = "UTC") -> Flow:
    measure = MeasureFlow(store=told, clock=lambda: NOON, zone=ZoneInfo(zone))
    return measure.measure(Period.HOUR)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([], None),
        ([2.0], Percentiles(count=1, median=2.0, p95=2.0, p99=2.0, longest=2.0)),
        (
            [float(each) for each in range(100, 0, -1)],
            Percentiles(count=100, median=50.0, p95=95.0, p99=99.0, longest=100.0),
        ),
    ],
)
def test_given_samples_then_percentiles_are_those_of_the_nearest_rank(
    samples: list[float], expected: Percentiles | None
) -> None:
    assert percentiles(samples) == expected


def test_given_latencies_then_each_falls_where_it_arrived_and_none_is_negative() -> None:
    flow = measured(Told(points=[(NOON - 61, 2.0), (NOON - 62, 4.0), (NOON - 1, -0.5)]))

    listed = flow.latencies[0]
    assert len(flow.ticks) == len(listed.points) == 60
    assert flow.ticks[-1] == NOON
    assert listed.overall is not None
    assert listed.overall.longest == 4.0
    by_tick = dict(zip(flow.ticks, listed.points, strict=True))
    assert by_tick[NOON - 120] == Percentiles(count=2, median=2.0, p95=4.0, p99=4.0, longest=4.0)
    assert by_tick[NOON - 60] == Percentiles(count=1, median=0.0, p95=0.0, p99=0.0, longest=0.0)
    assert by_tick[NOON - 180] is None


def test_given_comings_and_goings_then_the_depth_of_a_queue_is_told_backwards_from_now() -> None:
    last = int(NOON // 60)
    came = {("ehr", last): 2, ("ehr", last - 1): 1, ("his", last - 5): 1}
    flow = measured(Told(now={"ehr": 4}, came=came, went={("ehr", last): 3, ("his", last): 1}))

    depths = {line.name: line.values for line in flow.queues}
    assert depths["ehr"][-3:] == (4.0, 5.0, 4.0)
    assert depths["his"][-7:] == (0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0)


def test_given_a_site_half_an_hour_off_then_studies_fall_into_the_hour_of_its_clocks() -> None:
    quarter = int(NOON // QUARTER_HOUR)  # 17:30 in India
    hours = {("CT", quarter): (1, 3), ("CT", quarter + 2): (2, 2), ("", quarter): (0, 1)}
    heat = measured(Told(hours=hours), zone="Asia/Kolkata").unmatched

    assert list(heat.rows) == ["", "CT"]
    assert (heat.rows["CT"][17].unmatched, heat.rows["CT"][17].studies) == (1, 3)
    assert (heat.rows["CT"][18].unmatched, heat.rows["CT"][18].studies) == (2, 2)
    assert heat.most == 2
