"""Whom the bridge is measured beside, where `tests.peers` has no wrapper yet."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tests.peers.process import HERE, Process, accepts, choose_port

_MF_FEED = """\
from messagefoundry import MLLP, inbound, router

inbound("IB_BENCH_ORM", MLLP(port={port}), router="keep")


@router("keep")
def keep(msg):
    return []
"""
# The same promise as the bridge's: an acknowledged message survives a power failure.
_MF_SETTINGS = """\
[store]
path = "messages.db"
synchronous = "full"
[api]
host = "127.0.0.1"
port = {port}
[ai]
environment = "dev"
"""


class MessageFoundry:
    """MessageFoundry 0.2.1 that stores what it gets and routes it nowhere."""

    def __init__(self, directory: Path) -> None:
        self.port = choose_port()
        home = directory / "messagefoundry"
        (home / "config").mkdir(parents=True)
        (home / "environments").mkdir()
        (home / "config" / "IB_BENCH_ORM.py").write_text(_MF_FEED.format(port=self.port))
        (home / "environments" / "dev.toml").write_text("")
        (home / "messagefoundry.toml").write_text(_MF_SETTINGS.format(port=choose_port()))
        program = HERE / ".venvs" / "messagefoundry" / "bin" / "messagefoundry"
        self._process = Process(
            [program, "serve", "--config", "config", "--env", "dev"],
            directory / "messagefoundry.log",
            directory=home,
        )
        self._process.wait_for(lambda: accepts(self.port), "MessageFoundry listens", 60)

    def close(self) -> None:
        """End the process."""
        self._process.stop()


def measure_bare_inserts(file: Path, messages: Sequence[bytes]) -> float:
    """Commits a second of a loop that only inserts each message (SQLite, WAL, FULL)."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS message (id INTEGER PRIMARY KEY, raw BLOB)")
        begun = time.perf_counter()
        for message in messages:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO message (raw) VALUES (?)", (message,))
            connection.execute("COMMIT")
        return len(messages) / (time.perf_counter() - begun)
