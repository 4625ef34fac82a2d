"""What one order costs, in figures that a busy machine changes little; and where the time goes.

Processor time, statements, and pages of SQLite's write-ahead log: of the bridge's own use cases
over a database of their own, in this process, without sockets.
"""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any

import psycopg
import yaml

from bridge.hl7.links import Peer
from bridge.settings import load
from bridge.store import schema
from bridge.store.database import Database
from bridge.wiring.core import build_core
from bridge.wiring.edges import build_hl7
from tests.peers.bridge_process import configure

ROUNDS = 5
SAMPLE_SECONDS = 0.001
_WAL_HEADER, _FRAME_HEADER = 32, 24
_ROOM = re.compile(r"/bridge/(\w+)/")
_COMMITS = frozenset({"commit", "do_commit", "_transaction"})
_PEER = Peer("his", "127.0.0.1", 2575)

Handle = Callable[[bytes, Peer], Any]
Take = Callable[[int], Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one order: microseconds of this process, statements sent, pages of the log (SQLite).

    `waits` are the answers of PostgreSQL that were waited for: round trips.
    """

    processor: float
    statements: int
    pages: float | None
    waits: int | None


def measure_cost(directory: Path, url: str, take: Take, messages: int) -> Cost:
    """Apply `messages` new orders in each of a few rounds; the median round counts."""
    with _intake(directory, url) as (handle, database):
        _apply(handle, take(100))
        statements, waits = _count_statements(database, lambda: _apply(handle, take(1)))
        rounds = [_measure_round(handle, database, take(messages)) for _ in range(ROUNDS)]
    pages = [each[1] for each in rounds if each[1] is not None]
    processor = median(each[0] for each in rounds)
    return Cost(processor, statements, median(pages) if pages else None, waits)


def profile(directory: Path, url: str, take: Take, messages: int) -> dict[str, float]:
    """Shares of the processor time of an order, by room of the bridge; commits stand apart."""
    with _intake(directory, url) as (handle, _):
        _apply(handle, take(100))
        seen: Counter[str] = Counter()
        taken = take(messages)
        with _sampled(seen):
            _apply(handle, taken)
    total = sum(seen.values()) or 1
    return {room: count / total for room, count in seen.most_common()}


@contextmanager
def _intake(directory: Path, url: str) -> Iterator[tuple[Handle, Database]]:
    directory.mkdir(exist_ok=True)
    file = directory / "bridge.yaml"
    file.write_text(yaml.safe_dump(configure(directory, url)))
    settings = load(file, {})
    core = build_core(settings, {})
    try:
        schema.upgrade(core.database)
        with ThreadPoolExecutor(1) as executor:
            listener = build_hl7(core, settings.hl7.listeners[0], executor)
            yield listener.handler, core.database
    finally:
        core.database.close()


def _apply(handle: Handle, messages: Iterable[bytes]) -> None:
    for message in messages:
        answer = handle(message, _PEER)
        if b"MSA|AA" not in (answer if isinstance(answer, bytes) else b"".join(answer)):
            raise AssertionError(f"not accepted: {answer!r}")


def _measure_round(
    handle: Handle, database: Database, messages: Sequence[bytes]
) -> tuple[float, float | None]:
    log = Path(f"{database.url.database}-wal") if database.is_sqlite else None
    if log:
        _empty_log(database)
    begun = time.process_time()
    _apply(handle, messages)
    taken = (time.process_time() - begun) / len(messages) * 1e6
    if log is None:
        return taken, None
    frame = _FRAME_HEADER + int(_pragma(database, "page_size"))
    return taken, (log.stat().st_size - _WAL_HEADER) / frame / len(messages)


def _empty_log(database: Database) -> None:
    """Begin the log anew, and let it grow: its size then tells what was written."""
    _pragma(database, "wal_checkpoint(TRUNCATE)")
    database.transact(
        lambda connection: _driver(connection).execute("PRAGMA wal_autocheckpoint=0").fetchall()
    )


def _pragma(database: Database, name: str) -> Any:
    with database.read() as connection:
        return _driver(connection).execute(f"PRAGMA {name}").fetchone()[0]


def _driver(connection: Any) -> Any:
    return connection.connection.driver_connection


def _count_statements(database: Database, work: Callable[[], None]) -> tuple[int, int | None]:
    """Count what the driver is given, BEGIN and COMMIT left out; each row counts."""
    seen: list[str] = []
    waits: list[str] = []
    if database.is_sqlite:
        database.transact(lambda connection: _driver(connection).set_trace_callback(seen.append))
        work()
        database.transact(lambda connection: _driver(connection).set_trace_callback(None))
    else:
        with _heard(seen, waits):
            work()
    statements = sum(not statement.startswith(("BEGIN", "COMMIT")) for statement in seen)
    return statements, None if database.is_sqlite else len(waits)


@contextmanager
def _heard(seen: list[str], waits: list[str]) -> Iterator[None]:
    """Hear every statement that psycopg's cursors are given, and when one is waited for."""
    cursors: Any = psycopg.Cursor
    kept = {name: getattr(cursors, name) for name in ("execute", "executemany", "_fetch_pipeline")}

    def hear(cursor: Any, query: Any, *rest: Any, **options: Any) -> Any:
        seen.append(str(query))
        if cursor.connection._pipeline is None:
            waits.append("execute")
        return kept["execute"](cursor, query, *rest, **options)

    def hear_many(cursor: Any, query: Any, rows: Any, **options: Any) -> None:
        every = list(rows)
        seen.extend([str(query)] * len(every))
        kept["executemany"](cursor, query, every, **options)

    def hear_wait(cursor: Any) -> None:
        if cursor.pgresult is None and cursor.connection._pipeline is not None:
            waits.append("fetch")
        kept["_fetch_pipeline"](cursor)

    cursors.execute, cursors.executemany = hear, hear_many
    cursors._fetch_pipeline = hear_wait
    try:
        yield
    finally:
        waits.append("commit")
        for name, function in kept.items():
            setattr(cursors, name, function)


@contextmanager
def _sampled(seen: Counter[str]) -> Iterator[None]:
    """Note the room at work at every tick of this process's own time."""

    def note(_signal: int, frame: FrameType | None) -> None:
        seen[_place(frame)] += 1

    before = signal.signal(signal.SIGPROF, note)
    signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _place(frame: FrameType | None) -> str:
    """The room whose code runs, or for which a library's does."""
    committing = False
    while frame is not None:
        committing = committing or frame.f_code.co_name in _COMMITS
        if found := _ROOM.search(frame.f_code.co_filename):
            return "commit" if committing else found[1]
        frame = frame.f_back
    return "other"
