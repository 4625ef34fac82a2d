"""Processes of peers: started by full path, stopped by process id, their output kept for the day
it is needed.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TypeVar

T = TypeVar("T")

HERE = Path(__file__).parent
NODE = HERE / "node" / "node_modules" / ".node"


# Processes of one test run share the machine's ports: each takes those of its own remainder.
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_CHOSEN: set[int] = set()


class PeerError(AssertionError):
    """A peer did not do its part; the message holds the end of its output."""


def choose_port() -> int:
    """Give a free port of the loopback interface, proven free by binding it.

    From below the range of which the kernel takes the ports of outgoing connections, so that
    nobody takes the port of a server that is down for a moment (Linux: 32768 and above). Never
    the same twice: a peer with a lasting connection would take a new server for the old one.
    """
    for _ in range(1000):
        port = random.randrange(20000 + _WORKER, 32000, _WORKERS)
        if port in _CHOSEN:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _CHOSEN.add(port)
        return port
    raise PeerError("no free port was found")


def wait_until(ask: Callable[[], T], what: str, seconds: float = 30.0, pause: float = 0.02) -> T:
    """Ask again and again until the answer is true, and give it; after `seconds` it will not
    come.
    """
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > end:
            raise PeerError(f"waited {seconds} s in vain: {what} (last answer: {answer!r})")
        time.sleep(pause)


def accepts(port: int) -> bool:
    """Tell whether somebody listens at the port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answers(url: str) -> bool:
    """Tell whether the address answers with a success."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status < 300)
    except (urllib.error.URLError, OSError):
        return False


class Process:
    """One process of a peer, its output in `log`."""

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        *,
        directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
        pipes: bool = False,
        user: str | None = None,
    ) -> None:
        self.command = [str(part) for part in command]
        self.log = log
        self._output: IO[bytes] = log.open("ab")
        self._child = subprocess.Popen(
            self.command,
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
            stdout=subprocess.PIPE if pipes else self._output,
            stderr=self._output,
            user=user,
            group=user,
            extra_groups=[] if user else None,
        )

    @property
    def child(self) -> subprocess.Popen[bytes]:
        return self._child

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    def output(self, lines: int = 60) -> str:
        """Give the last lines of what the process wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait_for(self, ask: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
        """Wait until `ask` says yes, but not for a process that has ended."""

        def ask_the_living() -> bool:
            if not self.running:
                raise PeerError(
                    f"{self.command[0]} ended with {self._child.returncode}\n{self.output()}"
                )
            return ask()

        try:
            wait_until(ask_the_living, what, seconds)
        except PeerError as error:
            raise PeerError(f"{error}\n{self.output()}") from None

    def stop(self, seconds: float = 20.0) -> int:
        """Ask the process to end (SIGTERM), insist after `seconds`, and give its exit code."""
        if self.running:
            self._child.terminate()
            try:
                self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                self._child.kill()
        return self._ended()

    def kill(self) -> None:
        """End the process on the spot (SIGKILL)."""
        self._child.kill()
        self._ended()

    def _ended(self) -> int:
        code = self._child.wait()
        for stream in (self._child.stdin, self._child.stdout, self._output):
            if stream is not None:
                stream.close()
        return code


def run(
    command: Sequence[str | Path], *, directory: Path | None = None, seconds: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run a program of a peer to its end and give its code and output (standard output and
    errors together).
    """
    return subprocess.run(
        [str(part) for part in command],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds,
        check=False,
        text=True,
        errors="replace",
    )
