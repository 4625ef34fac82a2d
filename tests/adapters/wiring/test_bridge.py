"""The roles put together: addresses told, events passed on, and nothing left when one fails."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import text

from bridge.delivery import timekeeper
from bridge.delivery.dispatcher import Dispatcher
from bridge.delivery.worker import Pace
from bridge.dicom.scu import Remote, store
from bridge.fhir.destination import FhirDestination
from bridge.hl7.mllp_client import send
from bridge.mapping.errors import ProfileError
from bridge.settings import load
from bridge.store.bucket import BucketRefuses
from bridge.wiring import dispatchers
from bridge.wiring.addresses import CannotListen
from bridge.wiring.bridge import Bridge
from tests.acceptance.images import scan
from tests.acceptance.orders import acknowledgement, new_order, orm
from tests.adapters.cli.conftest import agree, destination
from tests.adapters.fhir.scripted_server import ScriptedServer, serving
from tests.peers.bridge_process import configure
from tests.peers.process import accepts, choose_port, wait_until

AGES = 600.0


@pytest.fixture
def ehr() -> Iterator[ScriptedServer]:
    with serving() as server:
        server.script = agree
        yield server


@pytest.fixture
def configuration(tmp_path: Path, ehr: ScriptedServer) -> dict[str, Any]:
    """Every port left open, and an EHR to tell."""
    made = configure(tmp_path, f"sqlite:///{tmp_path}/bridge.db", destinations=[destination(ehr)])
    made["http"]["port"] = made["dicom"]["port"] = made["hl7"]["listeners"][0]["port"] = 0
    made["dicom"]["settle_seconds"] = 0.1
    return made


@pytest.fixture
def build(configuration: dict[str, Any], tmp_path: Path) -> Callable[[], Bridge]:
    def build() -> Bridge:
        file = tmp_path / "bridge.yaml"
        file.write_text(yaml.safe_dump(configuration))
        return Bridge(load(file, {}))

    return build


@contextmanager
def started(bridge: Bridge) -> Iterator[Bridge]:
    bridge.start()
    try:
        yield bridge
    finally:
        bridge.stop()


def close_the_loop(bridge: Bridge, directory: Path) -> None:
    """An order by HL7, and its image by DICOM."""
    order = new_order()
    answer = send("127.0.0.1", bridge.hl7_ports["his"], orm(order).encode())
    assert acknowledgement(answer)["code"] == "AA"
    remote = Remote(ae_title="BRIDGE", host="127.0.0.1", port=bridge.dicom_port)
    (stored,) = store(remote, scan(order, directory / order.accession, (1,)).paths)
    assert stored.status == 0


def told(ehr: ScriptedServer, kind: str) -> dict[str, Any]:
    """The resource of a kind in the one transaction that was written."""
    (written,) = wait_until(ehr.writes, "the EHR is told")
    (found,) = [
        each["resource"]
        for each in written.resource["entry"]
        if each["resource"]["resourceType"] == kind
    ]
    resource: dict[str, Any] = found
    return resource


def states(bridge: Bridge) -> list[str]:
    return [row.state for row in bridge.core.store.read(lambda tx: tx.deliveries.listed([]))]


def test_given_http_port_zero_then_the_endpoint_that_is_told_has_the_port_that_was_taken(
    build: Callable[[], Bridge], ehr: ScriptedServer, tmp_path: Path
) -> None:
    with started(build()) as bridge:
        assert bridge.settings.http.port != 0
        close_the_loop(bridge, tmp_path)
        endpoint = told(ehr, "Endpoint")
        assert endpoint["address"] == f"{bridge.http_address}/dicom-web"
        assert accepts(bridge.settings.http.port)


def test_given_a_public_address_then_that_is_told_whatever_port_was_taken(
    build: Callable[[], Bridge],
    configuration: dict[str, Any],
    ehr: ScriptedServer,
    tmp_path: Path,
) -> None:
    configuration["http"]["public_url"] = "https://images.example/bridge"
    with started(build()) as bridge:
        close_the_loop(bridge, tmp_path)
        endpoint = told(ehr, "Endpoint")
    assert endpoint["address"] == "https://images.example/bridge/dicom-web"


def test_given_a_disabled_destination_then_its_deliveries_wait_until_it_is_enabled(
    build: Callable[[], Bridge],
    configuration: dict[str, Any],
    ehr: ScriptedServer,
    tmp_path: Path,
) -> None:
    configuration["destinations"][0]["enabled"] = False
    with started(build()) as bridge:
        close_the_loop(bridge, tmp_path)
        wait_until(lambda: states(bridge), "a delivery waits")
    assert ehr.asked == []
    configuration["destinations"][0]["enabled"] = True
    with started(build()) as bridge:
        told(ehr, "ImagingStudy")
        wait_until(lambda: states(bridge) == ["delivered"], "its delivery is recorded")


def test_given_a_settle_timer_that_a_killed_run_had_in_hand_then_it_fires_after_the_restart(
    build: Callable[[], Bridge],
    configuration: dict[str, Any],
    ehr: ScriptedServer,
    tmp_path: Path,
) -> None:
    configuration["dicom"]["settle_seconds"] = AGES
    with started(build()) as bridge:
        close_the_loop(bridge, tmp_path)
        assert states(bridge) == []
        in_hand = (
            "UPDATE timer SET due_at = 1, lease_owner = 'the dead', lease_until = 9e9"
            " WHERE kind = 'settle'"
        )
        changed = bridge.core.database.transact(lambda c: c.execute(text(in_hand)).rowcount)
    assert changed == 1
    configuration["dicom"]["settle_seconds"] = 0  # the study counts as quiet by now
    with started(build()):
        told(ehr, "ImagingStudy")


def test_given_nobody_looks_for_work_by_himself_then_whoever_leaves_some_wakes_him(
    build: Callable[[], Bridge],
    ehr: ScriptedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispatchers, "Dispatcher", partial(Dispatcher, pace=Pace(poll=AGES)))
    monkeypatch.setattr(timekeeper, "LONGEST_WAIT_SECONDS", AGES)
    with started(build()) as bridge:
        for _ in range(3):
            ehr.asked = []
            close_the_loop(bridge, tmp_path)
            told(ehr, "ImagingStudy")
        wait_until(lambda: states(bridge) == ["delivered"] * 3, "all are recorded")


def test_when_stopped_then_the_destinations_are_closed_after_the_last_send(
    build: Callable[[], Bridge],
    ehr: ScriptedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events: list[str] = []
    send_really, close_really = FhirDestination.send, FhirDestination.close

    def note_send(self: FhirDestination, *arguments: Any) -> Any:
        try:
            return send_really(self, *arguments)
        finally:
            events.append("sent")

    def note_close(self: FhirDestination) -> None:
        events.append("closed")
        close_really(self)

    monkeypatch.setattr(FhirDestination, "send", note_send)
    monkeypatch.setattr(FhirDestination, "close", note_close)
    may_answer = threading.Event()

    def answer_late(asked: Any) -> Any:
        may_answer.wait(30)
        return agree(asked)

    ehr.script = answer_late
    bridge = build()
    bridge.start()
    close_the_loop(bridge, tmp_path)
    wait_until(lambda: ehr.asked, "a send is under way")
    stopping = threading.Thread(target=bridge.stop)
    stopping.start()
    wait_until(lambda: not accepts(bridge.settings.http.port), "the bridge takes nothing more")
    assert events == []
    may_answer.set()
    stopping.join()
    assert events == ["sent", "closed"]


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", choose_port()))
        other.listen()
        yield int(other.getsockname()[1])


@pytest.mark.parametrize("section", ["http", "hl7", "dicom"])
def test_given_a_port_that_is_taken_then_nothing_is_left_running(
    section: str, build: Callable[[], Bridge], configuration: dict[str, Any], taken: int
) -> None:
    ports = {name: choose_port() for name in ("http", "hl7", "dicom")} | {section: taken}
    configuration["http"]["port"] = ports["http"]
    configuration["hl7"]["listeners"][0]["port"] = ports["hl7"]
    configuration["dicom"]["port"] = ports["dicom"]
    before = set(threading.enumerate())
    with pytest.raises(CannotListen, match=rf"127\.0\.0\.1:{taken}: Address already in use"):
        build().start()
    assert set(threading.enumerate()) <= before
    assert not any(accepts(port) for name, port in ports.items() if name != section)


def test_given_what_cannot_be_built_then_the_port_is_given_back(
    build: Callable[[], Bridge], configuration: dict[str, Any]
) -> None:
    configuration["http"]["port"] = port = choose_port()
    configuration["images"] = "gs://bucket/images"
    configuration["bucket"] = {"access_key_id": "of another service"}
    with pytest.raises(BucketRefuses, match="gs://bucket/images cannot be used"):
        build()
    configuration["images"] = configuration["var"]
    configuration["hl7"]["listeners"][0]["profile"] = "nope"
    with pytest.raises(ProfileError, match="no profile 'nope'"):
        build()
    assert not accepts(port)
