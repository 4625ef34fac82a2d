"""A fresh database and a FHIR server over it for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.store import schema
from bridge.store.database import Database
from tests.unit.fhir_server.house import Desk
from tests.unit.services.conftest import open_quickly
from tests.unit.services.core import Core


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "migrated.db"
    database = Database(f"sqlite:///{path}")
    schema.upgrade(database)
    database.close()
    return path


@pytest.fixture
def core(migrated: Path, tmp_path: Path) -> Iterator[Core]:
    path = tmp_path / "bridge.db"
    shutil.copy(migrated, path)
    database = open_quickly(path)
    yield Core(database, start="20260105080000")
    database.close()


@pytest.fixture
def desk(core: Core) -> Desk:
    return Desk(core)
