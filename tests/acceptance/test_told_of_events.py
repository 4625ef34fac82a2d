"""Whoever listens learns what happens: webhooks of everything, a RIS of instances (RAD-49)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.events import Event

from tests.acceptance.conftest import NewHospital
from tests.acceptance.images import scan
from tests.acceptance.orders import new_order, orm
from tests.peers.process import choose_port, wait_until

SECRET = "a key for the test"


class Listener:
    """A program that takes events; the first `busy` posts are answered 503."""

    def __init__(self, busy: int = 0) -> None:
        self.events: list[dict[str, Any]] = []
        self.refused: list[str] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
                assert self.headers["X-Bridge-Signature"] == f"sha256={digest}"
                event = json.loads(body)
                if len(listener.refused) < busy:
                    listener.refused.append(event["id"])
                    self.send_response(503)
                else:
                    listener.events.append(event)
                    self.send_response(204)
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/events"

    @property
    def kinds(self) -> list[str]:
        return [event["type"].removeprefix("bridge.") for event in self.events]


@contextmanager
def listening(busy: int = 0) -> Iterator[Listener]:
    listener = Listener(busy)
    thread = Thread(target=listener.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        listener.server.shutdown()
        listener.server.server_close()
        thread.join()


@contextmanager
def ris(port: int) -> Iterator[list[Dataset]]:
    told: list[Dataset] = []

    def create(event: Event) -> tuple[int, None]:
        told.append(event.attribute_list)
        return 0x0000, None

    entity = AE("RIS")
    entity.add_supported_context("1.2.840.10008.5.1.4.33")
    server = entity.start_server(
        ("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_N_CREATE, create)]
    )
    assert server is not None
    try:
        yield told
    finally:
        server.shutdown()


def test_given_an_order_that_is_scanned_then_its_whole_story_is_told_once_and_in_order(
    new_hospital: NewHospital, tmp_path: Path
) -> None:
    port = choose_port()
    with listening(busy=2) as hook, ris(port) as notified:
        hospital = new_hospital(
            destinations=[
                {
                    "name": "hook",
                    "kind": "webhook",
                    "url": hook.url,
                    "secret": SECRET,
                    "retry": {"base_seconds": 0.1},
                },
                {
                    "name": "ris",
                    "kind": "ian",
                    "ae_title": "RIS",
                    "host": "127.0.0.1",
                    "port": port,
                },
            ],
            dicom={"settle_seconds": 1},
        )
        order = new_order()
        hospital.place(orm(order))
        uid = hospital.start_step(order)
        study = scan(order, tmp_path / "sent", series=(2, 1))
        hospital.store(study)
        hospital.end_step(uid, study)
        wait_until(lambda: "study.available" in hook.kinds, "the study is told of")
        wait_until(lambda: notified, "the RIS is notified")

    of_order = [kind for kind in hook.kinds if not kind.startswith("study.")]
    assert of_order == ["order.scheduled", "step.started", "step.completed"]
    assert len({event["id"] for event in hook.events}) == len(hook.events)
    assert {*hook.refused} <= {event["id"] for event in hook.events}
    available = next(each for each in hook.events if each["type"] == "bridge.study.available")
    assert available["data"]["numberOfInstances"] == 3
    assert available["data"]["orders"][0]["accessionNumber"] == order.accession
    assert order.patient.id not in json.dumps(hook.events)

    counts = {
        series.SeriesInstanceUID: len(series.ReferencedSOPSequence)
        for series in notified[-1].ReferencedSeriesSequence
    }
    assert counts == study.counts
    assert "PatientName" not in notified[-1]
