"""`bridge serve`, a process of its own: how it begins, how it ends, and what keeps it from it."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from tests.acceptance.orders import acknowledgement, new_order, orm
from tests.peers.bridge_process import PROGRAM, Bridge, configure
from tests.peers.mllp import MllpSocket, frame
from tests.peers.process import accepts, choose_port, run, wait_until


@pytest.fixture
def configuration(tmp_path: Path) -> dict[str, Any]:
    return configure(tmp_path, f"sqlite:///{tmp_path}/bridge.db")


@pytest.fixture
def bridge(configuration: dict[str, Any], tmp_path: Path) -> Iterator[Bridge]:
    bridge = Bridge(configuration, tmp_path)
    yield bridge
    bridge.close()


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", choose_port()))
        other.listen()
        yield int(other.getsockname()[1])


def serve(configuration: dict[str, Any], directory: Path) -> CompletedProcess[str]:
    """Start a bridge that is expected to end by itself."""
    file = directory / "bridge.yaml"
    file.write_text(yaml.safe_dump(configuration))
    return run([PROGRAM, "serve", "--config", file], directory=directory)


def ask_to_stop(bridge: Bridge) -> None:
    process = bridge._process
    assert process is not None
    process.child.send_signal(signal.SIGTERM)


def log_of(directory: Path) -> str:
    return (directory / "bridge.log").read_text()


def test_given_it_runs_then_it_says_where_and_stops_when_asked(bridge: Bridge) -> None:
    bridge.start()
    wait_until(lambda: "bridge ready" in log_of(bridge.directory), "the line is written")
    assert f"bridge ready: {bridge.url}/\n" in log_of(bridge.directory)
    assert bridge.stop() == 0
    assert "bridge.stopped" in log_of(bridge.directory)
    assert not any(map(accepts, (bridge.hl7_port, bridge.dicom_port, bridge.http_port)))


def test_given_a_message_in_hand_when_asked_to_stop_then_it_is_answered_first(
    configuration: dict[str, Any], bridge: Bridge
) -> None:
    bridge.start()
    # A writer elsewhere holds the database: the message stays in hand until it lets go.
    with (
        closing(sqlite3.connect(bridge.directory / "bridge.db", isolation_level=None)) as other,
        MllpSocket(bridge.hl7_port) as his,
    ):
        other.execute("BEGIN IMMEDIATE")
        his.write(frame(orm(new_order()).encode()))
        time.sleep(1)  # nothing tells from outside that the message is in hand
        ask_to_stop(bridge)
        wait_until(lambda: not accepts(bridge.hl7_port), "the port is closed")
        assert bridge.running
        other.execute("ROLLBACK")
        assert acknowledgement(his.read())["code"] == "AA"
    assert bridge.stop() == 0


def test_given_http_port_zero_then_the_line_tells_the_port_that_was_taken(
    configuration: dict[str, Any], tmp_path: Path
) -> None:
    configuration["http"]["port"] = 0
    bridge = Bridge(configuration, tmp_path)
    bridge.launch()
    try:
        wait_until(lambda: "bridge ready" in log_of(tmp_path), "the line is written")
        line = next(each for each in log_of(tmp_path).splitlines() if "bridge ready" in each)
        port = int(line.rstrip("/").rpartition(":")[2])
        assert port != 0
        assert accepts(port)
    finally:
        assert bridge.stop() == 0


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("http", "bridge: HTTP cannot listen on 127.0.0.1:{}: Address already in use\n"),
        (
            "hl7",
            "bridge: HL7 listener his cannot listen on 127.0.0.1:{}: Address already in use\n",
        ),
        ("dicom", "bridge: DICOM cannot listen on 127.0.0.1:{}: Address already in use\n"),
    ],
)
def test_given_a_port_that_is_taken_then_it_ends_and_names_the_port(
    section: str, words: str, configuration: dict[str, Any], tmp_path: Path, taken: int
) -> None:
    part = configuration[section]
    (part["listeners"][0] if section == "hl7" else part)["port"] = taken
    ended = serve(configuration, tmp_path)
    assert ended.returncode == 1
    assert words.format(taken) in ended.stdout
    assert "Traceback" not in ended.stdout
    assert "bridge ready" not in ended.stdout


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://nobody@127.0.0.1:1/none", "bridge: the database cannot be reached just now"),
        ("sqlite:////proc/none/bridge.db", "bridge: "),
    ],
)
def test_given_a_database_that_is_not_there_then_it_ends_and_says_so(
    url: str, words: str, configuration: dict[str, Any], tmp_path: Path
) -> None:
    configuration["database"] = url
    ended = serve(configuration, tmp_path)
    assert ended.returncode == 1, ended.stdout
    assert words in ended.stdout
    assert "Traceback" not in ended.stdout


def test_given_a_profile_that_is_not_there_then_it_ends_and_names_those_there_are(
    configuration: dict[str, Any], tmp_path: Path
) -> None:
    configuration["hl7"]["listeners"][0]["profile"] = "ihe-swff"
    ended = serve(configuration, tmp_path)
    assert ended.returncode == 2
    assert "no profile 'ihe-swff'; did you mean ihe-swf?" in ended.stdout


def test_given_a_wrong_configuration_then_it_ends_with_its_lines_and_fixes(
    configuration: dict[str, Any], tmp_path: Path
) -> None:
    configuration["http"]["prot"] = 1
    ended = serve(configuration, tmp_path)
    assert ended.returncode == 2
    assert "fix: did you mean port?" in ended.stdout


def test_given_a_database_of_a_newer_version_then_it_ends_and_leaves_it_alone(
    configuration: dict[str, Any], tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "bridge.db")) as newer:
        newer.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        newer.execute("INSERT INTO alembic_version VALUES ('9999')")
        newer.commit()
    ended = serve(configuration, tmp_path)
    assert ended.returncode == 1
    assert "the database is at revision 9999, made by a newer version" in ended.stdout


TABLE = "code,scheme,modality,station_ae_titles,protocol,minutes\n"


@pytest.fixture
def own_profile(configuration: dict[str, Any], tmp_path: Path) -> Path:
    """A site's own profile, whose code table says what its procedure codes mean."""
    folder = tmp_path / "mappings"
    folder.mkdir()
    (folder / "site.yaml").write_text(
        "profile: site\nextends: ihe-swf\ntables: {procedures: site.csv}\n"
    )
    (folder / "site.csv").write_text(TABLE + "SK,,CT,,,\n")
    configuration["mappings"] = str(folder)
    configuration["hl7"]["listeners"][0]["profile"] = "site"
    return folder


