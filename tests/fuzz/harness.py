"""A bridge's listener over its real services, and what must never happen to it."""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bridge.dicom.configuration import DicomConfiguration
from bridge.dicom.scu import Remote, echo
from bridge.dicom.server import DicomServer
from bridge.store import schema
from bridge.store.database import Database
from tests.adapters.dicom.services import Commitments, NoImages, Worklist
from tests.unit.services.core import Core

# pynetdicom's own words for what ended one of its threads, and ours for what nobody foresaw.
_NEVER = ("Exception in DUL.run()", "unforeseen error", "Exception raised", "Invalid event")
_ECHO_EVERY = 200


class Watch(logging.Handler):
    """Takes note of every thread that ends by an exception, and of every error nobody foresaw."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.noticed: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if any(each in said for each in _NEVER):
            error = record.exc_info[1] if record.exc_info else None
            self.noticed.append(f"{said}: {error!r}")

    def thread_ended(self, args: Any) -> None:
        self.noticed.append(f"thread {args.thread and args.thread.name}: {args.exc_value!r}")

    @contextmanager
    def watching(self) -> Iterator[None]:
        before, threading.excepthook = threading.excepthook, self.thread_ended
        logging.getLogger().addHandler(self)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(self)
            threading.excepthook = before


class Harness:
    """Counts what came of each input, and keeps those that did harm."""

    def __init__(self, server: DicomServer, core: Core, watch: Watch, crashes: Path) -> None:
        self.server = server
        self.core = core
        self.outcomes: Counter[str] = Counter()
        self.crashes: list[tuple[str, bytes]] = []
        self._watch = watch
        self._folder = crashes

    @property
    def port(self) -> int:
        return self.server.port

    def came(self, outcome: str, sent: bytes) -> None:
        """Count an input; look now and then whether the listener still serves others."""
        self.outcomes[outcome] += 1
        if sum(self.outcomes.values()) % _ECHO_EVERY == 0:
            self.core.objects.held.clear()
            try:
                echo(Remote(ae_title="BRIDGE", host="127.0.0.1", port=self.port))
            except Exception as error:
                self._watch.noticed.append(f"nobody is served any more: {error!r}")
        if self._watch.noticed:
            noticed = " / ".join(self._watch.noticed)
            self._watch.noticed.clear()
            self.crashes.append((noticed, sent))
            name = f"{len(self.crashes):04d}-{os.getpid()}.bin"
            (self._folder / name).write_bytes(sent)
            (self._folder / f"{name}.txt").write_text(noticed)


@contextmanager
def harness(directory: Path, configuration: DicomConfiguration) -> Iterator[Harness]:
    """Run a listener whose images go to a real index (SQLite), and whose files to memory."""
    database = Database(f"sqlite:///{directory}/fuzz.db")
    schema.upgrade(database)
    core, watch = Core(database), Watch()
    server = DicomServer(
        configuration,
        worklist=Worklist(),
        instances=core.instances,
        performed_steps=core.performed,
        images=NoImages(),
        commitment=Commitments(),
    )
    server.start()
    try:
        with watch.watching():
            yield Harness(server, core, watch, directory)
    finally:
        server.stop()
        database.close()
