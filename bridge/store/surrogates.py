"""Surrogates and the identifiers they stand for."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from bridge.domain.surrogate import may_be_surrogate
from bridge.store.tables import surrogate


def meant_by(connection: Connection, value: str) -> str:
    """What somebody means who read an identifier off a modality: what its surrogate stands for."""
    if not may_be_surrogate(value):
        return value
    return Surrogates(connection).originals([value]).get(value, value)


class Surrogates:
    """The cross-reference of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def keep(self, value: str, original: str) -> None:
        """Remember what a surrogate stands for; known ones are no news."""
        on_sqlite = self._connection.dialect.name == sqlite.dialect.name
        dialect = sqlite if on_sqlite else postgresql
        statement = dialect.insert(surrogate).on_conflict_do_nothing()
        self._connection.execute(statement, {"value": value, "original": original})

    def originals(self, values: Collection[str]) -> dict[str, str]:
        """What each of the values stands for that is a surrogate."""
        query = select(surrogate.c.value, surrogate.c.original)
        rows = self._connection.execute(query.where(surrogate.c.value.in_(values)))
        return {value: original for value, original in rows.all()}
