"""Metrics in the Prometheus text exposition format, version 0.0.4.

Everything is read from the database when asked, so every node of a bridge tells the same, and
nothing is lost with a process. Labels name peers, kinds and states, never a patient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bridge.services.overview import Overview
from bridge.services.watch_links import LinkHealth

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True, slots=True)
class Gauge:
    """One metric: its name, what it means, and its values by their labels' values."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    values: Iterable[tuple[tuple[str, ...], float]]


def exposition(gauges: Iterable[Gauge]) -> str:
    """Write metrics as text."""
    return "".join(line + "\n" for gauge in gauges for line in _lines(gauge))


def readiness_gauge(problems: Mapping[str, str]) -> Gauge:
    """Whether each readiness check is well."""
    values = [((name,), int(not problem)) for name, problem in problems.items()]
    return Gauge("bridge_ready", "1 when a readiness check is well", ("check",), values)


def link_gauges(links: Sequence[LinkHealth], at: float) -> tuple[Gauge, ...]:
    """What passed over each link, and whether it should have."""
    names = ("kind", "peer")

    def by(value: Callable[[LinkHealth], float]) -> list[tuple[tuple[str, ...], float]]:
        return [((each.link.kind.value, each.link.peer), value(each)) for each in links]

    return (
        Gauge(
            "bridge_link_last_success_seconds",
            "Seconds since something passed over a link",
            names,
            [
                ((each.link.kind.value, each.link.peer), at - each.last_success_at)
                for each in links
                if each.last_success_at
            ],
        ),
        Gauge("bridge_link_hourly", "What passed in the last hour", names, by(lambda x: x.rate)),
        Gauge(
            "bridge_link_missed",
            "What was usual in the time since the last success",
            names,
            by(lambda each: each.missed),
        ),
        Gauge(
            "bridge_link_well",
            "1 when a link is neither failing nor silent",
            names,
            by(lambda each: int(not each.problem)),
        ),
    )


def overview_gauges(overview: Overview) -> tuple[Gauge, ...]:
    """What the console's first page says, as numbers."""
    funnel = overview.funnel
    orders = {"received": funnel.orders, "scheduled": funnel.scheduled, "started": funnel.started}
    studies = {"received": funnel.studies, "matched": funnel.matched}
    studies["delivered"] = funnel.delivered
    waits = [((name,), overview.at - since) for name, since in overview.oldest_unsent.items()]
    return (
        Gauge("bridge_orders_today", "Orders received today, by how far", ("stage",), _by(orders)),
        Gauge(
            "bridge_studies_today", "Studies received today, by how far", ("stage",), _by(studies)
        ),
        Gauge(
            "bridge_worklist_steps", "Steps modalities can see", (), [((), overview.worklist_size)]
        ),
        Gauge(
            "bridge_orders_held",
            "Orders that are not on the worklist for want of something",
            ("reason",),
            [((each.reason,), each.count) for each in overview.held],
        ),
        Gauge(
            "bridge_studies",
            "Studies, by the outcome of matching",
            ("outcome",),
            [((outcome or "undecided",), count) for outcome, count in overview.studies.items()],
        ),
        Gauge(
            "bridge_deliveries",
            "Deliveries, by destination and state",
            ("destination", "state"),
            overview.deliveries.items(),
        ),
        Gauge(
            "bridge_delivery_wait_seconds",
            "Age of the oldest delivery that is not delivered or given up",
            ("destination",),
            waits,
        ),
        Gauge(
            "bridge_messages_today",
            "Messages since midnight at the site",
            ("direction", "protocol", "disposition"),
            overview.messages.items(),
        ),
    )


def _by(counts: Mapping[str, int]) -> list[tuple[tuple[str, ...], float]]:
    return [((name,), count) for name, count in counts.items()]


def _lines(gauge: Gauge) -> Iterator[str]:
    yield f"# HELP {gauge.name} {gauge.meaning}"
    yield f"# TYPE {gauge.name} gauge"
    for values, number in sorted(gauge.values):
        pairs = zip(gauge.labels, values, strict=True)
        labels = ",".join(f'{label}="{value.translate(_ESCAPES)}"' for label, value in pairs)
        yield f"{gauge.name}{{{labels}}} {number}" if labels else f"{gauge.name} {number}"
