"""EHR: sekmet-fhir, a small hospital information system with a FHIR R4 server."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.peers.fhir_client import FhirClient
from tests.peers.process import HERE, Process, answers, choose_port, run


class Sekmet(FhirClient):
    """A running server with a database of its own in `directory`."""

    def __init__(self, directory: Path, **changes: Any) -> None:
        port = choose_port()
        super().__init__(f"http://127.0.0.1:{port}/fhir")
        settings = {
            "base_url": self.url,
            "host": "127.0.0.1",
            "port": port,
            "simulator": {"enabled": False},
            "subscriptions": {"notify_method": "post-endpoint"},
            **changes,
        }
        # JSON is YAML.
        (directory / "settings.yaml").write_text(json.dumps(settings))
        self._directory = directory
        self._program = HERE / ".venvs" / "sekmet-fhir" / "bin" / "sekmet"
        self._process = Process(
            [self._program, "serve"], directory / "sekmet.log", directory=directory
        )
        self._process.wait_for(lambda: answers(f"{self.url}/metadata"), "sekmet-fhir answers")

    def command(self, *arguments: str) -> str:
        """Run another command of sekmet on the same settings; give its output."""
        done = run([self._program, *arguments], directory=self._directory)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def notifications(self) -> list[dict[str, Any]]:
        """What it was notified of, the oldest first."""
        with closing(sqlite3.connect(self._directory / "data" / "sekmet.db")) as connection:
            connection.row_factory = sqlite3.Row
            rows = connection.execute("SELECT * FROM notifications ORDER BY id").fetchall()
        return [dict(row) for row in rows]

    def close(self) -> None:
        self._process.stop()
