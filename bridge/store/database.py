"""The engine, and the one way to change what is kept, `transact`, and to look at it, `look`.

SQLite runs in WAL with `synchronous=FULL`: a commit is on disk when it returns. One writer at a
time is SQLite's rule: see `group_commit`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bridge.domain.errors import (
    BridgeError,
    DataTypeError,
    DuplicateKey,
    ResourceBusy,
    StorageFull,
)
from bridge.store.documents import dump_json
from bridge.store.group_commit import GroupCommit
from bridge.store.pipeline import commit, leave_for_core, pipelined
from bridge.store.turns import Turns

T = TypeVar("T")
TRIES = 4
_RETRY_SQLSTATES = frozenset({"40001", "40P01", "23505"})
_CONNECTION_SQLSTATES = ("08", "57P", "25P03")
LONGEST_PAUSE_SECONDS = 15
"""How long a transaction on PostgreSQL may stand still between two statements.

A bridge that is stopped, or cut off, in the middle of one keeps what it locked; the server ends
its session then, and the other bridges go on.
"""

_FULL_SQLSTATES = frozenset({"53100"})
_DATA_SQLSTATES = ("22", "54000")


class Database:
    """SQLite or PostgreSQL behind one URL (`sqlite:///path`, `postgresql://user@host/name`).

    `shared` says that other processes write all the time: on SQLite they take turns.
    """

    def __init__(self, url: str, *, shared: bool = False) -> None:
        self.url = _driver_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgresql_engine(self.url)
        # SQLite's transactions see one moment anyway.
        moment: dict[str, Any] = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._of_one_moment = self.engine.execution_options(**moment)
        # Statements of the hot path raise the driver's own errors, not SQLAlchemy's.
        self._errors = (SQLAlchemyError, self.engine.dialect.loaded_dbapi.Error)
        file = self.url.database if self.is_sqlite and shared else None
        self._turns = Turns(Path(f"{file}-turns")) if file else None
        self._writer = GroupCommit(self.engine, self._turns) if self.is_sqlite else None

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction and commit it; all or nothing.

        A race lost to another transaction (unique key, deadlock, lost connection) is run again
        from the start, so `work` must have no effect outside its connection.
        Raises ResourceBusy or StorageFull when the database cannot take it now.
        """
        for attempt in range(1, TRIES + 1):
            try:
                if self._writer is not None:
                    return cast("T", self._writer.run(work))
                with self.engine.begin() as connection, pipelined(connection):
                    result = work(connection)
                    commit(connection)
                    return result
            except self._errors as error:
                if not _worth_retrying(error) or attempt == TRIES:
                    raise _translated(error) from error
        raise AssertionError("unreachable")

    def look(self, work: Callable[[Connection], T]) -> T:
        """Run `work` that only reads: all of its statements see the same moment.

        What it locks may have changed since that moment; then it is run again from the start.
        Raises ResourceBusy when the database cannot be read now.
        """
        for attempt in range(1, TRIES + 1):
            try:
                with self._of_one_moment.connect() as connection, connection.begin():
                    return work(connection)
            except self._errors as error:
                if not _worth_retrying(error) or attempt == TRIES:
                    raise _translated(error) from error
        raise AssertionError("unreachable")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading only; what it sees is consistent within one statement."""
        try:
            with self.engine.connect() as connection:
                yield connection
        except self._errors as error:
            raise _translated(error) from error

    def close(self) -> None:
        """Close every connection."""
        if self._writer is not None:
            self._writer.close()
        self.engine.dispose()
        if self._turns is not None:
            self._turns.close()


def _driver_url(text: str) -> URL:
    url = make_url(text)
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    return url


def _sqlite_engine(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url, pool_size=8, max_overflow=32, pool_timeout=10, json_serializer=dump_json
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        if connection.execute("PRAGMA page_count").fetchone() == (0,):
            # Of a new file only (see `space`): in another one it would write each time.
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=10000",
            "cache_size=-65536",
            "temp_store=MEMORY",
            "wal_autocheckpoint=8000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("write", False):  # the writer says its own
            connection.connection.cursor().execute("BEGIN")

    return engine


def _postgresql_engine(url: URL) -> Engine:
    # Each statement sees what is committed: locks are taken first and what they guard read after.
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        pool_size=20,  # one beyond is opened and closed for each transaction
        max_overflow=10,
        pool_use_lifo=True,  # whose statements are prepared and whose server's memory is warm
        pool_timeout=20,
        pool_recycle=1800,
        json_serializer=dump_json,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: psycopg.Connection[Any], _record: object) -> None:
        limit = f"SET idle_in_transaction_session_timeout = '{LONGEST_PAUSE_SECONDS}s'"
        connection.execute(limit)
        connection.commit()

    leave_for_core(engine)
    return engine


def _original(error: Exception) -> Exception:
    """The driver's own error."""
    original: Exception | None = getattr(error, "orig", None)
    return error if original is None else original


def _is_a(error: Exception, name: str) -> bool:
    """Whether the driver's error is of this class of PEP 249."""
    return any(base.__name__ == name for base in type(_original(error)).__mro__)


def _sqlstate(error: Exception) -> str:
    return getattr(_original(error), "sqlstate", None) or ""


def _worth_retrying(error: Exception) -> bool:
    if _is_a(error, "IntegrityError"):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = _sqlstate(error)
    return state in _RETRY_SQLSTATES or state.startswith(_CONNECTION_SQLSTATES)


def refusal_of_data(error: Exception) -> BridgeError | None:
    """What is wrong with what was to be written; None when that is not the cause."""
    if _is_a(error, "IntegrityError"):
        return DuplicateKey("an identifier of the message already belongs to another record")
    if _is_a(error, "DataError") or _sqlstate(error).startswith(_DATA_SQLSTATES):
        return DataTypeError("a value of the message cannot be stored")
    return None


def _translated(error: Exception) -> BridgeError:
    if (refusal := refusal_of_data(error)) is not None:
        return refusal
    text = str(_original(error))
    if "disk is full" in text or "disk I/O" in text or _sqlstate(error) in _FULL_SQLSTATES:
        return StorageFull("the database cannot be written: no space or disk failure")
    return ResourceBusy(f"the database cannot be reached just now ({type(error).__name__})")
