"""Given messages of the journal, when a person applies them again, then it is done and told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from bridge.domain.access import Role, SignedIn
from bridge.domain.errors import UnknownKey
from bridge.fhir.server.exchange import Request
from bridge.hl7.links import Peer
from bridge.services.replay_message import ReplayMessage, ReplayRefused
from bridge.settings import load
from bridge.store import schema
from bridge.wiring.core import Core, build_core
from bridge.wiring.edges import hl7_intake
from bridge.wiring.fhir_server import fhir_server
from bridge.wiring.hl7_answers import answer_policy
from bridge.wiring.message_reading import MessageReader
from bridge.wiring.replaying import build_replay

ANH = SignedIn(name="anh", role=Role.OPERATOR, address="10.0.0.7")
ORDER = (
    "MSH|^~\\&|KIS|HAUS|BRIDGE|HOSP|20240501||ORM^O01^ORM_O01|C1|P|2.5.1||||||UNICODE UTF-8\r"
    "PID|1||P1^^^HOSP||NGUYỄN^VĂN ÁNH||19700101|M\r"
    "ORC|NW|O1|F1\r"
    "OBR|1|O1|F1|CT01^CT sọ não||||||||||||||A1||||||CT\r"
)


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    file = tmp_path / "bridge.yaml"
    file.write_text(f"{{var: '{tmp_path}'}}", encoding="utf-8")
    core = build_core(load(file, {}), {})
    schema.upgrade(core.database)
    yield core
    core.database.close()
    core.pixels.close()


@pytest.fixture
def replay(core: Core) -> ReplayMessage:
    return build_replay(core)


def receive(core: Core, message: str) -> bytes:
    (listener,) = core.settings.hl7.listeners
    intake = hl7_intake(core, listener, core.messages, answer_policy(listener))
    return b"".join(intake.handle(message.encode(), Peer(listener.name, "10.0.0.1", 40000)))


def rows(core: Core, query: str) -> list[tuple[object, ...]]:
    with core.database.read() as connection:
        return [tuple(row) for row in connection.execute(text(query)).all()]


def test_given_an_applied_message_when_replayed_then_it_is_applied_again_with_its_audit_row(
    core: Core, replay: ReplayMessage
) -> None:
    receive(core, ORDER)

    done = replay.replay(1, ANH, "the mapping was  wrong")

    assert b"MSA|AA|C1" in done.answer
    assert done.message is not None
    assert done.message.pk == 2
    assert done.message.disposition == "applied"
    assert done.message.peer.startswith("hl7 replay of 1 at ")
    ((warnings,),) = rows(core, "SELECT warnings FROM message WHERE pk = 2")
    assert "replayed by anh from message 1: the mapping was wrong" in str(warnings)
    assert rows(core, "SELECT who, event, action, patient_id, object_id, detail FROM audit") == [
        ("anh", "110109", "E", "P1", "1", "replayed: the mapping was wrong")
    ]
    assert rows(core, "SELECT count(*) FROM imaging_service_request") == [(1,)]


def test_given_a_refused_message_when_edited_then_what_was_meant_is_applied(
    core: Core, replay: ReplayMessage
) -> None:
    refused = ORDER.replace("PID|1||P1^^^HOSP", "PID|1||")
    assert b"MSA|AE" in receive(core, refused)
    edited = refused.replace("PID|1||", "PID|1||P9^^^HOSP").replace("\r", "\r\n")

    done = replay.replay(1, ANH, "ID by telephone", edited)

    assert b"MSA|AA" in done.answer
    assert rows(core, "SELECT accession_number FROM imaging_service_request") == [("A1",)]
    ((attributes,),) = rows(core, "SELECT attributes FROM patient")
    assert json.loads(str(attributes))["PatientName"] == "NGUYỄN^VĂN ÁNH"
    assert rows(core, "SELECT detail FROM audit") == [("edited and replayed: ID by telephone",)]


def test_given_a_message_that_is_still_refused_then_the_journal_and_the_trail_say_so(
    core: Core, replay: ReplayMessage
) -> None:
    receive(core, ORDER.replace("PID|1||P1^^^HOSP", "PID|1||"))

    done = replay.replay(1, ANH, "again")

    assert b"MSA|AE" in done.answer
    assert done.message is not None
    assert done.message.disposition == "refused"
    assert rows(core, "SELECT count(*) FROM audit") == [(1,)]


def test_given_no_reason_or_no_such_message_when_replayed_then_nothing_happens(
    core: Core, replay: ReplayMessage
) -> None:
    receive(core, ORDER)

    with pytest.raises(ReplayRefused):
        replay.replay(1, ANH, "  ")
    with pytest.raises(UnknownKey):
        replay.replay(7, ANH, "again")
    assert rows(core, "SELECT count(*) FROM message") == [(1,)]
    assert rows(core, "SELECT count(*) FROM audit") == [(0,)]


def test_given_a_message_of_a_listener_that_is_gone_when_replayed_then_that_is_said(
    core: Core, replay: ReplayMessage
) -> None:
    receive(core, ORDER)
    core.store.transact(
        lambda tx: tx._connection.execute(text("UPDATE message SET peer = 'gone 1.2.3.4:5'"))
    )

    with pytest.raises(ReplayRefused, match="no HL7 listener gone"):
        replay.replay(1, ANH, "again")


def test_given_a_fhir_request_when_replayed_then_it_is_done_again(
    core: Core, replay: ReplayMessage
) -> None:
    server = fhir_server(core, core.store, core.messages)
    body = b'{"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "P1"}]}'
    headers = {"content-type": "application/fhir+json"}
    request = Request(
        method="POST", path="/Patient", headers=headers, body=body, client="127.0.0.1"
    )
    assert server.answer(request).status == 201

    done = replay.replay(1, ANH, "again")

    assert b'"status": 20' in done.answer
    assert done.message is not None
    assert done.message.pk == 2
    assert rows(core, "SELECT count(*) FROM audit") == [(1,)]


def test_given_messages_of_each_protocol_when_taken_apart_then_parts_have_names_and_values(
    core: Core,
) -> None:
    reader = MessageReader(core.settings)

    def flat(protocol: str, content: bytes) -> dict[str, tuple[str, str]]:
        found = {}
        todo = list(reader.parsed(protocol, "his 10.0.0.1:1", content))
        while todo:
            node = todo.pop()
            found[node.place] = (node.name, node.value)
            todo += node.children
        return found

    hl7 = flat("hl7", ORDER.encode() + b"PID|2||P2\r")
    assert hl7["PID-5.2"] == ("Given name", "VĂN ÁNH")
    assert hl7["PID-3.4"] == ("Assigning authority", "HOSP")
    assert hl7["PID[2]-3"] == ("Patient identifier list", "P2")
    assert hl7["MSH-2"] == ("Encoding characters", "^~\\&")
    fhir = flat("fhir", b'POST /Patient\r\nprefer: x\r\n\r\n{"name": [{"family": "Tr"}]}')
    assert fhir["name[0].family"] == ("", "Tr")
    assert fhir["1"] == ("", "POST /Patient")
    answer = flat("fhir", b'{"status": 201}\n{"id": "7", "active": true}')
    assert answer["id"] == ("", "7")
    assert answer["active"] == ("", "true")
    element = b"\x10\x00\x20\x00LO\x04\x00P001"
    assert flat("dicom", element)["(0010,0020)"] == ("Patient ID", "P001")
    implicit = b"\x10\x00\x20\x00\x04\x00\x00\x00P001"
    assert flat("dicom", implicit)["(0010,0020)"] == ("Patient ID", "P001")
    nested = b'{"a":' * 300 + b"1" + b"}" * 300
    assert flat("fhir", nested)["…"] == ("", "")
    for protocol in ("hl7", "dicom", "delivery"):
        assert flat(protocol, b"\xff\xfe no") == {}
        assert flat(protocol, b"") == {}
