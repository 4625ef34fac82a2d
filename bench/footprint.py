"""How soon the bridge is ready, and its memory: at rest, under load, and in the long run."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression

from bench import seed
from bench.hl7_orders import CORES, Orders
from bench.mllp_load import measure_rate
from bench.processor import processes_of, processor_seconds
from bench.report import Section
from tests.peers.bridge_process import Bridge, configure

ALONE, SEVERAL = "bridge, SQLite FULL", f"bridge, SQLite FULL, {CORES} processes"
READY, AGAIN, REST = "ready, new", "ready, filled", "at rest"
LOAD, MOST, SLOPE = "after load", "most in the long run", "per 100,000 messages"
MILLION = 1_000_000
_PIECE = 5000


@dataclass(frozen=True, slots=True)
class Effort:
    """Orders of the load, of the long run after it, and those held when it starts (0: none)."""

    load: int
    long_run: int
    held: int


def measure(directory: Path, effort: Effort) -> Section:
    """Start and memory of one process, and of one for each core."""
    section = Section("Rows 7, 8: memory and start")
    for processes in sorted({1, CORES}):
        name = ALONE if processes == 1 else SEVERAL
        home = directory / f"processes-{processes}"
        home.mkdir()
        with _bridge(home, processes) as bridge:
            section.add(name, READY, _start(bridge), "s")
            section.add(name, f"{READY}, processor", processor_seconds(bridge), "s")
            section.add(name, REST, memory(bridge), "MB")
            orders = Orders()
            loaded = section.add(name, LOAD, _load(bridge, orders, effort.load), "MB")
            if effort.long_run >= _PIECE and processes == 1:
                _run_long(section, bridge, orders, effort.long_run, loaded)
            bridge.stop()
            section.add(name, AGAIN, _start(bridge), "s")
    if effort.held:
        _start_with(section, directory / "held", effort.held)
    _judge(section)
    return section


def _run_long(
    section: Section, bridge: Bridge, orders: Orders, messages: int, loaded: float
) -> None:
    """Memory over so many messages more: the most, and how it leans."""
    taken = [loaded]
    while len(taken) * _PIECE <= messages:
        taken.append(_load(bridge, orders, _PIECE))
    half = taken[len(taken) // 2 :]
    most = section.add(ALONE, MOST, max(taken), "MB")
    if len(half) > 1:
        slope = linear_regression(range(len(half)), half).slope * 100_000 / _PIECE
        section.add(ALONE, SLOPE, slope, "MB")
        section.notes.append(f"the lean is of the second half of {messages:,} messages")
    what = f"memory flat over {messages:,} messages: most ≤ 1.2 × after load"
    section.at_most(what, most / loaded, 1.2, "×")


def _start_with(section: Section, home: Path, held: int) -> None:
    """Ready again with so many orders: the first by HL7, the others copies of their rows."""
    home.mkdir()
    with _bridge(home, 1) as bridge:
        bridge.start()
        seed.send(bridge.hl7_port)
        bridge.stop()
        seed.multiply(home / "b.db", held, with_orders=True)
        name = f"{ALONE}, {held:,} orders"
        section.add(name, AGAIN, _start(bridge), "s")
        section.add(name, f"{READY}, processor", processor_seconds(bridge), "s")
        section.add(name, REST, memory(bridge), "MB")


def memory(bridge: Bridge) -> float:
    """Megabytes of all its processes together; what they share counts once (PSS)."""
    return sum(map(_share, processes_of(bridge))) / 1024


def _share(pid: str) -> int:
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith("Pss:"))


@contextmanager
def _bridge(home: Path, processes: int) -> Iterator[Bridge]:
    bridge = Bridge(configure(home, f"sqlite:///{home}/b.db", processes=processes), home)
    try:
        yield bridge
    finally:
        bridge.close()


def _start(bridge: Bridge) -> float:
    begun = time.perf_counter()
    bridge.start()
    return time.perf_counter() - begun


def _load(bridge: Bridge, orders: Orders, messages: int) -> float:
    for start in range(0, messages, _PIECE):
        measure_rate(bridge.hl7_port, orders.take(min(_PIECE, messages - start)), 16)
    os.sync()
    return memory(bridge)


def _judge(section: Section) -> None:
    for figure in tuple(section.figures):
        if figure.what == REST:
            section.at_most(f"{figure.subject}, at rest < 200 MB", figure.value, 200, "MB")
        if figure.what == LOAD:
            section.at_most(f"{figure.subject}, after load < 400 MB", figure.value, 400, "MB")
        if figure.what in (READY, AGAIN):
            what = f"{figure.subject}, {figure.what} < 3 s"
            section.at_most(what, figure.value, 3, "s")
