"""How soon the bridge is ready, and its memory: at rest, under load, and in the long run."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.hl7_orders import CORES, Orders
from bench.mllp_load import measure_rate
from bench.processor import processes_of
from bench.report import Section
from tests.peers.bridge_process import Bridge, configure

ALONE, SEVERAL = "bridge, SQLite FULL", f"bridge, SQLite FULL, {CORES} processes"
READY, AGAIN, REST = "ready, new", "ready, filled", "at rest"
LOAD, MOST = "after load", "most in the long run"
_PIECE = 5000


def measure(directory: Path, messages: int, long_run: int) -> Section:
    """Memory after `messages` orders; with `long_run` also the most while so many more come."""
    section = Section("Start and memory")
    for processes in sorted({1, CORES}):
        name = ALONE if processes == 1 else SEVERAL
        home = directory / f"processes-{processes}"
        home.mkdir()
        with _bridge(home, processes) as bridge:
            section.add(name, READY, _start(bridge), "s")
            section.add(name, REST, memory(bridge), "MB")
            orders = Orders()
            loaded = section.add(name, LOAD, _load(bridge, orders, messages), "MB")
            if long_run and processes == 1:
                most = max(_load(bridge, orders, _PIECE) for _ in range(long_run // _PIECE))
                section.add(name, MOST, most, "MB")
                section.at_most("memory flat: most ≤ 1.2 × after load", most / loaded, 1.2, "×")
            bridge.stop()
            section.add(name, AGAIN, _start(bridge), "s")
    _judge(section)
    return section


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
