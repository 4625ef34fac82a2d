"""The bridge as its users run it: `bridge serve --config FILE`, a process of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.peers.dcmtk import Modality
from tests.peers.process import Process, answers, choose_port, run

PROGRAM = Path(sys.executable).with_name("bridge")


def configure(directory: Path, database: str, **changes: Any) -> dict[str, Any]:
    """Make a configuration (DESIGN.md section 7) with free ports; `changes` replace whole
    sections or add to them.
    """
    configuration: dict[str, Any] = {
        "site": {"name": "HOSP", "timezone": "Asia/Ho_Chi_Minh", "mode": "his_only"},
        "var": str(directory / "var"),
        "database": database,
        "images": str(directory / "images"),
        "http": {"host": "127.0.0.1", "port": choose_port()},
        "hl7": {
            "listeners": [
                {"name": "his", "host": "127.0.0.1", "port": choose_port(), "profile": "ihe-swf"}
            ]
        },
        "dicom": {
            "ae_title": "BRIDGE",
            "host": "127.0.0.1",
            "port": choose_port(),
            "settle_seconds": 2,
            "unknown_peers": "accept",
            "peers": [],
        },
        "destinations": [],
    }
    for section, change in changes.items():
        if isinstance(change, dict) and isinstance(configuration.get(section), dict):
            configuration[section] |= change
        else:
            configuration[section] = change
    return configuration


def fhir_destination(url: str, name: str = "ehr") -> dict[str, str]:
    return {"name": name, "kind": "fhir", "url": url, "version": "R4"}


class Bridge:
    """One bridge: started, killed and started again with the same configuration."""

    def __init__(self, configuration: dict[str, Any], directory: Path) -> None:
        self.configuration = configuration
        self.directory = directory
        self.file = directory / "bridge.yaml"
        self.log = directory / "bridge.log"
        self.hl7_port: int = configuration["hl7"]["listeners"][0]["port"]
        self.dicom_port: int = configuration["dicom"]["port"]
        self.http_port: int = configuration["http"]["port"]
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.images = Path(configuration["images"])
        self._process: Process | None = None

    def start(self) -> None:
        """Start the bridge and wait until it says that it is ready."""
        self.launch()
        process = self._process
        assert process is not None
        process.wait_for(lambda: answers(f"{self.url}/health/ready"), "the bridge is ready")

    def launch(self) -> None:
        """Start the bridge and wait for nothing."""
        directory = self.directory
        self.file.write_text(yaml.safe_dump(self.configuration, allow_unicode=True))
        # Not to compile every module anew at every start.
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        command: list[str | Path] = [PROGRAM, "serve", "--config", self.file]
        self._process = Process(command, self.log, directory=directory, environment=environment)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()

    def signal(self, number: int) -> None:
        """Send its process a signal."""
        assert self._process is not None
        self._process.child.send_signal(number)

    def stop(self) -> int:
        """Ask the bridge to end (SIGTERM); give its exit code."""
        assert self._process is not None
        return self._process.stop()

    def restart(self) -> None:
        """kill -9, and start again."""
        self.kill()
        self.start()

    def modality(self, calling: str = "CT01") -> Modality:
        return Modality(self.dicom_port, calling, self.configuration["dicom"]["ae_title"])

    def command(self, *arguments: str) -> str:
        """Run another command of the bridge on the same configuration; give its output."""
        done = run([PROGRAM, *arguments, "--config", self.file], directory=self.directory)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def output(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-80:])

    def close(self) -> None:
        if self._process is not None:
            self._process.stop()
