"""Given receivers of HL7 v2, what they are told, and what becomes of what they refuse."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from hl7apy.core import Message as Hl7apyMessage
from hl7apy.mllp import AbstractHandler, MLLPServer
from hl7apy.parser import parse_message
from sqlalchemy import Row, select

from bridge.hl7.mllp_client import send
from bridge.store.tables import attempt, delivery
from bridge.wiring.bridge import Bridge
from tests.acceptance.orders import adt_merge, adt_update, new_order, new_patient, omi, orm
from tests.adapters.hl7.receiver import HOST, answer, receiver, says, says_nothing
from tests.adapters.hl7.running import port_of, running
from tests.peers.process import choose_port

ERR = "ERR||OBR^1^18|204^Unknown key identifier^HL70357|E||||no such order"


def told(name: str, port: int, **changes: Any) -> dict[str, Any]:
    retry = {"base_seconds": 0.1, "ceiling_seconds": 0.1, "max_attempts": 3}
    return {"name": name, "kind": "hl7", "host": HOST, "port": port, "retry": retry, **changes}


def place(bridge: Bridge, message: str) -> None:
    assert b"|AA|" in send(HOST, port_of(bridge), message.encode())


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def deliveries(bridge: Bridge, destination: str) -> list[Row[Any]]:
    query = select(delivery).where(delivery.c.destination == destination).order_by(delivery.c.pk)
    with bridge.core.database.read() as connection:
        return list(connection.execute(query).all())


def wait_for_states(bridge: Bridge, destination: str, *states: str) -> None:
    wait_for(lambda: [each.state for each in deliveries(bridge, destination)] == list(states))


# --- a receiver of others -----------------------------------------------------------------------
@contextmanager
def hl7apy_server(heard: list[Hl7apyMessage]) -> Iterator[int]:
    """hl7apy's own MLLP server, which closes the connection behind every answer."""

    class Handler(AbstractHandler):  # type: ignore[misc]
        def reply(self) -> str:
            message = parse_message(self.incoming_message, find_groups=False)
            heard.append(message)
            ack = Hl7apyMessage("ACK", version=message.version)
            ack.msh.msh_9 = "ACK"
            ack.msa.msa_1 = "AA"
            ack.msa.msa_2 = message.msh.msh_10.value
            framed: str = ack.to_mllp()
            return framed

    port = choose_port()
    kinds = ("OMI^O23^OMI_O23", "ORM^O01^ORM_O01", "OMG^O19^OMG_O19")
    server = MLLPServer(HOST, port, {kind: (Handler,) for kind in kinds})
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


PROFILES = (
    ("orm-oru", "2.3.1"),
    ("orm-oru", "2.6"),
    ("omg-oru", "2.4"),
    ("omi-oru", "2.8"),
)


def test_given_hl7apys_server_when_orders_come_then_it_reads_what_it_is_told(
    tmp_path: Path,
) -> None:
    heard: list[Hl7apyMessage] = []
    orders = [new_order(), new_order(new_patient(family="NGUYỄN"), steps=2)]
    with hl7apy_server(heard) as port:
        receivers = [
            told(f"{profile}-{version}", port, profile=profile, version=version)
            for profile, version in PROFILES
        ]
        with running(tmp_path, destinations=receivers) as bridge:
            for each in orders:
                place(bridge, omi(each))
            for known in receivers:
                wait_for_states(bridge, known["name"], "delivered", "delivered")
    read_there = {(each.version, each.obr.obr_18.value): each for each in heard}
    for order, (_, version) in product(orders, PROFILES):
        message = read_there[version, order.accession]
        assert message.orc.orc_5.value == "SC"
        assert message.pid.pid_5.pid_5_1.value == order.patient.family


# --- refusals -----------------------------------------------------------------------------------
def test_given_receivers_that_refuse_then_each_refusal_is_dealt_with_and_the_next_order_is_told(
    tmp_path: Path,
) -> None:
    accepts, errs = says(answer("AA")), says(answer("AE"))
    with (
        receiver(says(answer("AR", ERR)), accepts) as rejecting,
        receiver(errs, errs, accepts) as recovering,
        receiver(errs, errs, errs, accepts) as erring,
        receiver(says_nothing) as silent,
        running(
            tmp_path,
            destinations=[
                told("rejecting", rejecting.port),
                told("recovering", recovering.port),
                told("erring", erring.port),
                told("silent", silent.port, timeout_seconds=0.2, connect_seconds=0.2),
            ],
        ) as bridge,
    ):
        order = new_order()
        place(bridge, orm(order))
        wait_for_states(bridge, "rejecting", "dead")
        wait_for_states(bridge, "recovering", "delivered")
        wait_for_states(bridge, "erring", "parked")
        place(bridge, orm(new_order()))
        wait_for_states(bridge, "erring", "parked", "delivered")
        place(bridge, orm(order, control="CA", status="CA"))
        wait_for_states(bridge, "rejecting", "dead", "delivered", "delivered")
        for _ in range(4):
            place(bridge, orm(new_order()))
        wait_for(lambda: len(silent.raw) >= 8)
        waiting = deliveries(bridge, "silent")
        (dead, *_) = deliveries(bridge, "rejecting")
        with bridge.core.database.read() as connection:
            query = select(attempt).where(attempt.c.delivery_pk == dead.pk)
            (tried,) = connection.execute(query).all()

    # AR is a dead letter with the receiver's words; the order's next state is told all the same.
    assert "OBR^1^18 204 Unknown key identifier no such order" in dead.last_error
    assert tried.answered == "AR"
    assert [each.get("ORC-1") for each in rejecting.messages[:3]] == ["SC", "SC", "OC"]
    # AE is tried again in the same bytes, on the same connection.
    assert len({*recovering.raw[:3]}) == 1
    assert recovering.connections == 1
    # Silence is an outage: it burns no attempt.
    assert {each.state for each in waiting} <= {"pending", "sending"}
    assert sum(each.attempts for each in waiting) == 0


# --- passed on ----------------------------------------------------------------------------------
def test_given_messages_to_be_passed_on_then_they_go_in_order_and_in_the_same_bytes(
    tmp_path: Path,
) -> None:
    with (
        receiver() as pacs,
        running(
            tmp_path,
            destinations=[
                told("pacs", pacs.port, events=["study.available"], pass_on={"messages": ["ADT"]})
            ],
        ) as bridge,
    ):
        first, second = new_patient(), new_patient()
        messages = [adt_update(first), adt_update(second), adt_merge(first, [second])]
        for each in (*messages, orm(new_order()), messages[0]):
            place(bridge, each)
        wait_for_states(bridge, "pacs", "delivered", "delivered", "delivered")
        assert pacs.raw == [each.encode() for each in messages]
        assert pacs.connections == 1
