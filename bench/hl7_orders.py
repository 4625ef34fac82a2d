"""HL7 order over MLLP → committed, on the worklist, AA: rate and latency."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

from bench import database, order_cost, schedule
from bench.contenders import MessageFoundry, measure_bare_inserts
from bench.mllp_load import measure_latencies, measure_rate, percentile
from bench.report import Section, show
from tests.peers.bridge_process import Bridge, configure
from tests.peers.hl7_sink import Hl7Sink

SQLITE, POSTGRES = "bridge, SQLite FULL", "bridge, PostgreSQL"
CORES = len(os.sched_getaffinity(0))
SEVERAL = f"{SQLITE}, {CORES} processes"
FOUNDRY, SINK = "MessageFoundry 0.2.1, SQLite FULL", "hl7v2-fhir-bridge serve, no sync"
BARE, PGBENCH = "bare insert + commit, SQLite FULL", "pgbench insert, PostgreSQL"
ONE, MANY, TAIL = "1 connection", "16 connections", "p99 at half load"
PROCESSOR, STATEMENTS, PAGES = "processor/order", "statements/order", "log pages/order"
WAITS = "round trips/order"
CONNECTIONS = {ONE: 1, MANY: 16}
PGBENCH_SECONDS = 3
BUDGETS = {ONE: 600, MANY: 1200}
BARE_THERE = 8000  # what the bare loop did on the machine for which the budgets were set

Values = defaultdict[tuple[str, str], list[float]]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: messages a round, and rounds; and whether to say where time goes."""

    messages: int
    rounds: int
    profile: bool = False


class Orders:
    """New orders without end."""

    def __init__(self) -> None:
        self._next = count()

    def take(self, number: int) -> list[bytes]:
        """`number` messages that were never taken before."""
        first = next(self._next) * 10_000
        return list(schedule.messages(first, first + number, "Q"))


def measure(directory: Path, effort: Effort, *, postgres: bool) -> Section:
    """Measure everybody in turn, round after round, on the same disk."""
    section = Section("Row 1: HL7 order over MLLP → AA")
    values: Values = defaultdict(list)
    orders = Orders()
    with ExitStack() as stack:
        urls = {SQLITE: f"sqlite:///{directory}/cost.db"}
        ports = _bridges(stack, directory, SQLITE, lambda home: f"sqlite:///{home}/b.db")
        plain: dict[str, Callable[[], None]] = {}
        if postgres:
            cluster = stack.enter_context(closing(database.open_cluster()))
            urls[POSTGRES] = cluster.create_database()
            ports |= _bridges(stack, directory, POSTGRES, lambda _: cluster.create_database())
            bench_url = cluster.create_database()
            plain[PGBENCH] = lambda: _pgbench(values, bench_url, directory)
        ports |= _peers(section, stack, directory)
        plain[BARE] = lambda: _bare(values, directory / "bare.db", orders.take(effort.messages))
        for name, each in urls.items():
            _cost(section, name, directory / "cost", each, orders, effort)
        for port in ports.values():
            measure_rate(port, orders.take(50), 1)  # warm caches and code paths
        for _ in range(effort.rounds):
            for name, port in list(ports.items()):
                if not _round(section, values, name, port, orders, effort.messages):
                    del ports[name]
            for measure_plain in plain.values():
                measure_plain()
    for (name, what), measured in values.items():
        section.add(name, what, median(measured), "ms" if what == TAIL else "/s")
    _judge(section)
    return section


def _bridges(
    stack: ExitStack, directory: Path, name: str, database_of: Callable[[Path], str]
) -> dict[str, int]:
    """A bridge of one process, and one of a process for each core; their HL7 ports."""
    ports = {}
    for processes in sorted({1, CORES}):
        subject = name if processes == 1 else f"{name}, {processes} processes"
        home = directory / f"bridge-{name.rsplit(maxsplit=1)[-1]}-{processes}"
        ports[subject] = stack.enter_context(_bridge(home, database_of(home), processes))
    return ports


@contextmanager
def _bridge(home: Path, url: str, processes: int = 1) -> Iterator[int]:
    """A bridge of its own; gives its HL7 port."""
    home.mkdir()
    bridge = Bridge(configure(home, url, processes=processes), home)
    bridge.start()
    try:
        yield bridge.hl7_port
    finally:
        bridge.close()


