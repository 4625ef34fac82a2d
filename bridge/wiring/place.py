"""Where a process stands among those of one bridge, and how it calls the first of them.

All listen. What must be done by one alone is done by the first: deliveries, whose destinations
bear no two writers at once, timers and polling.
"""

from __future__ import annotations

import contextlib
import mmap
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

_DELIVERIES = b"d"
_TIMER = struct.Struct("<cd")


class State(IntEnum):
    """What a process of a bridge does."""

    DOWN = 0
    UP = 1


class Board:
    """One byte for each process, in memory that all of them share: who is up."""

    def __init__(self, processes: int) -> None:
        self._states = mmap.mmap(-1, processes)
        self.size = processes

    def put(self, number: int, state: State) -> None:
        """Say what process `number` (from 1 on) does."""
        self._states[number - 1] = state

    def is_up(self, number: int) -> bool:
        """Whether a process takes connections."""
        return self._states[number - 1] == State.UP

    def problem(self) -> str:
        """Which processes are not up, in words; empty when all are."""
        down = [str(n) for n in range(1, self.size + 1) if not self.is_up(n)]
        return f"not up: process {', '.join(down)} of {self.size}" if down else ""


class Calls:
    """The line on which processes tell the first one of new work, after its commit."""

    def __init__(self) -> None:
        self._hearing, self._calling = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._calling.setblocking(False)

    def deliveries_queued(self) -> None:
        """There is something to deliver."""
        self._say(_DELIVERIES)

    def timer_set(self, due_at: float) -> None:
        """A timer was set for then (unix time)."""
        self._say(_TIMER.pack(b"t", due_at))

    def hear(self, deliveries: Callable[[], None], timer: Callable[[float], None]) -> None:
        """Pass on what is said from here on, in a thread of its own that ends with the process."""

        def listen() -> None:
            while True:
                said = self._hearing.recv(64)
                if said == _DELIVERIES:
                    deliveries()
                elif len(said) == _TIMER.size:
                    timer(_TIMER.unpack(said)[1])

        threading.Thread(target=listen, name="calls", daemon=True).start()

    def _say(self, what: bytes) -> None:
        # A full line is one on which the first process has calls enough; it also looks by itself.
        with contextlib.suppress(BlockingIOError, ConnectionError):
            self._calling.send(what)


@dataclass(frozen=True, slots=True)
class Place:
    """The `number` of a process (from 1 on) among those of its bridge."""

    number: int
    board: Board
    calls: Calls

    @property
    def is_first(self) -> bool:
        """Whether this one does what is done by one alone."""
        return self.number == 1
