"""`bridge serve` in several processes: one bridge to whoever calls, whatever becomes of one."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.acceptance.orders import acknowledgement, new_order, orm
from tests.adapters.cli.test_serve import ask_to_stop, log_of, serve
from tests.peers.bridge_process import Bridge, configure
from tests.peers.mllp import MllpSocket
from tests.peers.process import accepts, choose_port, wait_until


@pytest.fixture
def configuration(tmp_path: Path) -> dict[str, Any]:
    return configure(tmp_path, f"sqlite:///{tmp_path}/bridge.db", processes=2)


@pytest.fixture
def bridge(configuration: dict[str, Any], tmp_path: Path) -> Iterator[Bridge]:
    bridge = Bridge(configuration, tmp_path)
    bridge.start()
    yield bridge
    bridge.close()


def supervisor(bridge: Bridge) -> int:
    process = bridge._process
    assert process is not None
    return process.child.pid


def children(bridge: Bridge) -> list[int]:
    pid = supervisor(bridge)
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def listeners(port: int, pids: list[int]) -> list[int]:
    """Which of the processes hold a socket that listens on the port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = "0A"
    inodes = {
        f"socket:[{row[9]}]"
        for row in rows
        if row[3] == listening and int(row[1].partition(":")[2], 16) == port
    }
    held = {
        pid: {os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink()}
        for pid in pids
    }
    return [pid for pid in pids if held[pid] & inodes]


def send_orders(bridge: Bridge, connections: int, each: int) -> list[str]:
    """Send orders on several connections at once; give the answers' codes."""

    def work(_connection: int) -> list[str]:
        with MllpSocket(bridge.hl7_port) as his:
            answers = [his.exchange(orm(new_order()).encode()) for _ in range(each)]
        return [acknowledgement(answer)["code"] for answer in answers]

    with ThreadPoolExecutor(connections) as pool:
        return [code for codes in pool.map(work, range(connections)) for code in codes]


def count(bridge: Bridge, table: str) -> int:
    with closing(sqlite3.connect(bridge.directory / "bridge.db")) as database:
        (found,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
    return int(found)


def readiness(bridge: Bridge) -> tuple[int, str]:
    """Status of the answer, and what it says of the processes."""
    try:
        with urlopen(f"{bridge.url}/health/ready", timeout=10) as answer:
            return answer.status, str(json.load(answer)["checks"]["processes"])
    except HTTPError as error:
        with error:  # it holds the connection
            return error.code, str(json.load(error)["checks"]["processes"])
    except OSError:  # it was in the queue of the process that ended
        return 0, ""


def test_given_two_processes_then_both_listen_everywhere_and_every_order_is_there_once(
    bridge: Bridge,
) -> None:
    pids = children(bridge)
    assert len(pids) == 2
    for port in (bridge.hl7_port, bridge.dicom_port, bridge.http_port):
        assert listeners(port, pids) == pids
    assert send_orders(bridge, 16, 10) == ["AA"] * 160
    assert count(bridge, "imaging_service_request") == 160
    assert count(bridge, "worklist_item") == 160
    assert readiness(bridge) == (200, "ok")
    assert "process=2" in log_of(bridge.directory)
    assert bridge.stop() == 0
    assert not any(map(is_alive, pids))
    assert not any(map(accepts, (bridge.hl7_port, bridge.dicom_port, bridge.http_port)))


@pytest.mark.parametrize("number", [0, 1])
def test_given_one_is_killed_then_the_other_serves_and_it_is_started_again(
    bridge: Bridge, number: int
) -> None:
    before = children(bridge)
    killed = before[number]
    os.kill(killed, signal.SIGSTOP)  # what comes to it now is lost with it, and is sent again
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: len(set(children(bridge)) - set(before)) == 1, "it is started again")
    wait_until(lambda: readiness(bridge) == (200, "ok"), "both are up again")
    assert before[1 - number] in children(bridge)
    assert "event=process.ended" in log_of(bridge.directory)
    assert send_orders(bridge, 8, 2) == ["AA"] * 16


def test_given_the_first_ends_while_the_second_starts_then_that_is_told_and_both_come_up(
    configuration: dict[str, Any], tmp_path: Path
) -> None:
    bridge = Bridge(configuration, tmp_path)
    bridge.launch()
    try:
        wait_until(lambda: len(children(bridge)) == 2, "the second is begun")
        first, _ = children(bridge)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: readiness(bridge) == (200, "ok"), "both are up")
        assert first not in children(bridge)
        assert "event=process.ended" in log_of(tmp_path)
    finally:
        bridge.close()


def test_given_the_supervisor_is_killed_then_all_end_and_the_next_start_finds_everything(
    bridge: Bridge,
) -> None:
    pids = children(bridge)
    assert send_orders(bridge, 4, 2) == ["AA"] * 8
    bridge.kill()
    wait_until(lambda: not any(map(is_alive, pids)), "nobody is left behind")
    bridge.start()
    assert send_orders(bridge, 4, 1) == ["AA"] * 4
    assert count(bridge, "imaging_service_request") == 12


def test_given_a_message_in_hand_when_asked_to_stop_then_it_is_answered_first(
    bridge: Bridge,
) -> None:
    with closing(sqlite3.connect(bridge.directory / "bridge.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as pool:
            sent = pool.submit(send_orders, bridge, 6, 1)
            time.sleep(1)  # nothing tells from outside that they are in hand
            ask_to_stop(bridge)
            wait_until(lambda: not accepts(bridge.hl7_port), "the port is closed")
            assert bridge.running
            other.execute("ROLLBACK")
            assert sent.result() == ["AA"] * 6
    assert bridge.stop() == 0


def test_given_a_second_bridge_on_a_shared_port_then_it_ends_and_names_the_port(
    bridge: Bridge, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    configuration = configure(second, f"sqlite:///{second}/bridge.db", processes=2)
    configuration["dicom"]["port"] = bridge.dicom_port
    ended = serve(configuration, second)
    assert ended.returncode == 1
    assert f"DICOM cannot listen on 127.0.0.1:{bridge.dicom_port}" in ended.stdout


def test_given_a_profile_that_is_not_there_then_it_ends_as_one_process_does(
    configuration: dict[str, Any], tmp_path: Path
) -> None:
    configuration["hl7"]["listeners"][0]["profile"] = "ihe-swff"
    ended = serve(configuration, tmp_path)
    assert ended.returncode == 2
    assert "no profile 'ihe-swff'; did you mean ihe-swf?" in ended.stdout


def test_given_ports_left_open_then_all_processes_have_the_one_that_is_told(
    configuration: dict[str, Any], tmp_path: Path
) -> None:
    configuration["http"]["port"] = 0
    configuration["dicom"]["port"] = 0
    configuration["hl7"]["listeners"][0]["port"] = 0
    bridge = Bridge(configuration, tmp_path)
    bridge.launch()
    try:
        wait_until(lambda: "bridge ready" in log_of(tmp_path), "the line is written")
        line = next(each for each in log_of(tmp_path).splitlines() if "bridge ready" in each)
        port = int(line.rstrip("/").rpartition(":")[2])
        assert listeners(port, children(bridge)) == children(bridge)
        assert port != choose_port()
    finally:
        assert bridge.stop() == 0
