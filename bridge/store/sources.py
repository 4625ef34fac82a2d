"""How far each server that we ask was read, and which versions of its resources were applied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from bridge.domain.source_cursor import SourceCursor
from bridge.store.tables import source_cursor, source_version

_CURSOR_KEY = ("source", "kind")
_VERSION_KEY = ("source", "reference")


class Sources:
    """The sources of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def cursor(self, source: str, kind: str) -> SourceCursor:
        """How far a type of resource was read; one that was never asked for is at the beginning."""
        query = select(source_cursor).where(
            source_cursor.c.source == source, source_cursor.c.kind == kind
        )
        row = self._connection.execute(query).mappings().first()
        return SourceCursor(**row) if row else SourceCursor(source=source, kind=kind)

    def cursors(self) -> tuple[SourceCursor, ...]:
        """Those of every source."""
        query = select(source_cursor).order_by(source_cursor.c.source, source_cursor.c.kind)
        return tuple(SourceCursor(**row) for row in self._connection.execute(query).mappings())

    def move(self, cursor: SourceCursor) -> None:
        """Keep how far it was read, or how it failed."""
        self._put(source_cursor, _CURSOR_KEY, asdict(cursor))

    def versions(self, source: str, references: Iterable[str]) -> dict[str, str]:
        """Which versions of these resources were applied, by reference."""
        query = select(source_version.c.reference, source_version.c.version).where(
            source_version.c.source == source,
            source_version.c.reference.in_(list(references)),
        )
        return {row.reference: row.version for row in self._connection.execute(query)}

    def applied(self, source: str, reference: str, version: str, updated_at: str) -> None:
        """Keep that a version of a resource was applied, and when it came about there."""
        row = {
            "source": source,
            "reference": reference,
            "version": version,
            "updated_at": updated_at,
        }
        self._put(source_version, _VERSION_KEY, row)

    def between(self, source: str, first: str, last: str) -> tuple[str, ...]:
        """What was applied that came about between two moments, both included."""
        query = (
            select(source_version.c.reference)
            .where(
                source_version.c.source == source,
                source_version.c.updated_at >= first,
                source_version.c.updated_at <= last,
            )
            .order_by(source_version.c.reference)
        )
        return tuple(self._connection.execute(query).scalars())

    def drop(self, source: str, reference: str) -> None:
        """Forget one that is not there any more."""
        self._connection.execute(
            delete(source_version).where(
                source_version.c.source == source, source_version.c.reference == reference
            )
        )

    def forget(self, source: str, before: str) -> None:
        """Drop versions that are older than any question goes back."""
        self._connection.execute(
            delete(source_version).where(
                source_version.c.source == source,
                source_version.c.updated_at < before,
            )
        )

    def _put(self, table: Table, key: tuple[str, ...], row: dict[str, Any]) -> None:
        on_sqlite = self._connection.dialect.name == sqlite.dialect.name
        dialect = sqlite if on_sqlite else postgresql
        statement = dialect.insert(table).values(row)
        said = {name: value for name, value in row.items() if name not in key}
        self._connection.execute(
            statement.on_conflict_do_update(index_elements=list(key), set_=said)
        )
