"""HL7 order over MLLP → committed, on the worklist, AA: rate and latency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

from bench import database, schedule
from bench.contenders import MessageFoundry, measure_bare_inserts
from bench.mllp_load import measure_latencies, measure_rate, percentile
from bench.report import Section
from tests.peers.bridge_process import Bridge, configure
from tests.peers.hl7_sink import Hl7Sink

SQLITE, POSTGRES = "bridge, SQLite FULL", "bridge, PostgreSQL"
ONE, MANY, TAIL = "1 connection", "16 connections", "p99 at half load"
CONNECTIONS = 16
BARE, PGBENCH = "bare insert + commit, SQLite FULL", "pgbench insert, PostgreSQL"


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: messages a round, and rounds."""

    messages: int
    rounds: int


class Orders:
    """New orders without end, a different letter for each contender's round."""

    def __init__(self) -> None:
        self._next = count()

    def take(self, number: int) -> list[bytes]:
        """`number` messages that were never taken before."""
        first = next(self._next) * 100_000
        return list(schedule.messages(first, first + number, "Q"))


def measure(directory: Path, effort: Effort, *, postgres: bool) -> Section:
    """Measure the bridge, then its peers, on the same disk."""
    section = Section("HL7 order over MLLP → AA")
    _bridge(section, SQLITE, directory / "sqlite", f"sqlite:///{directory}/sqlite/b.db", effort)
    if postgres:
        _with_postgres(section, directory, effort)
    _peer(section, "MessageFoundry 0.2.1, SQLite FULL", lambda: MessageFoundry(directory), effort)
    _peer(section, "hl7v2-fhir-bridge serve, no sync", lambda: Hl7Sink(directory), effort)
    sample = Orders().take(effort.messages)
    bare = [measure_bare_inserts(directory / "bare.db", sample) for _ in range(effort.rounds)]
    section.add(BARE, ONE, median(bare), "/s")
    _judge(section)
    return section


def _bridge(section: Section, name: str, home: Path, url: str, effort: Effort) -> None:
    home.mkdir()
    bridge = Bridge(configure(home, url), home)
    bridge.start()
    try:
        _load(section, name, bridge.hl7_port, effort)
    finally:
        bridge.close()


def _with_postgres(section: Section, directory: Path, effort: Effort) -> None:
    cluster = database.open_cluster()
    try:
        _bridge(section, POSTGRES, directory / "postgres", cluster.create_database(), effort)
        url = cluster.create_database()
        for what, connections in ((ONE, 1), (MANY, CONNECTIONS)):
            rates = [
                database.measure_pgbench(url, directory, connections, 3)
                for _ in range(effort.rounds)
            ]
            section.add(PGBENCH, what, median(rates), "/s")
    finally:
        cluster.close()


def _peer(
    section: Section, name: str, start: Callable[[], MessageFoundry | Hl7Sink], effort: Effort
) -> None:
    """A peer that cannot be had or fails under load is said so; it does not end the run."""
    try:
        peer = start()
    except (OSError, AssertionError) as error:
        section.notes.append(f"{name} could not be had: {str(error).splitlines()[0]}")
        return
    try:
        _load(section, name, peer.port, effort)
    except (OSError, AssertionError) as error:
        section.notes.append(f"{name} failed under load: {str(error).splitlines()[0][:120]}")
    finally:
        peer.close()


def _load(section: Section, name: str, port: int, effort: Effort) -> None:
    orders = Orders()
    measure_rate(port, orders.take(50), 1)  # warm caches and code paths
    for what, connections in ((ONE, 1), (MANY, CONNECTIONS)):
        rates = [
            measure_rate(port, orders.take(effort.messages), connections)
            for _ in range(effort.rounds)
        ]
        rate = section.add(name, what, median(rates), "/s")
    tails = [
        percentile(
            measure_latencies(port, orders.take(effort.messages), CONNECTIONS, rate / 2), 0.99
        )
        for _ in range(effort.rounds)
    ]
    section.add(name, TAIL, median(tails), "ms")


def _judge(section: Section) -> None:
    value = {(f.subject, f.what): f.value for f in section.figures}
    one, many = value[SQLITE, ONE], value[SQLITE, MANY]
    section.at_least("SQLite, one connection ≥ 600/s", one, 600, "/s")
    section.at_least("SQLite, 16 connections ≥ 1,200/s", many, 1200, "/s")
    section.at_most("SQLite, p99 at half load < 25 ms", value[SQLITE, TAIL], 25, "ms")
    section.tell("bare insert + commit ÷ one connection", value[BARE, ONE] / one, "×")
    if (POSTGRES, ONE) in value:
        for what in (ONE, MANY):
            ratio = value[PGBENCH, what] / value[POSTGRES, what]
            section.tell(f"pgbench ÷ PostgreSQL, {what}", ratio, "×")
    for subject in dict.fromkeys(f.subject for f in section.figures):
        if not subject.startswith("bridge") and (subject, MANY) in value and subject != PGBENCH:
            section.tell(f"SQLite ÷ {subject}, one connection", one / value[subject, ONE], "×")
            section.tell(f"SQLite ÷ {subject}, 16 connections", many / value[subject, MANY], "×")
