"""PostgreSQL for the bench: the tests' own cluster, but synchronising as a hospital's would."""

from __future__ import annotations

import re
from pathlib import Path

from tests.peers import postgres
from tests.peers.process import run

_INSERT = "INSERT INTO message (raw) VALUES (convert_to(repeat('x', 700), 'UTF8'));\n"


def open_cluster() -> postgres.Postgres:
    """A cluster with fsync on."""
    return postgres.Postgres(settings=("fsync=on", "max_connections=300", "shared_buffers=256MB"))


def measure_pgbench(url: str, directory: Path, connections: int, seconds: int) -> float:
    """Transactions a second of pgbench, each of which inserts one message."""
    programs = postgres.newest_programs()
    script = directory / "insert.sql"
    script.write_text(_INSERT)
    create = "CREATE TABLE IF NOT EXISTS message (id bigserial PRIMARY KEY, raw bytea)"
    run([programs / "psql", "-q", "-d", url, "-c", create])
    clients = ["-c", str(connections), "-j", "1", "-T", str(seconds)]
    done = run([programs / "pgbench", "-n", "-f", script, *clients, url], seconds=seconds + 60)
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    if not found:
        raise AssertionError(done.stdout)
    return float(found[1])
