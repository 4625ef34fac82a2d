"""Charts: how fast, how much waits, what came without an order, and how much there is."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import tzinfo
from functools import partial

from fastapi import APIRouter, Request, Response

from bridge.console.access import Viewer
from bridge.console.view import View
from bridge.console.words import N_
from bridge.services.measure_flow import Flow, Heat, Latency, Line, MeasureFlow, Period

PERIODS = {
    Period.HOUR: N_("an hour"),
    Period.DAY: N_("a day"),
    Period.WEEK: N_("a week"),
    Period.MONTH: N_("a month"),
}
NAMES = (
    N_("order to worklist"),
    N_("last image to decision"),
    N_("last image to available"),
    N_("images"),
    N_("studies"),
    N_("deliveries"),
    N_("median"),
)
"""Names of ways and lines (`services.measure_flow`), for translation."""
_SHADES = 5


def charts_router(view: View, flow: MeasureFlow, zone: tzinfo) -> APIRouter:
    """The page at `/charts`; it names no patient. Times are those of the site's `zone`."""
    router = APIRouter()

    @router.get("/charts")
    def show(request: Request, user: Viewer, period: str = Period.DAY.value) -> Response:
        """A period that ends now: the figures as tables, which a script draws as charts."""
        chosen = Period(period) if period in set(Period) else Period.DAY
        measured = flow.measure(chosen)
        say = partial(view.say, request)
        return view.page(
            request,
            "charts.html",
            flow=measured,
            periods=PERIODS,
            zone=str(zone),
            latencies=[(each, _times(measured, each, say)) for each in measured.latencies],
            queues=_data(measured, measured.queues, say),
            throughput=_data(measured, measured.throughput, say),
            totals=[(line.name, sum(line.values)) for line in measured.throughput],
            waiting=[(line.name, line.values[-1], max(line.values)) for line in measured.queues],
            heat=_shades(measured.unmatched),
        )

    return router


def _times(flow: Flow, latency: Latency, say: Callable[[str], str]) -> str:
    """What a chart of percentiles is drawn of: time, median, 95 %, 99 % (seconds, or nothing)."""
    rows = [
        [each and each.median for each in latency.points],
        [each and each.p95 for each in latency.points],
        [each and each.p99 for each in latency.points],
    ]
    names = [say("median"), "95 %", "99 %"]
    return json.dumps({"names": names, "data": [list(flow.ticks), *rows]})


def _data(flow: Flow, lines: Sequence[Line], say: Callable[[str], str]) -> str:
    data = [list(flow.ticks), *(list(line.values) for line in lines)]
    return json.dumps({"names": [say(line.name) for line in lines], "data": data})


def _shades(heat: Heat) -> list[tuple[str, list[tuple[int, int, int]]]]:
    """(modality, [(unmatched, studies, shade)]) of each hour; the shade goes with the greatest."""
    return [
        (modality, [(c.unmatched, c.studies, _shade(c.unmatched, heat.most)) for c in cells])
        for modality, cells in heat.rows.items()
    ]


def _shade(count: int, most: int) -> int:
    return -(-_SHADES * count // most) if most else 0
