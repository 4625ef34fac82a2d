"""The words of names, indexed a little later than they are written, and found by any of them.

Orders and images do not wait for this: who searches looks at the index, and at the rows that
changed since it was last brought up to date. Both are read from their newest end, no farther than
whoever asks goes on taking.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
    delete,
    desc,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql

from bridge.services.find_anything import name_words
from bridge.store import name_postings
from bridge.store.statement import Statement
from bridge.store.tables import name_index, patient, study, study_key

OF_PATIENTS, OF_STUDIES = "patient", "study"
BATCH = 2000
SETTLED_SECONDS = 30.0
"""A row that changed more recently may yet be joined by one of a transaction that began earlier."""

_FIRST_BLOCKS, _MOST_BLOCKS, _MORE_EACH_TIME = 4, 256, 4
_MOST_READ = 20_000
"""Words read for one search by beginnings: of one letter there may be any number."""

_MOST_RECENT = 50_000
_MOST_FOUND = 1000
_BETWEEN_WORDS = (" ", "^", "=", ",")
_LOCK_INDEX = Statement(
    select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("index"), 1)))
)
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
        if self._connection.dialect.name == postgresql.dialect.name:  # of several nodes, one
            _LOCK_INDEX.scalar(self._connection, {"index": _mark(kind)})
        rows = self._connection.execute(self._changed(kind, now).limit(BATCH)).all()
        if rows:
            words = ((row[0], word) for row in rows for word in name_words(row[2]))
            name_postings.add(self._connection, kind, words)
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

    def _reach(self, kind: str, until: float, after: int) -> None:
        self._connection.execute(delete(name_index).where(name_index.c.kind == _mark(kind)))
        row = {"kind": _mark(kind), "until": until, "row_pk": after}
        self._connection.execute(insert(name_index), row)


def rows_named(
    connection: Connection, kind: str, words: Sequence[str], limit: int
) -> tuple[int, ...]:
    """Rows whose name has, or had, a word that begins with each of these.

    The whole words come before what only begins so, and the newest first.
    """
    return tuple(islice(each_named(connection, kind, words), limit))


def each_named(connection: Connection, kind: str, words: Sequence[str]) -> Iterator[int]:
    """The same, one after the other; nobody when nothing is asked for."""
    if not words:
        return
    recent = _recent(connection, kind, words)
    above = name_postings.newest_block(connection, kind) + 1
    given: set[int] = set()
    for whole in (True, False):
        fresh = (pk for pk, name in recent if not whole or set(words) <= set(name_words(name)))
        indexed = _indexed(connection, kind, words, above, whole=whole)
        for pk in heapq.merge(fresh, indexed, reverse=True):
            if pk not in given:
                given.add(pk)
                yield pk


def _indexed(
    connection: Connection, kind: str, words: Sequence[str], above: int, *, whole: bool
) -> Iterator[int]:
    """From the block below `above` on, several at once, and more of them the farther back."""
    # The longest word is likely the rarest: where it is not, the others are not looked for.
    sought = sorted(words, key=len, reverse=True)
    width, left = _FIRST_BLOCKS, _MOST_READ
    while above > 0 and left > 0:
        blocks = range(max(0, above - width), above)
        rows: dict[int, int] = dict.fromkeys(blocks, -1)
        for word in sought:
            has, cost = name_postings.read(connection, kind, tuple(rows), word, whole=whole)
            rows = {block: both for block in rows if (both := rows[block] & has.get(block, 0))}
            left -= 0 if whole else cost
            if not rows:
                break
        for block in sorted(rows, reverse=True):
            yield from name_postings.rows_of(block, rows[block])
        above, width = above - width, min(width * _MORE_EACH_TIME, _MOST_BLOCKS)


def _recent(connection: Connection, kind: str, words: Sequence[str]) -> list[tuple[int, str]]:
    """Rows that the index has not reached, with their names, the newest first."""
    source, changed, name = _NAMES[kind]
    pk = changed.table.c.pk
    # Asked first: a planner that does not know how few there are joins all of the table.
    until, _after = _reached(connection, kind)
    newest = (
        select(pk, name.label("name"))
        .select_from(source)
        .where(changed >= until)
        .order_by(desc(changed))
        .limit(_MOST_RECENT)
        .subquery()
    )
    held = and_(*(_has_word(newest.c.name, word) for word in words))
    query = select(newest).where(held).order_by(desc(newest.c.pk)).limit(_MOST_FOUND)
    return [(row[0], row[1]) for row in connection.execute(query)]


def _has_word(name: ColumnElement[str], word: str) -> ColumnElement[bool]:
    """Whether a folded name has a word that begins so, as `name_words` divides it."""
    anywhere = name.contains(word, autoescape=True)  # looked at first, and most often enough
    begins = name.startswith(word, autoescape=True)
    follows = (name.contains(mark + word, autoescape=True) for mark in _BETWEEN_WORDS)
    return and_(anywhere, or_(begins, *follows))


def _mark(kind: str) -> str:
    """What `name_index` calls this index, beside that of the version before."""
    return f"{kind} postings"


def _reached(connection: Connection, kind: str) -> tuple[float, int]:
    row = connection.execute(select(name_index).where(name_index.c.kind == _mark(kind))).first()
    return (row.until, row.row_pk) if row is not None else (0.0, 0)
