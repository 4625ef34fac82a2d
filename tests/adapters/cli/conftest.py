"""A bridge on free ports beside its configuration file, for the commands to talk to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.cli import main
from bridge.settings import load
from bridge.wiring.bridge import Bridge
from tests.adapters.fhir.scripted_server import (
    Asked,
    Reply,
    ScriptedServer,
    done,
    searchset,
    serving,
)
from tests.peers.bridge_process import configure, fhir_destination

QUICK = {"base_seconds": 0.1, "ceiling_seconds": 0.2}


@dataclass
class Site:
    """A configuration in a folder of its own, and the bridge that runs it."""

    directory: Path
    configuration: dict[str, Any]
    capsys: pytest.CaptureFixture[str]
    running: list[Bridge] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.directory / "bridge.yaml"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.configuration['http']['port']}"

    def write(self) -> Path:
        self.file.write_text(yaml.safe_dump(self.configuration, allow_unicode=True))
        return self.file

    def start(self) -> Bridge:
        bridge = Bridge(load(self.write(), {}))
        bridge.start()
        self.running.append(bridge)
        return bridge

    def stop(self) -> None:
        while self.running:
            self.running.pop().stop()

    def run(self, *arguments: str | Path) -> tuple[int, str]:
        """Run a command; give its exit code and what it printed, both streams together."""
        self.write()
        self.capsys.readouterr()
        code = main([*map(str, arguments), "--config", str(self.file)])
        told = self.capsys.readouterr()
        return code, told.out + told.err


@pytest.fixture
def site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Site]:
    site = Site(tmp_path, configure(tmp_path, f"sqlite:///{tmp_path}/bridge.db"), capsys)
    yield site
    site.stop()


@pytest.fixture
def ehr() -> Iterator[ScriptedServer]:
    with serving() as server:
        server.script = agree
        yield server


@pytest.fixture
def write_message(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "message.hl7"
        path.write_text(text, "utf-8", newline="")
        return path

    return write


def agree(asked: Asked) -> Reply:
    """Find nothing and do all that is asked."""
    if asked.method == "GET":
        return searchset()
    return done(*("200 OK" for _ in asked.resource["entry"]))


def destination(server: ScriptedServer, **changes: Any) -> dict[str, Any]:
    return {**fhir_destination(server.url), "retry": QUICK, **changes}
