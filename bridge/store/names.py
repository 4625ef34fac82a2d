"""The words of names, indexed a little later than they are written, and found by any of them.

Orders and images do not wait for this: who searches looks at the index, and at the rows that
changed since it was last brought up to date.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, FromClause, Select, and_, delete, desc, func, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from bridge.services.find_anything import name_words
from bridge.store.tables import name_index, name_word, patient, study, study_key

OF_PATIENTS, OF_STUDIES = "patient", "study"
BATCH = 2000
SETTLED_SECONDS = 30.0
"""A row that changed more recently may yet be joined by one of a transaction that began earlier."""

_COUNTED = 2000
_MOST_SPELLINGS = 20
_MOST_RECENT = 50_000
_NAMES: dict[str, tuple[FromClause, Any, Any]] = {
    OF_PATIENTS: (patient, patient.c.updated_at, patient.c.name_folded),
    OF_STUDIES: (
        study.join(study_key, study_key.c.study_pk == study.c.pk),
        study.c.updated_at,
        study_key.c.patient_name,
    ),
}


class NameIndex:
    """Brings the index up to date, a batch in each transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lags(self, kind: str, now: float) -> bool:
        """Whether names have changed that are not indexed."""
        return self._connection.execute(self._changed(kind, now).limit(1)).first() is not None

    def follow(self, kind: str, now: float) -> None:
        """Index the next batch of changed rows."""
        rows = self._connection.execute(self._changed(kind, now).limit(BATCH)).all()
        if rows:
            self._add(kind, [(row[0], row[2]) for row in rows])
            self._reach(kind, rows[-1][1], rows[-1][0])

    def _changed(self, kind: str, now: float) -> Select[Any]:
        source, changed, name = _NAMES[kind]
        pk = changed.table.c.pk
        until, after = _reached(self._connection, kind)
        # Spelled so that the index on the time of change leads.
        beyond = and_(changed >= until, or_(changed > until, pk > after))
        return (
            select(pk, changed, name)
            .select_from(source)
            .where(beyond, changed < now - SETTLED_SECONDS)
            .order_by(changed, pk)
        )

    def _add(self, kind: str, names: Iterable[tuple[int, str]]) -> None:
        rows = [
            {"kind": kind, "word": word, "row_pk": pk}
            for pk, name in names
            for word in name_words(name)
        ]
        on_sqlite = self._connection.dialect.name == sqlite.dialect.name
        new = (sqlite if on_sqlite else postgresql).insert(name_word).on_conflict_do_nothing()
        if rows:
            self._connection.execute(new, rows)

    def _reach(self, kind: str, until: float, after: int) -> None:
        self._connection.execute(delete(name_index).where(name_index.c.kind == kind))
        row = {"kind": kind, "until": until, "row_pk": after}
        self._connection.execute(insert(name_index), row)


def rows_named(
    connection: Connection, kind: str, words: Sequence[str], limit: int
) -> tuple[int, ...]:
    """Rows whose name has, or had, a word that begins with each of these; the newest first."""
    indexed = _indexed(connection, kind, words, limit)
    recent = _recent(connection, kind, words, limit)
    return tuple(sorted({*indexed, *recent}, reverse=True)[:limit])


def _indexed(connection: Connection, kind: str, words: Sequence[str], limit: int) -> list[int]:
    """The rarest word leads, in the order of its rows; the others are looked up for each of them.

    So common words end early, since rows with all of them are many, and rare ones are few to begin.
    """
    sought = [_spellings(connection, kind, word) for word in words]
    if not all(sought):
        return []
    counted = {each: _frequency(connection, kind, each) for each in sought}
    rarest, *others = sorted(counted, key=lambda each: counted[each])
    found: list[int] = []
    for word in rarest:
        query = select(name_word.c.row_pk).where(*_with(name_word, kind, (word,)))
        for number, each in enumerate(others):
            other = name_word.alias(f"w{number}")
            same = select(1).where(*_with(other, kind, each), other.c.row_pk == name_word.c.row_pk)
            query = query.where(same.exists())
        query = query.order_by(desc(name_word.c.row_pk)).limit(limit)
        found += connection.execute(query).scalars()
    return found


def _spellings(connection: Connection, kind: str, word: str) -> tuple[str, ...]:
    """The word itself where names have it, else the words that begin with it."""
    has = select(name_word.c.row_pk).where(*_with(name_word, kind, (word,))).limit(1)
    if connection.execute(has).first() is not None:
        return (word,)
    found: list[str] = []
    column = name_word.c.word
    while len(found) < _MOST_SPELLINGS:
        query = select(func.min(column)).where(
            name_word.c.kind == kind, column > (found[-1] if found else word)
        )
        following = connection.execute(query).scalar()
        if following is None or not following.startswith(word):
            break
        found.append(following)
    return tuple(found)


def _frequency(connection: Connection, kind: str, spellings: tuple[str, ...]) -> int:
    """How many rows have one of them, counted up to a point."""
    some = select(name_word.c.row_pk).where(*_with(name_word, kind, spellings)).limit(_COUNTED)
    return int(connection.execute(select(func.count()).select_from(some.subquery())).scalar_one())


def _with(words: Any, kind: str, spellings: tuple[str, ...]) -> tuple[Any, ...]:
    said = words.c.word == spellings[0] if len(spellings) == 1 else words.c.word.in_(spellings)
    return (words.c.kind == kind, said)


def _recent(connection: Connection, kind: str, words: Sequence[str], limit: int) -> Sequence[int]:
    """Rows that the index has not reached."""
    source, changed, name = _NAMES[kind]
    pk = changed.table.c.pk
    until, _after = _reached(connection, kind)
    newest = (
        select(pk, name.label("name"))
        .select_from(source)
        .where(changed >= until)
        .order_by(desc(changed))
        .limit(_MOST_RECENT)
        .subquery()
    )
    held = and_(*(newest.c.name.contains(word, autoescape=True) for word in words))
    query = select(newest.c.pk).where(held).order_by(desc(newest.c.pk)).limit(limit)
    return [int(each) for each in connection.execute(query).scalars()]


def _reached(connection: Connection, kind: str) -> tuple[float, int]:
    row = connection.execute(select(name_index).where(name_index.c.kind == kind)).first()
    return (row.until, row.row_pk) if row is not None else (0.0, 0)
