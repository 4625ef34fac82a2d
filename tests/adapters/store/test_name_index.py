"""Given names of all kinds, when words are sought, then exactly those are found, in order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert, select, text

from bridge.domain.names import fold_name
from bridge.services.find_anything import name_words
from bridge.store import schema
from bridge.store.database import Database
from bridge.store.migration import run_migrations
from bridge.store.name_postings import BLOCK, dump, load, rows_of
from bridge.store.names import OF_PATIENTS, NameIndex, rows_named
from bridge.store.tables import name_index, name_posting, patient

WORDS = st.sampled_from(
    ["NGUYỄN", "NGU", "N", "TRẦN", "TRANG", "ÁNH", "AN", "山田", "%", "_", "O'HARA", "ИВАН"]
)
NAMES = st.lists(WORDS, min_size=1, max_size=4).map("^".join)
ROWS = st.dictionaries(st.integers(1, 30 * BLOCK), NAMES, max_size=30)
SOUGHT = st.lists(st.one_of(WORDS, st.sampled_from(["n", "t", "tra", "zz"])), max_size=3)
QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def expected(names: dict[int, str], words: Sequence[str]) -> list[int]:
    """By looking at every name: whole words before beginnings, and the newest first."""
    held = {pk: set(name_words(name)) for pk, name in names.items()}
    begun = [
        pk
        for pk, each in held.items()
        if words and all(any(one.startswith(word) for one in each) for word in words)
    ]
    return sorted(begun, key=lambda pk: (held[pk].issuperset(words), pk), reverse=True)


@given(st.sets(st.integers(0, BLOCK - 1)))
def test_given_rows_of_a_block_when_stored_and_read_then_they_are_the_same(rows: set[int]) -> None:
    stored = dump(sum(1 << row for row in rows))

    assert len(stored) <= BLOCK // 8
    assert list(rows_of(0, load(stored))) == sorted(rows, reverse=True)


def test_given_every_row_of_a_block_when_stored_then_it_is_as_long_as_half_of_them() -> None:
    every, half = (1 << BLOCK) - 1, sum(1 << row for row in range(0, BLOCK, 2))

    assert load(dump(every)) == every
    assert load(dump(half)) == half
    assert len(dump(half)) == len(dump(every)) == BLOCK // 8


@QUICK
@given(names=ROWS, later=ROWS, sought=SOUGHT)
def test_given_any_names_when_words_are_sought_then_what_is_found_is_what_looking_at_each_finds(
    database: Database, names: dict[int, str], later: dict[int, str], sought: list[str]
) -> None:
    words = tuple(dict.fromkeys(word for each in sought for word in name_words(each)))

    def work(connection: Connection) -> tuple[int, ...]:
        for table in (name_posting, name_index, patient):
            connection.execute(delete(table))
        clock = count(1)
        _add(connection, names, clock)
        NameIndex(connection).follow(OF_PATIENTS, 1_000.0)
        _add(connection, {pk: name for pk, name in later.items() if pk not in names}, clock)
        return rows_named(connection, OF_PATIENTS, words, 100)

    found = database.transact(work)

    assert list(found) == expected({**later, **names}, words)


def _add(connection: Connection, names: dict[int, str], clock: count[int]) -> None:
    rows = [
        {"pk": pk, "attributes": {}, "name_folded": fold_name(name), "updated_at": next(clock)}
        for pk, name in names.items()
    ]
    if rows:
        connection.execute(insert(patient), rows)


def test_given_names_indexed_by_the_version_before_when_upgraded_then_they_are_found_at_once(
    empty: Database,
) -> None:
    empty.transact(lambda connection: run_migrations(connection, "0025"))
    with empty.engine.begin() as connection:
        for pk, word in ((1, "NGUYEN"), (1, "ANH"), (BLOCK + 1, "NGUYEN"), (BLOCK + 2, "NGUYEN")):
            row = {"word": word, "pk": pk}
            insertion = "INSERT INTO name_word (kind, word, row_pk) VALUES ('patient', :word, :pk)"
            connection.execute(text(insertion), row)
        connection.execute(
            text("INSERT INTO name_index (kind, until, row_pk) VALUES ('patient', 9.0, 7)")
        )
    schema.upgrade(empty)

    with empty.read() as connection:
        assert rows_named(connection, OF_PATIENTS, ("NGUYEN",), 9) == (BLOCK + 2, BLOCK + 1, 1)
        assert rows_named(connection, OF_PATIENTS, ("ANH", "NG"), 9) == (1,)
        reached = connection.execute(select(name_index).order_by(name_index.c.kind)).all()
    assert [tuple(each) for each in reached] == [("patient", 9.0, 7), ("patient postings", 9.0, 7)]


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_given_more_than_are_asked_for_when_sought_then_the_newest_are_given(
    database: Database, limit: int
) -> None:
    with database.engine.begin() as connection:
        _add(connection, {pk: "TRẦN^AN" for pk in range(1, 9)}, count(1))
        assert rows_named(connection, OF_PATIENTS, ("AN",), limit) == tuple(range(8, 8 - limit, -1))


def test_given_a_name_in_every_block_when_sought_then_none_is_passed_over(
    database: Database,
) -> None:
    names = {block * BLOCK + 1: "TRẦN^AN" for block in range(40)}
    with database.engine.begin() as connection:
        _add(connection, names, count(1))
        NameIndex(connection).follow(OF_PATIENTS, 1_000.0)
        for words in (("TRAN", "AN"), ("TR", "A")):
            found = rows_named(connection, OF_PATIENTS, words, 100)
            assert list(found) == sorted(names, reverse=True)