def _peers(section: Section, stack: ExitStack, directory: Path) -> dict[str, int]:
    """The peers that can be had; the others are said to be missing."""
    ports = {}
    starts: dict[str, Callable[[Path], MessageFoundry | Hl7Sink]] = {
        FOUNDRY: MessageFoundry,
        SINK: Hl7Sink,
    }
    for name, start in starts.items():
        try:
            ports[name] = stack.enter_context(closing(start(directory))).port
        except (OSError, AssertionError) as error:
            section.notes.append(f"{name} could not be had: {_first_line(error)}")
    return ports


def _round(
    section: Section, values: Values, name: str, port: int, orders: Orders, messages: int
) -> bool:
    """One round of one contender; false when it failed. The bridge may not fail."""
    try:
        for what, connections in CONNECTIONS.items():
            rate = measure_rate(port, orders.take(messages), connections)
            values[name, what].append(rate)
            show(f"{name}, {what}: {rate:,.0f}/s")
        latencies = measure_latencies(port, orders.take(messages), CONNECTIONS[MANY], rate / 2)
    except (OSError, AssertionError) as error:
        if name.startswith("bridge"):
            raise
        section.notes.append(f"{name} failed under load: {_first_line(error)}")
        return False
    values[name, TAIL].append(percentile(latencies, 0.99))
    return True


def _cost(
    section: Section, name: str, directory: Path, url: str, orders: Orders, effort: Effort
) -> None:
    cost = order_cost.measure_cost(directory, url, orders.take, effort.messages // 10)
    section.add(name, PROCESSOR, cost.processor, "µs")
    section.add(name, STATEMENTS, cost.statements, "")
    if cost.pages is not None:
        section.add(name, PAGES, cost.pages, "")
    if cost.waits is not None:
        section.add(name, WAITS, cost.waits, "")
    if effort.profile:
        shares = order_cost.profile(directory, url, orders.take, effort.messages)
        told = ", ".join(f"{room} {share:.0%}" for room, share in shares.items())
        section.notes.append(f"{name}, time of an order: {told}")


def _bare(values: Values, file: Path, messages: list[bytes]) -> None:
    values[BARE, ONE].append(measure_bare_inserts(file, messages))


def _pgbench(values: Values, url: str, directory: Path) -> None:
    for what, connections in CONNECTIONS.items():
        rate = database.measure_pgbench(url, directory, connections, PGBENCH_SECONDS)
        values[PGBENCH, what].append(rate)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def _judge(section: Section) -> None:
    """By the budget's own words; beside it, what the same means where the bare loop is slower."""
    value = {(f.subject, f.what): f.value for f in section.figures}
    one, many = value[SQLITE, ONE], value[SQLITE, MANY]
    several = f"SQLite, {CORES} processes"
    for said, subject in {"SQLite": SQLITE, **({several: SEVERAL} if CORES > 1 else {})}.items():
        for what, budget in BUDGETS.items():
            section.at_least(f"{said}, {what} ≥ {budget:,}/s", value[subject, what], budget, "/s")
            asked = f"{budget:,}/s where the bare loop does {BARE_THERE:,}/s"
            share = value[subject, what] / value[BARE, ONE] / (budget / BARE_THERE)
            section.tell(f"{said}, {what}, of what the budget asks here ({asked})", share, "×")
        section.at_most(f"{said}, p99 at half load < 25 ms", value[subject, TAIL], 25, "ms")
    section.tell("bare insert + commit ÷ one connection", value[BARE, ONE] / one, "×")
    if (POSTGRES, ONE) in value:
        for what in (ONE, MANY):
            ratio = value[PGBENCH, what] / value[POSTGRES, what]
            section.tell(f"pgbench ÷ PostgreSQL, {what}", ratio, "×")
    for subject in dict.fromkeys(f.subject for f in section.figures):
        if not subject.startswith("bridge") and (subject, MANY) in value and subject != PGBENCH:
            section.tell(f"SQLite ÷ {subject}, one connection", one / value[subject, ONE], "×")
            section.tell(f"SQLite ÷ {subject}, 16 connections", many / value[subject, MANY], "×")
