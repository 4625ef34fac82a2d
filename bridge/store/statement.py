"""Statements of the hot path: written once in SQLAlchemy Core, run on the driver's own cursor.

Every order runs a dozen statements. Core's execution of a cached statement costs 20 to 70 µs of
Python each, several times what SQLite needs for it; compiled once, the same statement costs 5.
Only what takes and gives plain values belongs here: results are the driver's, not converted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.sql import ClauseElement

Parameters = Mapping[str, Any]
_Convert = Callable[[Any], Any]


class Statement:
    """One statement. `keys` names the columns of an INSERT that are given."""

    def __init__(self, clause: ClauseElement, keys: Sequence[str] | None = None) -> None:
        self._clause = clause
        self._keys = keys
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, connection: Connection, parameters: Parameters) -> list[tuple[Any, ...]]:
        """Run it and take every row."""
        compiled = self._for(connection)
        cursor = _cursor(connection)
        cursor.execute(compiled.sql, compiled.bind(parameters))
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def scalar(self, connection: Connection, parameters: Parameters) -> Any:
        """Run it and take the first column of the first row; None when there is no row."""
        compiled = self._for(connection)
        cursor = _cursor(connection)
        cursor.execute(compiled.sql, compiled.bind(parameters))
        row = cursor.fetchone()
        cursor.close()
        return None if row is None else row[0]

    def run(self, connection: Connection, *rows: Parameters) -> None:
        """Run it, once for each row of parameters."""
        compiled = self._for(connection)
        cursor = _cursor(connection)
        if len(rows) == 1:
            cursor.execute(compiled.sql, compiled.bind(rows[0]))
        elif rows:
            cursor.executemany(compiled.sql, [compiled.bind(row) for row in rows])
        cursor.close()

    def _for(self, connection: Connection) -> _Compiled:
        name = connection.dialect.name
        if name not in self._compiled:
            self._compiled[name] = _Compiled(self._clause, self._keys, connection)
        return self._compiled[name]


def insert(table: Table, keys: Iterable[str], *, returning_pk: bool = False) -> Statement:
    """An INSERT of these columns, which gives the new row's pk when asked to."""
    clause = table.insert()
    return Statement(clause.returning(table.c.pk) if returning_pk else clause, tuple(keys))


class _Compiled:
    """A statement as text for one driver, with what turns values into the driver's."""

    def __init__(
        self, clause: ClauseElement, keys: Sequence[str] | None, connection: Connection
    ) -> None:
        compiled: Any = clause.compile(
            dialect=connection.dialect, column_keys=list(keys) if keys else None
        )
        self.sql = str(compiled)
        self._fixed: dict[str, Any] = {
            name: value
            for name, value in compiled.params.items()
            if not compiled.binds[name].required and not (keys and name in keys)
        }
        self._names = tuple(compiled.positiontup or compiled.params)
        self._positional = compiled.positiontup is not None
        self._take = _taker(self._names)
        converts: dict[str, _Convert] = compiled._bind_processors
        self._converts = [
            (place, converts[name]) for place, name in enumerate(self._names) if name in converts
        ]

    def bind(self, parameters: Parameters) -> Any:
        """The values as the driver takes them: in order, or by name."""
        values = self._take({**self._fixed, **parameters} if self._fixed else parameters)
        if self._converts:
            row = list(values)
            for place, convert in self._converts:
                row[place] = convert(row[place])
            values = row
        return values if self._positional else dict(zip(self._names, values, strict=True))


def _taker(names: tuple[str, ...]) -> Callable[[Parameters], Sequence[Any]]:
    """What takes the values of these names out of a mapping, in C where there are several."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda parameters: [parameters[name] for name in names]


def _cursor(connection: Connection) -> Any:
    return connection.connection.cursor()
