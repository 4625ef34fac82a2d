"""Processor time that a bridge takes: unlike a rate it changes little with who else is at work."""

from __future__ import annotations

import os
from pathlib import Path

from tests.peers.bridge_process import Bridge

_USER, _SYSTEM = 11, 12  # fields of /proc/PID/stat after the name
_TICKS = os.sysconf("SC_CLK_TCK")


def processes_of(bridge: Bridge) -> list[str]:
    """The IDs of its processes: the one that was started, and its children."""
    process = bridge._process
    if process is None:
        raise AssertionError("the bridge does not run")
    pid = process.child.pid
    return [str(pid), *Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def processor_seconds(bridge: Bridge) -> float:
    """What all its processes have taken so far."""
    return sum(map(_seconds, processes_of(bridge)))


def _seconds(pid: str) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS
