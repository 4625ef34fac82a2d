"""A database that is full, and one whose connections are all taken: said so, and over by itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import event

from bridge.domain.errors import ResourceBusy, StorageFull
from bridge.domain.journal import Disposition
from bridge.store import schema
from bridge.store.database import Database
from tests.unit.services.core import Core, order

PLENTY = 4_294_967_294


def test_given_a_full_disk_then_all_is_undone_reading_goes_on_and_it_ends_by_itself(
    tmp_path: Path,
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'bridge.db'}")
    schema.upgrade(database)
    limit = [PLENTY]

    @event.listens_for(database.engine, "checkout")
    def limited(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
        connection.execute(f"PRAGMA max_page_count={limit[0]}")

    core = Core(database)
    core.place(order(accession="A1"))
    with database.read() as connection:
        (pages,) = connection.exec_driver_sql("PRAGMA page_count").one()
    core.database.close()  # the writer's connection is opened anew, on the disk as it is
    limit[0] = pages + 4
    answers = [core.send(order(accession=f"B{n}"), raw=bytes(900_000 + n)) for n in range(3)]
    assert {each.disposition for each in answers} == {Disposition.REFUSED}
    assert {each.code for each in answers} == {"207"}
    assert core.steps_shown()
    with pytest.raises(StorageFull):
        database.transact(lambda c: c.exec_driver_sql("CREATE TABLE big AS SELECT zeroblob(90000)"))
    limit[0] = PLENTY
    core.place(order(accession="C1"))
    database.close()


def test_given_every_connection_is_taken_then_it_is_busy_and_goes_on_afterwards(
    open_database: Callable[[], Database],
) -> None:
    database = open_database()
    database.engine.pool._timeout = 0.05  # type: ignore[attr-defined]
    with ExitStack() as taken, pytest.raises(ResourceBusy, match="TimeoutError"):
        for _ in range(60):
            taken.enter_context(database.read())
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
