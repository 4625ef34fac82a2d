"""The FHIR server behind HTTP on a real socket, over SQLite."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI

from bridge.fhir.server.application import FhirApplication, fhir_router
from bridge.store import schema
from bridge.store.database import Database
from tests.peers.process import wait_until
from tests.unit.fhir_server.house import BASE, Desk
from tests.unit.services.core import Core

MAX_BODY = 200_000
__all__ = ["BASE"]


@dataclass
class Served:
    """A server with a client of it; `desk` asks the same server without HTTP."""

    http: httpx2.Client
    desk: Desk
    core: Core
    url: str


@contextmanager
def serving(desk: Desk) -> Iterator[str]:
    """Serve on a port of the system's choice; gives the base address."""
    app = FastAPI(openapi_url=None)
    app.include_router(fhir_router(FhirApplication(desk.server, max_body=MAX_BODY)))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    wait_until(lambda: server.started, "the server listens")
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/fhir"
    server.should_exit = True
    thread.join()
    listening.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    yield from _served(tmp_path)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests of a module."""
    yield from _served(tmp_path_factory.mktemp("lasting"))


def _served(directory: Path) -> Iterator[Served]:
    database = Database(f"sqlite:///{directory / 'bridge.db'}")
    schema.upgrade(database)
    core = Core(database, start="20260105080000")
    desk = Desk(core)
    with serving(desk) as url, httpx2.Client(base_url=url, timeout=30) as client:
        yield Served(client, desk, core, url)
    database.close()
