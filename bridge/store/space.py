"""Room that removed rows leave behind, given back to the system.

SQLite: new databases are made with `auto_vacuum=INCREMENTAL`, and free pages at the end of the file
are cut off a few at a time. In an older file they are used again, and it shrinks when it is
compacted. PostgreSQL reuses the room of removed rows by itself (autovacuum); compacting gives it
back and locks the tables meanwhile.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from bridge.store.database import Database
from bridge.store.tables import metadata

_PAGES_AT_ONCE = 256
_INCREMENTAL = 2


class DatabaseSpace:
    """The room of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def give_back(self) -> bool:
        """Cut off some free pages; true when there are more. Costs the writer about 10 ms."""
        if not self._database.is_sqlite or not self._frees():
            return False
        return self._database.transact(_cut_off)

    def compact(self) -> None:
        """Give all of it back. Nobody can write meanwhile, with PostgreSQL not even read."""
        with self._database.engine.connect() as connection:
            if self._database.is_sqlite:
                driver: Any = connection.connection.driver_connection
                driver.execute("PRAGMA auto_vacuum=INCREMENTAL")
                driver.execute("VACUUM")
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                return
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            for table in metadata.sorted_tables:
                alone.execute(text(f'VACUUM (FULL, ANALYZE) "{table.name}"'))

    def size(self) -> tuple[int, int]:
        """Bytes that the database takes, and how many of them hold nothing."""
        with self._database.read() as connection:
            if self._database.is_sqlite:
                page, count, free = (
                    _pragma(connection, name)
                    for name in ("page_size", "page_count", "freelist_count")
                )
                return page * count, page * free
            whole = connection.execute(text("SELECT pg_database_size(current_database())"))
            return int(whole.scalar_one()), 0

    def _frees(self) -> bool:
        with self._database.read() as connection:
            return _pragma(connection, "auto_vacuum") == _INCREMENTAL and bool(
                _pragma(connection, "freelist_count")
            )


def _cut_off(connection: Connection) -> bool:
    cursor = connection.connection.cursor()
    for _ in range(_PAGES_AT_ONCE):
        cursor.execute("PRAGMA incremental_vacuum(1)")  # the driver takes one step of it, whatever
    cursor.close()
    return bool(_pragma(connection, "freelist_count"))


def _pragma(connection: Connection, name: str) -> int:
    cursor = connection.connection.cursor()
    cursor.execute(f"PRAGMA {name}")
    rows = cursor.fetchall()
    cursor.close()
    return int(rows[0][0])
