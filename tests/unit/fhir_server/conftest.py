"""A fresh database and a FHIR server over it for each test."""

from __future__ import annotations

from bridge.store.database import Database  # noqa: F401
from tests.unit.fhir_server.house import Desk
from tests.unit.services.conftest import core, database, migrated  # noqa: F401
from tests.unit.services.core import Core

import pytest


@pytest.fixture
def desk(core: Core) -> Desk:  # noqa: F811
    return Desk(core)
