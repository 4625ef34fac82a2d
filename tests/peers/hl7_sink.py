"""HL7 sink: `hl7v2-fhir-bridge serve`, a third party's MLLP listener."""

from __future__ import annotations

from pathlib import Path

from tests.peers.process import HERE, Process, accepts, choose_port


class Hl7Sink:
    """Takes messages and writes a FHIR bundle of each into `bundles`."""

    def __init__(self, directory: Path) -> None:
        self.port = choose_port()
        self.bundles = directory / "bundles"
        command = HERE / ".venvs" / "hl7v2-fhir-bridge" / "bin" / "hl7v2-fhir-bridge"
        self._process = Process(
            [command, "serve", "--port", str(self.port), "--out", self.bundles],
            directory / "hl7v2-fhir-bridge.log",
            directory=directory,
        )
        self._process.wait_for(lambda: accepts(self.port), "hl7v2-fhir-bridge listens")

    def close(self) -> None:
        self._process.stop()
