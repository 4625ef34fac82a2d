"""Several transactions in one commit: each has its own result, its own error, and really ran."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from bridge.domain.errors import BridgeError
from bridge.store import group_commit
from bridge.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'bridge.db'}")
    database.transact(lambda c: c.execute(text("CREATE TABLE item (value INTEGER UNIQUE)")))
    yield database
    database.close()


def write(value: int) -> Callable[[Connection], int]:
    def work(connection: Connection) -> int:
        connection.execute(text("INSERT INTO item VALUES (:value)"), {"value": value})
        return value

    return work


def held(database: Database) -> list[int]:
    with database.read() as connection:
        return list(connection.execute(text("SELECT value FROM item ORDER BY value")).scalars())


def together(database: Database, works: list[Callable[[Connection], int]]) -> list[object]:
    """Run all works at once: the first holds the writer until all others wait for it."""
    writer = database._writer
    assert writer is not None
    everybody_waits = threading.Event()

    def hold(_connection: Connection) -> None:
        everybody_waits.wait()

    with ThreadPoolExecutor(len(works) + 1) as pool:
        holding = pool.submit(database.transact, hold)
        while not writer._taken:
            time.sleep(0.001)
        running = [pool.submit(database.transact, work) for work in works]
        while len(writer._waiting) < len(works):
            time.sleep(0.001)
        everybody_waits.set()
        holding.result()
        return [each.exception() or each.result() for each in running]


def test_given_many_at_once_then_each_has_its_own_result(database: Database) -> None:
    assert together(database, [write(value) for value in range(20)]) == list(range(20))
    assert held(database) == list(range(20))


def test_given_more_than_one_commit_takes_then_none_is_answered_before_it_ran(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread may get the writer's place before those that came first."""
    monkeypatch.setattr(group_commit, "_MOST_AT_ONCE", 3)
    assert database._writer is not None
    database._writer._waiting.extend(group_commit._Job(write(value)) for value in range(7))
    assert database.transact(write(7)) == 7
    assert held(database) == list(range(8))


def test_given_one_that_fails_then_it_is_undone_alone(database: Database) -> None:
    refused = BridgeError("no")

    def fail(connection: Connection) -> int:
        write(99)(connection)
        raise refused

    assert together(database, [write(1), fail, write(2)]) == [1, refused, 2]
    assert held(database) == [1, 2]


def test_given_one_with_a_defect_then_the_others_are_kept(database: Database) -> None:
    def defect(connection: Connection) -> int:
        write(99)(connection)
        raise RuntimeError("defect")

    first, second, third = together(database, [write(1), defect, write(2)])
    assert (first, third) == (1, 2)
    assert isinstance(second, RuntimeError)
    assert held(database) == [1, 2]


def test_given_a_commit_that_fails_then_nobody_is_told_of_success(database: Database) -> None:
    def commit_behind_its_back(connection: Connection) -> int:
        connection.connection.cursor().execute("ROLLBACK")
        return 3

    results = together(database, [write(1), commit_behind_its_back, write(2)])
    assert held(database) == []
    assert all(isinstance(result, Exception) for result in results)
    assert database.transact(write(4)) == 4


def test_given_an_error_alone_then_the_transaction_is_undone(database: Database) -> None:
    def fail(connection: Connection) -> int:
        write(1)(connection)
        raise BridgeError("no")

    with pytest.raises(BridgeError):
        database.transact(fail)
    assert held(database) == []
