"""EHR: sekmet-fhir, a small hospital information system with a FHIR R4 server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.peers.fhir_client import FhirClient
from tests.peers.process import HERE, Process, answers, choose_port


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
        command = HERE / ".venvs" / "sekmet-fhir" / "bin" / "sekmet"
        self._process = Process([command, "serve"], directory / "sekmet.log", directory=directory)
        self._process.wait_for(lambda: answers(f"{self.url}/metadata"), "sekmet-fhir answers")

    def close(self) -> None:
        self._process.stop()
