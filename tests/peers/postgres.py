"""A private PostgreSQL cluster on a free port, in a temporary folder, run by somebody other than
root.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from tests.peers.process import PeerError, Process, choose_port

# Debian's own account of the database server: PostgreSQL refuses to run as root.
ACCOUNT = "postgres"
# The tests kill the bridge, never the database: it need not survive a power failure.
SETTINGS = ("fsync=off", "max_connections=300", "shared_buffers=64MB", "logging_collector=off")


class Postgres:
    """A running cluster; `create_database` gives an empty database each time."""

    def __init__(self, settings: Sequence[str] = SETTINGS) -> None:
        self._user = ACCOUNT if os.geteuid() == 0 else None
        self._programs = newest_programs()
        # Not pytest's own folder: that one may be read by its owner only.
        self._home = Path(tempfile.mkdtemp(prefix="bridge-postgres-"))
        if self._user:
            shutil.chown(self._home, self._user, self._user)
        self.port = choose_port()
        data = self._home / "data"
        self._run(
            "initdb", "-D", data, "-U", "bridge", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"
        )
        options = [part for setting in settings for part in ("-c", setting)]
        listen: list[str | Path] = ["-h", "127.0.0.1", "-p", str(self.port), "-k", self._home]
        self._command = [self._programs / "postgres", "-D", data, *listen, *options]
        self._process = self._start()
        self._names = (f"bridge_{number}" for number in count(1))

    def create_database(self) -> str:
        """Create an empty database and give its address as the bridge's configuration takes it."""
        name = next(self._names)
        self._run("createdb", *self._address(), name)
        return f"postgresql://bridge@127.0.0.1:{self.port}/{name}"

    def restart(self, seconds: float = 0.0) -> None:
        """End it as an upgrade of its package does, and start it again after `seconds`."""
        self._end()
        time.sleep(seconds)
        self._process = self._start()

    def _start(self) -> Process:
        process = Process(self._command, self._home / "log", user=self._user)
        process.wait_for(self._is_ready, "PostgreSQL accepts connections")
        return process

    def _end(self) -> None:
        # SIGINT is PostgreSQL's fast shutdown: it does not wait for clients to leave.
        self._process.child.send_signal(signal.SIGINT)
        self._process.child.wait(30)
        self._process.stop()

    def _address(self) -> list[str]:
        return ["-h", "127.0.0.1", "-p", str(self.port), "-U", "bridge"]

    def _is_ready(self) -> bool:
        command = [str(self._programs / "pg_isready"), "-q", *self._address()]
        return subprocess.run(command, check=False).returncode == 0

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [str(self._programs / program), *map(str, arguments)],
            user=self._user,
            group=self._user,
            extra_groups=[] if self._user else None,
            cwd=self._home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode:
            raise PeerError(f"{program}: {done.stdout.decode(errors='replace')}")

    def close(self) -> None:
        self._end()
        shutil.rmtree(self._home, ignore_errors=True)


def newest_programs() -> Path:
    """Find the folder of the newest PostgreSQL's programs as Debian lays them out."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: int(path.parent.parent.name),
    )
    if not found:
        raise PeerError("there is no PostgreSQL server: run tests/peers/install")
    return found[-1].parent
