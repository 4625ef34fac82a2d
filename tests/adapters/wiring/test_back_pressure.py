"""Disks that run full under a running bridge: every edge says so in its own words, for a while."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import yaml

from bridge.dicom.scu import Remote, store
from bridge.domain.journal import Disposition
from bridge.hl7.mllp_client import send
from bridge.settings import load
from bridge.store import disk_space
from bridge.wiring import room
from bridge.wiring.bridge import Bridge
from tests.acceptance.images import scan
from tests.acceptance.orders import acknowledgement, new_order, orm
from tests.peers.bridge_process import configure

PATIENT = {
    "resourceType": "Patient",
    "identifier": [{"system": "urn:example:mrn", "value": "BP1"}],
    "name": [{"family": "TRAN", "given": ["VAN"]}],
}


def names(headers: Any) -> set[str]:
    return {name.lower() for name in headers}


def asked(
    url: str, body: bytes = b"", content_type: str = "application/fhir+json"
) -> tuple[int, Any, set[str]]:
    headers = {"Content-Type": content_type, "Accept": "application/fhir+json"}
    if "dicom-web" in url:
        headers["Accept"] = "application/dicom+json"
    request = Request(url, data=body or None, headers=headers)
    try:
        with urlopen(request) as answer:
            return answer.status, json.loads(answer.read() or b"{}"), names(answer.headers)
    except HTTPError as error:
        return error.code, json.loads(error.read() or b"{}"), names(error.headers)


def test_given_disks_without_room_then_every_edge_refuses_reads_go_on_and_it_ends_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [1 << 40]
    monkeypatch.setattr(disk_space, "_LOOK_SECONDS", 0.0)

    class Disks(disk_space.DiskSpace):
        def __init__(self, places: Any, reserve: int) -> None:
            super().__init__(places, reserve, free=lambda _path: left[0])

    monkeypatch.setattr(room, "DiskSpace", Disks)
    made = configure(tmp_path, f"sqlite:///{tmp_path}/bridge.db")
    made["http"]["port"] = made["dicom"]["port"] = made["hl7"]["listeners"][0]["port"] = 0
    file = tmp_path / "bridge.yaml"
    file.write_text(yaml.safe_dump(made))
    bridge = Bridge(load(file, {}))
    bridge.start()
    try:
        web = bridge.http_address
        remote = Remote(ae_title="BRIDGE", host="127.0.0.1", port=bridge.dicom_port)
        order = new_order()
        (image,) = scan(order, tmp_path / "scan", (1,)).paths
        content = Path(image).read_bytes()
        boundary = b"--B\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n--B--"
        multipart = 'multipart/related; type="application/dicom"; boundary=B'

        def hl7() -> dict[str, str]:
            return acknowledgement(send("127.0.0.1", bridge.hl7_ports["his"], orm(order).encode()))

        assert hl7()["code"] == "AA"
        left[0] = 100 << 20

        refused = send("127.0.0.1", bridge.hl7_ports["his"], orm(new_order()).encode())
        assert acknowledgement(refused)["code"] == "AR"
        assert b"207&Application internal error" in refused
        (stored,) = store(remote, [image])
        assert stored.status == 0xA700
        status, problem, headers = asked(f"{web}/dicom-web/studies", boundary, multipart)
        assert (status, "retry-after" in headers) == (503, True)
        assert problem["00081198"]["Value"][0]["00081197"]["Value"] == [0xA700]
        status, outcome, headers = asked(f"{web}/fhir/Patient", json.dumps(PATIENT).encode())
        assert (status, "retry-after" in headers) == (503, True)
        assert outcome["issue"][0]["code"] == "no-store"

        status, ready, _ = asked(f"{web}/health/ready")
        assert status == 503
        assert "100 MiB left" in ready["checks"]["disks"]
        status, found, _ = asked(f"{web}/fhir/ServiceRequest?identifier={order.accession}")
        assert (status, found["total"]) == (200, 1)
        noted = bridge.core.store.read(lambda tx: tx.journal.newest(10))
        refusals = [row for row in noted if row.disposition == Disposition.REFUSED.value]
        assert [(row.raw, "no room" in row.error) for row in refusals] == [(b"", True)]

        left[0] = 1 << 40
        assert hl7()["code"] == "AA"
        (stored,) = store(remote, [image])
        assert stored.status == 0
        assert asked(f"{web}/fhir/Patient", json.dumps(PATIENT).encode())[0] == 201
        assert asked(f"{web}/health/ready")[0] == 200
    finally:
        bridge.stop()
