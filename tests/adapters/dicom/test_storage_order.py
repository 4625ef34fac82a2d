"""Given an instance over the wire, then it is on disk, then indexed, and only then acknowledged."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bridge.dicom.configuration import DicomConfiguration
from bridge.dicom.connection import PromptConnection
from bridge.dicom.server import DicomServer
from bridge.dicom.spool import IN_MEMORY
from bridge.services.receive_instance import ReceiveInstance
from bridge.store import schema
from bridge.store.database import Database
from bridge.store.objects import LocalObjects
from tests.adapters.dicom.pdus import P_DATA
from tests.adapters.dicom.services import Commitments, NoImages, Worklist
from tests.adapters.dicom.test_reception import an_instance, stored
from tests.unit.services.core import Core


@pytest.mark.parametrize("pixels", [1_000, IN_MEMORY])
def test_given_an_instance_then_nothing_is_said_before_it_is_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pixels: int
) -> None:
    database = Database(f"sqlite:///{tmp_path}/bridge.db")
    schema.upgrade(database)
    core = Core(database)
    images = tmp_path / "images"
    instances = ReceiveInstance(
        store=core.store,
        objects=LocalObjects(images),
        complete=core.complete,
        clock=core.clock,
    )
    server = DicomServer(
        DicomConfiguration(port=0, spool=images / ".incoming"),
        worklist=Worklist(),
        instances=instances,
        performed_steps=core.performed,
        images=NoImages(),
        commitment=Commitments(),
    )
    server.start()
    done = recorded(monkeypatch, tmp_path / "bridge.db")
    try:
        assert stored(server.port, an_instance(pixels))[0] == 0x0000
    finally:
        server.stop()
        database.close()
    assert [each for each in done if "file" in each or "name" in each] == [
        "file synced, 0 indexed",
        "named, 0 indexed",
    ]
    assert done[-2:] == ["folder synced, 0 indexed", "answered, 1 indexed"]
    assert list((images / ".incoming").iterdir()) == []


def recorded(monkeypatch: pytest.MonkeyPatch, database: Path) -> list[str]:
    """What is done from now on, in its order, and how many instances others see in the index."""
    done: list[str] = []
    fsync, replace, send = os.fsync, os.replace, PromptConnection.send

    def note(what: str) -> None:
        with closing(sqlite3.connect(database)) as other:
            (count,) = other.execute("SELECT count(*) FROM instance").fetchone()
        done.append(f"{what}, {count} indexed")

    def record_fsync(descriptor: int) -> None:
        fsync(descriptor)
        note("folder synced" if Path(f"/proc/self/fd/{descriptor}").is_dir() else "file synced")

    def record_replace(*paths: Path) -> None:
        replace(*paths)
        note("named")

    def record_send(connection: PromptConnection, sent: bytes) -> None:
        if sent[0] == P_DATA:
            note("answered")
        send(connection, sent)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "replace", record_replace)
    monkeypatch.setattr(PromptConnection, "send", record_send)
    return done
