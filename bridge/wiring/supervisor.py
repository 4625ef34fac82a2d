"""Several equal processes on the same ports: started, watched, started again, and ended together.

They are forked from one process that has loaded everything and runs no thread of Python's: they
share its memory, and begin in a moment. Each takes the ports for itself with SO_REUSEPORT; here
they are only held, so that they stay ours while a process is started again.
"""

from __future__ import annotations

import gc
import logging
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bridge.settings import Settings, public_url
from bridge.wiring.addresses import listen, listening
from bridge.wiring.place import Board, Calls, Place, State

log = logging.getLogger(__name__)

STOPPING = (signal.SIGINT, signal.SIGTERM)
_HEARD = (*STOPPING, signal.SIGHUP, signal.SIGCHLD)
_LOOK_SECONDS = 0.05
_FIRST_PAUSE, _LONGEST_PAUSE, _LONG_LIFE = 0.1, 30.0, 60.0
_ORPHANED = 70

Run = Callable[[Settings, Place], int]
"""Runs one process until it is told to stop; gives its exit code."""


@dataclass(slots=True)
class _Child:
    """One process: its pid, 0 while it waits to be started again, and how it has fared."""

    number: int
    pid: int = 0
    begun: float = 0.0
    pause: float = 0.0
    next_start: float = 0.0


class Supervisor:
    """Runs `settings.processes` processes. To be used in the main thread, before any other runs."""

    def __init__(self, settings: Settings, run: Run) -> None:
        """Take the ports. Raises CannotListen."""
        self._held: list[socket.socket] = []
        self.settings = self._hold_ports(settings)
        self._run = run
        self._board, self._calls = Board(settings.processes), Calls()
        self._children = [_Child(number) for number in range(1, settings.processes + 1)]
        self._alive, self._life = os.pipe()  # closed by the system when we die, however that was

    def serve(self, ready: Callable[[], None]) -> int:
        """Run all until a signal says stop; `ready` is called when all are up for the first time.

        Gives the exit code: of the process that could not be started, else 0.
        """
        gc.collect()
        gc.freeze()
        with _signals() as wait:
            if code := self._start_all(wait):
                return code
            if code is not None:
                ready()
                self._watch(wait)
            self._end_all(wait)
        return 0

    def _start_all(self, wait: Callable[[float], set[int]]) -> int | None:
        """Start one after the other, since the first migrates; the code of one that failed.

        None when told to stop meanwhile.
        """
        for child in self._children:
            self._fork(child)
            while not self._board.is_up(child.number):
                if set(STOPPING) & wait(_LOOK_SECONDS):
                    return None
                for ended, code in self._reap():
                    if ended is child:
                        self._end_all(wait)
                        return code or 1
                    self._plan_start(ended, code)
        return 0

    def _watch(self, wait: Callable[[float], set[int]]) -> None:
        while True:
            heard = wait(1.0 if all(each.pid for each in self._children) else _LOOK_SECONDS)
            if heard & set(STOPPING):
                return
            if signal.SIGHUP in heard:
                self._tell(signal.SIGHUP)
            for child, code in self._reap():
                self._plan_start(child, code)
            for child in self._children:
                if not child.pid and time.monotonic() >= child.next_start:
                    self._fork(child)

    def _plan_start(self, child: _Child, code: int) -> None:
        """Who lived long is started again at once; who keeps failing, less and less often."""
        lived = time.monotonic() - child.begun
        again = min(_LONGEST_PAUSE, max(_FIRST_PAUSE, child.pause * 2))
        child.pause = _FIRST_PAUSE if lived > _LONG_LIFE or not code else again
        child.next_start = time.monotonic() + child.pause
        about = {"count": child.number, "status": code, "seconds": round(child.pause, 1)}
        log.error("process.ended", extra=about)

    def _fork(self, child: _Child) -> None:
        """Start a process; in the new one this never returns."""
        child.begun = time.monotonic()
        # Blocked until the new process has its own way of hearing them.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        child.pid = os.fork()
        if not child.pid:
            self._live(child.number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)

    def _live(self, number: int) -> None:
        code = 1
        try:
            os.setpgid(0, 0)  # a terminal's Ctrl-C is for the supervisor, which passes it on
            os.close(self._life)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            threading.Thread(target=self._end_with_parent, name="life", daemon=True).start()
            code = self._run(self.settings, Place(number, self._board, self._calls))
        except BaseException:
            log.exception("process.failed")
        finally:
            os._exit(code)

    def _end_with_parent(self) -> None:
        """As if killed with it: what is not acknowledged is repeated by who sent it."""
        os.read(self._alive, 1)
        os._exit(_ORPHANED)

    def _reap(self) -> Iterator[tuple[_Child, int]]:
        for child in self._children:
            if child.pid:
                pid, status = os.waitpid(child.pid, os.WNOHANG)
                if pid:
                    child.pid = 0
                    self._board.put(child.number, State.DOWN)
                    yield child, os.waitstatus_to_exitcode(status)

    def _tell(self, what: signal.Signals) -> None:
        for child in self._children:
            if child.pid:
                os.kill(child.pid, what)

    def _end_all(self, wait: Callable[[float], set[int]]) -> None:
        """Let each finish what is in hand."""
        self._tell(signal.SIGTERM)
        while any(child.pid for child in self._children):
            for child, _ in self._reap():
                log.info("process.stopped", extra={"count": child.number})
            if any(child.pid for child in self._children):
                wait(_LOOK_SECONDS)

    def _hold_ports(self, settings: Settings) -> Settings:
        """Hold every port, and say which was taken where the settings leave it open."""
        http, dicom = settings.http, settings.dicom
        port = self._hold("HTTP", http.host, http.port)
        is_derived = http.public_url == public_url(http.host, http.port)
        url = public_url(http.host, port) if is_derived else http.public_url
        listeners = tuple(
            replace(each, port=self._hold(f"HL7 listener {each.name}", each.host, each.port))
            for each in settings.hl7.listeners
        )
        return replace(
            settings,
            http=replace(http, port=port, public_url=url),
            hl7=replace(settings.hl7, listeners=listeners),
            dicom=replace(dicom, port=self._hold("DICOM", dicom.host, dicom.port)),
        )

    def _hold(self, what: str, host: str, port: int) -> int:
        """Bind a port without listening; another bridge that shares its own is kept out, too."""
        with listen(what, host, port) as alone:
            taken: int = alone.getsockname()[1]
        with listening(what, host, taken):
            held = socket.socket(alone.family, socket.SOCK_STREAM)
            self._held.append(held)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            held.bind((host, taken))
        return taken


@contextmanager
def _signals() -> Iterator[Callable[[float], set[int]]]:
    """Signals end nothing from here on: the call waits so many seconds for some, and gives them."""
    reading, writing = socket.socketpair()

    def wait(seconds: float) -> set[int]:
        ready, _, _ = select.select([reading], [], [], seconds)
        return set(reading.recv(256)) if ready else set()

    with reading, writing:
        writing.setblocking(False)
        descriptor = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        before = _handle(dict.fromkeys(_HEARD, lambda *_: None).items())
        try:
            yield wait
        finally:
            _handle(before)
            signal.set_wakeup_fd(descriptor)


def _handle(
    handlers: Iterable[tuple[signal.Signals, object]],
) -> list[tuple[signal.Signals, object]]:
    """Install handlers; gives those there were."""
    return [(each, signal.signal(each, handler)) for each, handler in handlers]  # type: ignore[arg-type]
