"""The JSON API: keys and their scopes, the same view models as the pages, and its description."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
import uvicorn
from sqlalchemy import select

from bridge.domain.api_key import Scope
from bridge.domain.link import Link, LinkKind
from bridge.domain.study import InstanceHeader
from bridge.hl7.links import Peer
from bridge.services.manage_keys import KeyTaken, ManageKeys
from bridge.settings import load
from bridge.store import schema
from bridge.store.tables import api_key, audit
from bridge.wiring.api import build_api
from bridge.wiring.console import new_secret
from bridge.wiring.core import Core, build_core
from bridge.wiring.edges import build_hl7
from bridge.wiring.link_watch import watch_links
from tests.acceptance.orders import new_order, orm


@dataclass
class Program:
    """A program with a key, at the API of a bridge."""

    core: Core
    url: str
    now: float = 0.0

    @property
    def keys(self) -> ManageKeys:
        return ManageKeys(store=self.core.store, clock=self.clock, secret=new_secret)

    def clock(self) -> float:
        return time.time() + self.now

    def key(self, *scopes: Scope, name: str = "pager", seconds: float | None = None) -> str:
        return self.keys.add(name, frozenset(scopes), "anh", seconds)

    def get(self, path: str, key: str = "", **parameters: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx2.get(f"{self.url}{path}", headers=headers, params=parameters)

    def post(self, path: str, key: str = "", **parameters: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {key}"}
        return httpx2.post(f"{self.url}{path}", headers=headers, params=parameters)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    file = tmp_path / "bridge.yaml"
    file.write_text(
        f"{{var: '{tmp_path}', database: 'sqlite:///{tmp_path}/bridge.db',"
        " destinations: [{name: ehr, kind: fhir, url: 'http://127.0.0.1:1/fhir'}]}",
        encoding="utf-8",
    )
    core = build_core(load(file, {}), {})
    schema.upgrade(core.database)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(
        uvicorn.Config(build_api(core, {}), log_level="error", ws="none", lifespan="off")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield Program(core, url)
    server.should_exit = True
    thread.join()
    core.database.close()


def test_given_no_key_or_one_that_is_not_good_then_the_answer_says_so_and_nothing_else(
    program: Program,
) -> None:
    short = program.key(Scope.STATUS, seconds=60)
    revoked = program.key(Scope.STATUS, name="old")
    program.keys.revoke("old", "anh")
    assert program.get("/links", short).status_code == 200
    with program.core.database.read() as connection:
        held = connection.execute(select(api_key.c.secret_hash)).scalars().all()
    assert short not in held
    for key in ("", "bridge_wrong", revoked):
        answer = program.get("/links", key)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"
    program.core.database.transact(
        lambda connection: connection.execute(api_key.update().values(expires_at=time.time() - 1))
    )
    assert program.get("/links", short).status_code == 401


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/links", Scope.STATUS),
        ("/alerts", Scope.STATUS),
        ("/connections", Scope.STATUS),
        ("/search", Scope.RECORDS),
        ("/messages", Scope.RECORDS),
        ("/reconciliation", Scope.RECORDS),
        ("/destinations", Scope.RECORDS),
        ("/deliveries", Scope.RECORDS),
        ("/audit", Scope.AUDIT),
    ],
)
def test_given_a_key_of_every_other_scope_then_it_does_not_open_what_needs_this_one(
    program: Program, path: str, scope: Scope
) -> None:
    others = program.key(*(set(Scope) - {scope}), name="others")
    refused = program.get(path, others, q="x")
    assert refused.status_code == 403
    assert refused.json()["title"] == f"the key others is not good for {scope}"
    right = program.key(scope, name="right")
    assert program.get(path, right, q="x").status_code == 200


def test_given_an_order_then_it_is_found_and_its_whole_story_told(program: Program) -> None:
    key = program.key(Scope.RECORDS)
    order = new_order()
    listener = program.core.settings.hl7.listeners[0]
    with_threads = build_hl7(program.core, listener, None)  # type: ignore[arg-type]
    answer = with_threads.handler(orm(order).encode(), Peer("his", "127.0.0.1", 2575))
    assert b"MSA|AA" in b"".join(answer)
    found = program.get("/search", key, q=order.accession).json()
    (one,) = found["orders"]
    assert one["accession"] == order.accession
    told = program.get(f"/orders/{one['pk']}/timeline", key).json()
    assert [each for each in told["events"] if each["lane"]]
    (message,) = program.get("/messages", key).json()["rows"]
    assert message["type"].startswith("ORM")
    with program.core.database.read() as connection:
        trail = connection.execute(select(audit.c.who, audit.c.detail)).all()
    assert ("key pager", order.accession) in [tuple(row) for row in trail]


def test_given_a_key_for_deliveries_then_a_destination_is_held_and_let_go(
    program: Program,
) -> None:
    key = program.key(Scope.RECORDS, Scope.DELIVERIES)
    assert program.post("/destinations/ehr/pause", key, reason="upgrade").status_code == 200
    (state,) = program.get("/destinations", key).json()
    assert state["holds"][0]["reason"] == "upgrade"
    assert program.post("/destinations/ehr/resume", key).json() is True
    reader = program.key(Scope.RECORDS, name="reader")
    assert program.post("/destinations/ehr/pause", reader).status_code == 403


def test_given_what_is_not_there_then_404_and_what_is_wrong_then_400(program: Program) -> None:
    key = program.key(Scope.RECORDS)
    for path in ("/orders/99/timeline", "/reconciliation/1.2.3", "/deliveries/99"):
        answer = program.get(path, key)
        assert (answer.status_code, answer.json()["status"]) == (404, 404), path
    assert program.get("/deliveries", key, limit=100_000).status_code == 400


def test_given_traffic_then_links_tell_of_it(program: Program) -> None:
    key = program.key(Scope.STATUS)
    program.core.tally.failed(Link(LinkKind.DICOM, "CT01"), "its last association was aborted")
    watch_links(program.core.settings, program.core.store, program.core.tally).note()
    (link,) = program.get("/links", key).json()
    assert (link["link"], link["problem"]) == (
        {"kind": "dicom", "peer": "CT01"},
        "its last association was aborted",
    )


def test_given_the_description_then_it_is_valid_openapi_and_names_every_route(
    program: Program,
) -> None:
    described = program.get("/openapi.json").json()
    every = schemathesis.openapi.from_dict(described).get_all_operations()
    operations = [each.ok() for each in every]  # type: ignore[union-attr]
    assert {"/links", "/search", "/audit"} <= {each.path for each in operations}
    assert described["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"


def test_given_a_name_twice_then_the_second_is_refused(program: Program) -> None:
    program.key(Scope.STATUS)
    with pytest.raises(KeyTaken, match="revoke it first"):
        program.key(Scope.STATUS)


def test_given_an_unmatched_study_when_it_is_decided_then_it_is_previewed_done_and_taken_back(
    program: Program,
) -> None:
    key = program.key(Scope.STUDIES, Scope.RECORDS)
    order = new_order()
    listener = build_hl7(program.core, program.core.settings.hl7.listeners[0], None)  # type: ignore[arg-type]
    listener.handler(orm(order).encode(), Peer("his", "127.0.0.1", 2575))
    uid = "1.2.826.0.1.3680043.10.7"
    header = InstanceHeader(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid=f"{uid}.1.1",
        study_instance_uid=uid,
        series_instance_uid=f"{uid}.1",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        modality="CT",
    )
    program.core.instances.receive(header, b"DICM", uid, "CT01")
    wish = {"action": "link", "orders": [order.accession], "reason": "seen on the request form"}

    def post(path: str, body: dict[str, Any]) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {key}"}
        return httpx2.post(f"{program.url}/reconciliation/{uid}/{path}", headers=headers, json=body)

    previewed = post("preview", wish)
    assert previewed.status_code == 200, previewed.text
    assert program.get(f"/reconciliation/{uid}", key).json()["outcome"] != "matched"
    assert post("decisions", wish).json()["outcome"] == "matched"
    assert post("decisions", {"action": "undo"}).json()["outcome"] != "matched"
    assert (
        post("decisions", {"action": "link", "orders": ["NONE"], "reason": "x"}).status_code == 404
    )
    assert post("decisions", {"action": "burn"}).status_code == 400
    reader = program.key(Scope.RECORDS, name="reader")
    refused = httpx2.post(
        f"{program.url}/reconciliation/{uid}/decisions",
        headers={"Authorization": f"Bearer {reader}"},
        json=wish,
    )
    assert refused.status_code == 403
