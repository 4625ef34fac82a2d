"""Whoever listens learns what happens: webhooks of everything, a RIS of instances (RAD-49)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.events import Event

from tests.acceptance.conftest import NewHospital
from tests.acceptance.images import Study, scan
from tests.acceptance.orders import new_order, orm
from tests.acceptance.rejections import rejection
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

    def heard(self, kind: str) -> bool:
        return kind in self.kinds


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


FINER = [
    "study.first_image",
    "match.decided",
    "study.available",
    "study.changed",
    "study.corrected",
    "study.rejected",
    "study.expired",
    "study.withdrawn",
]


def test_given_who_asks_for_the_finer_words_then_each_thing_is_told_once_and_says_why(
    new_hospital: NewHospital, tmp_path: Path
) -> None:
    with listening() as finer, listening() as usual, listening() as of_mr:
        asks = {"kind": "webhook", "secret": SECRET}
        hospital = new_hospital(
            destinations=[
                {**asks, "name": "finer", "url": finer.url, "events": FINER},
                {**asks, "name": "usual", "url": usual.url, "events": FINER[2:4] + FINER[-1:]},
                {**asks, "name": "mr", "url": of_mr.url, "events": FINER, "modalities": ["MR"]},
            ],
            dicom={"settle_seconds": 1},
        )
        order = new_order()
        hospital.place(orm(order))
        study = scan(order, tmp_path / "sent", series=(3,))
        first, second, third = (path.stem for path in study.paths)
        hospital.store(study)
        wait_until(lambda: "study.available" in finer.kinds, "the study is told of")
        for kind, code, rejected in (
            ("study.rejected", "113001", [first]),
            ("study.expired", "113039", [second, third]),
        ):
            note = rejection(study, code, tmp_path / kind, *rejected)
            hospital.store(Study(uid=study.uid, series={"note": [note]}))
            wait_until(partial(finer.heard, kind), f"{kind} is told")
        wait_until(lambda: len(usual.kinds) == 3, "the others hear of two changes")

    assert finer.kinds == [
        "study.first_image",
        "match.decided",
        "study.available",
        "study.rejected",
        "study.expired",
    ]
    assert usual.kinds == ["study.available", "study.changed", "study.changed"]
    assert of_mr.kinds == []
    begun, decided, _, quality, age = (event["data"] for event in finer.events)
    assert [each["accessionNumber"] for each in begun["expectedOrders"]] == [order.accession]
    assert (decided["decision"], decided["decidedBy"]) == ("matched", "rule")
    assert "Study Instance UID" in decided["candidates"][0]["keys"]
    assert (quality["numberOfInstances"], quality["rejected"]["whole"]) == (2, False)
    assert age["rejected"]["whole"]
    assert {each["code"]: each["numberOfInstances"] for each in age["rejected"]["reasons"]} == {
        "113001": 1,
        "113039": 2,
    }
    assert order.patient.id not in json.dumps(finer.events)
