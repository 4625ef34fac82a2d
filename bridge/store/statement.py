"""Statements of the hot path: written once in SQLAlchemy Core, run on the driver's own cursor.

Every order runs a dozen statements. Core's execution of a cached statement costs 20 to 70 µs of
Python each, several times what SQLite needs for it; compiled once, the same statement costs 5.
Only what takes and gives plain values belongs here: results are the driver's, not converted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, text
from sqlalchemy.sql import ClauseElement

from bridge.store.pipeline import pipeline_of

Parameters = Mapping[str, Any]
_Convert = Callable[[Any], Any]


class Statement:
    """One statement. `keys` names the columns of an INSERT that are given."""

    def __init__(self, clause: ClauseElement, keys: Sequence[str] | None = None) -> None:
        self._clause = clause
        self._keys = keys
        # One that gives nothing back, and can go out with others.
        self._is_insert = keys is not None and not getattr(clause, "_returning", ())
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, connection: Connection, parameters: Parameters) -> list[tuple[Any, ...]]:
        """Run it and take every row."""
        found: list[tuple[Any, ...]] = self.ask(connection, parameters).fetchall()
        return found

    def scalar(self, connection: Connection, parameters: Parameters) -> Any:
        """Run it and take the first column of the first row; None when there is no row."""
        cursor = self.ask(connection, parameters)
        row = cursor.fetchone()
        cursor.close()
        return None if row is None else row[0]

    def foresee(self, connection: Connection, parameters: Parameters) -> None:
        """Ask now what is going to be asked once, so that its answer comes with those of others.

        Only where waiting costs (see `pipeline`). What is written in between must not matter.
        """
        if (pipeline := pipeline_of(connection)) is not None:
            pipeline.send_writes()
            values = self._for(connection).bind(parameters)
            cursor = _cursor(connection)
            cursor.execute(self._for(connection).sql, values)
            pipeline.foreseen[self, tuple(values.values())] = cursor

    def run(self, connection: Connection, *rows: Parameters) -> None:
        """Run it, once for each row of parameters."""
        compiled = self._for(connection)
        if not compiled.positional and (pipeline := pipeline_of(connection)) is not None:
            if self._is_insert:
                pipeline.writes.extend((compiled.sql, compiled.bind(row)) for row in rows)
                return
            pipeline.send_writes()
        cursor = _cursor(connection)
        if len(rows) == 1:
            cursor.execute(compiled.sql, compiled.bind(rows[0]))
        elif rows:
            cursor.executemany(compiled.sql, [compiled.bind(row) for row in rows])
        cursor.close()

    def ask(self, connection: Connection, parameters: Parameters) -> Any:
        """Run it; gives the cursor, whose rows may not be there yet."""
        compiled = self._for(connection)
        values = compiled.bind(parameters)
        if not compiled.positional and (pipeline := pipeline_of(connection)) is not None:
            foreseen = pipeline.foreseen
            if foreseen and (known := foreseen.pop((self, tuple(values.values())), None)):
                return known
            pipeline.send_writes()
        cursor = _cursor(connection)
        cursor.execute(compiled.sql, values)
        return cursor

    def _for(self, connection: Connection) -> _Compiled:
        name = connection.dialect.name
        if name not in self._compiled:
            self._compiled[name] = _Compiled(self._clause, self._keys, connection)
        return self._compiled[name]


def insert(table: Table, keys: Iterable[str]) -> Statement:
    """An INSERT of these columns."""
    return Statement(table.insert(), tuple(keys))


class Numbered:
    """An INSERT into a table whose rows have a number that the database gives: their pk."""

    def __init__(self, table: Table, keys: Iterable[str]) -> None:
        names = tuple(keys)
        self.name = table.name
        self._insert = Statement(table.insert().returning(table.c.pk), names)
        self._insert_under = Statement(table.insert(), ("pk", *names))

    def add(self, connection: Connection, row: Parameters) -> int:
        """Insert a row; gives its pk."""
        pipeline = pipeline_of(connection) if connection.dialect.name != "sqlite" else None
        taken = pipeline.keys.pop(self.name, None) if pipeline else None
        if taken is None:
            return int(self._insert.scalar(connection, row))
        pk = taken()
        self._insert_under.run(connection, {"pk": pk, **row})
        return pk


class Numbers:
    """Takes the numbers of one row to come for each of some tables, in one statement.

    Who inserts such a row then need not wait to be told its number (see `pipeline`).
    """

    def __init__(self, *inserts: Numbered) -> None:
        self._names = tuple(each.name for each in inserts)
        # What SQLAlchemy and PostgreSQL call the sequence of a `bigserial` column.
        columns = ", ".join(f"nextval('{name}_pk_seq')" for name in self._names)
        self._next = Statement(text(f"SELECT {columns}"))

    def foresee(self, connection: Connection) -> None:
        """Take them; those that are not used are gaps."""
        if (pipeline := pipeline_of(connection)) is not None:
            row = cache(self._next.ask(connection, {}).fetchone)
            for place, name in enumerate(self._names):
                pipeline.keys[name] = partial(_number, row, place)


def _number(row: Callable[[], Sequence[Any]], place: int) -> int:
    return int(row()[place])


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
        self.positional = compiled.positiontup is not None
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
        return values if self.positional else dict(zip(self._names, values, strict=True))


def _taker(names: tuple[str, ...]) -> Callable[[Parameters], Sequence[Any]]:
    """What takes the values of these names out of a mapping, in C where there are several."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda parameters: [parameters[name] for name in names]


def _cursor(connection: Connection) -> Any:
    return connection.connection.cursor()
