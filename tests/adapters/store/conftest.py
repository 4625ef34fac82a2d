"""Both databases: SQLite files, and a private PostgreSQL cluster; a migrated one for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from bridge.store import schema
from bridge.store.database import Database
from bridge.store.repositories import SqlStore
from bridge.store.tables import metadata
from tests.peers.postgres import Postgres
from tests.unit.services.conftest import open_quickly
from tests.unit.services.core import Core

BACKENDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    cluster = Postgres()
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "migrated.db"
    database = Database(f"sqlite:///{path}")
    schema.upgrade(database)
    database.close()
    return path


@pytest.fixture(scope="session")
def migrated_url(postgres: Postgres) -> str:
    url = postgres.create_database()
    database = Database(url)
    schema.upgrade(database)
    database.close()
    return url


@pytest.fixture(params=BACKENDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without a schema."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'bridge.db'}")
    else:
        database = Database(request.getfixturevalue("postgres").create_database())
    yield database
    database.close()


@pytest.fixture(params=BACKENDS)
def open_database(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[], Database]]:
    """Opens one and the same database, as often as there are nodes."""
    opened: list[Database] = []
    if request.param == "sqlite":
        path = tmp_path / "bridge.db"
        shutil.copy(request.getfixturevalue("migrated_file"), path)

        def open_one() -> Database:
            opened.append(open_quickly(path))
            return opened[-1]
    else:
        url = request.getfixturevalue("migrated_url")
        empty_tables(url)

        def open_one() -> Database:
            opened.append(Database(url))
            return opened[-1]

    yield open_one
    for each in opened:
        each.close()


def empty_tables(url: str) -> None:
    """Take every row out of a database that has the schema."""
    names = ", ".join(metadata.tables)
    database = Database(url)
    database.transact(lambda c: c.execute(text(f"TRUNCATE {names} RESTART IDENTITY")))
    database.close()


@pytest.fixture
def database(open_database: Callable[[], Database]) -> Database:
    return open_database()


@pytest.fixture
def store(database: Database) -> SqlStore:
    return SqlStore(database)


@pytest.fixture
def core(database: Database) -> Core:
    return Core(database)
