"""`bridge demo`, as a newcomer sees it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.bridge_process import PROGRAM
from tests.peers.process import choose_port, wait_until

ROLES = ("http", "hl7", "dicom", "ehr")


def command(directory: Path, ports: dict[str, int], *options: str) -> list[str]:
    chosen = [part for role, port in ports.items() for part in (f"--{role}-port", str(port))]
    return [str(PROGRAM), "demo", "--var", str(directory / "demo"), *chosen, *options]


@pytest.fixture
def ports() -> dict[str, int]:
    return {role: choose_port() for role in ROLES}


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


def test_given_one_round_then_the_loop_closes_and_every_hop_is_told(
    tmp_path: Path, ports: dict[str, int]
) -> None:
    done = subprocess.run(
        command(tmp_path, ports, "--once"), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"HIS +ORM\^O01 ACC0001, .* → AA +[\d.]+ ms", done.stdout)
    assert re.search(
        r"Modality +C-FIND worklist → NGUYỄN\^ÁNH\^VĂN, accession ACC0001", done.stdout
    )
    assert re.search(r"EHR +GET ImagingStudy/\w+ → available, 4 instances", done.stdout)
    assert "1 loops closed, 0 failed" in done.stdout
    assert done.stderr == ""


def test_given_a_taken_port_then_the_demo_says_so_and_uses_another(
    tmp_path: Path, ports: dict[str, int], taken: int
) -> None:
    done = subprocess.run(
        command(tmp_path, {**ports, "http": taken}, "--once"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Port {taken} (http) is taken by another program" in done.stdout


def test_given_the_demo_runs_when_interrupted_then_it_stops_gracefully(
    tmp_path: Path, ports: dict[str, int]
) -> None:
    output = tmp_path / "output"
    with output.open("w") as file:
        child = subprocess.Popen(command(tmp_path, ports), stdout=file, stderr=file)
    wait_until(lambda: "Ctrl-C ends" in output.read_text(), "the first loop closed", 60)
    child.send_signal(signal.SIGINT)
    code = child.wait(60)
    told = output.read_text()
    assert code == 0, told
    assert f"Console  http://127.0.0.1:{ports['http']}/" in told
    assert "1 loops closed, 0 failed" in told
    assert told.endswith("Stopping the bridge\n")
