"""A fresh SQLite database for each test, copied from one that was migrated once."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from bridge.store import schema
from bridge.store.database import Database
from tests.unit.services.core import Core


def open_quickly(path: Path) -> Database:
    """A database that need not survive a power failure."""
    database = Database(f"sqlite:///{path}")

    @event.listens_for(database.engine, "connect")
    def hurry(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    return database


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "migrated.db"
    database = Database(f"sqlite:///{path}")
    schema.upgrade(database)
    database.close()
    return path


@pytest.fixture
def database(migrated: Path, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "bridge.db"
    shutil.copy(migrated, path)
    opened = open_quickly(path)
    yield opened
    opened.close()


@pytest.fixture
def core(database: Database) -> Core:
    return Core(database)


@pytest.fixture
def ris(database: Database) -> Core:
    """A bridge whose identifiers are a RIS's."""
    return Core(database, mode="ris")