def modality_of_code(bridge: Bridge) -> str:
    """The modality of a new order that only the code SK tells it of."""
    order = new_order(code="SK", description="Skull")
    step = replace(order.step, modality="", code="", description="")
    with MllpSocket(bridge.hl7_port) as his:
        answer = his.exchange(orm(replace(order, steps=(step,))).encode())
    assert acknowledgement(answer)["code"] == "AA"
    with closing(sqlite3.connect(bridge.directory / "bridge.db")) as database:
        query = "SELECT modality FROM scheduled_step ORDER BY pk DESC LIMIT 1"
        (found,) = database.execute(query).fetchone()
    return str(found)


def reloads(bridge: Bridge) -> int:
    return log_of(bridge.directory).count("profiles.reloaded")


def warnings_of(bridge: Bridge) -> dict[str, str]:
    with urlopen(f"{bridge.url}/health/ready") as answer:
        assert answer.status == 200
        return dict(json.load(answer)["warnings"])


def test_given_a_changed_table_then_it_is_taken_up_without_a_restart(
    bridge: Bridge, own_profile: Path
) -> None:
    bridge.start()
    assert modality_of_code(bridge) == "CT"
    (own_profile / "site.csv").write_text(TABLE + "SK,,MR,,,\n")
    wait_until(lambda: "profiles.reloaded" in log_of(bridge.directory), "it is taken up")
    assert modality_of_code(bridge) == "MR"
    (own_profile / "site.csv").write_text(TABLE + "SK,,DX\n")
    wait_until(lambda: "profiles.refused" in log_of(bridge.directory), "it is refused")
    assert modality_of_code(bridge) == "MR"
    assert "site.csv:2: 3 cells for 6 columns" in warnings_of(bridge)["mappings"]
    (own_profile / "site.csv").write_text(TABLE + "SK,,DX,,,\n")
    wait_until(lambda: not warnings_of(bridge), "it is mended")
    assert modality_of_code(bridge) == "DX"


def test_given_a_hangup_signal_then_profiles_are_read_again_and_the_bridge_goes_on(
    bridge: Bridge, own_profile: Path
) -> None:
    bridge.start()
    process = bridge._process
    assert process is not None
    for count in (1, 2):
        process.child.send_signal(signal.SIGHUP)
        wait_until(lambda: reloads(bridge) >= count, "they are read again")  # noqa: B023 - at once
    assert modality_of_code(bridge) == "CT"
    assert bridge.stop() == 0


def test_given_a_broken_table_when_checked_then_the_line_and_the_fix_are_told(
    configuration: dict[str, Any], own_profile: Path, tmp_path: Path
) -> None:
    (own_profile / "site.csv").write_text(TABLE + "SK,,DX\n")
    file = tmp_path / "bridge.yaml"
    file.write_text(yaml.safe_dump(configuration))
    ended = run([PROGRAM, "config", "check", file], directory=tmp_path)
    assert ended.returncode == 2
    assert "site.csv:2" in ended.stdout
    assert "fix: write one cell for each column" in ended.stdout
