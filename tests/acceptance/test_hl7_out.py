"""A HIS is told of its orders in HL7 v2 (RAD-3) and of the images, by a receiver of others.

Nothing is lost, doubled or overtaken, though the bridge is killed and the receiver restarted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bridge.hl7.er7 import Message, read
from tests.acceptance.conftest import NewHospital
from tests.acceptance.hospital import Hospital
from tests.acceptance.images import scan
from tests.acceptance.orders import Order, adt_update, new_order, omi, orm
from tests.peers.hl7_receiver import Hl7Receiver
from tests.peers.process import choose_port, wait_until


@pytest.fixture
def receiver(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Hl7Receiver]:
    enhanced: bool = getattr(request, "param", False)
    with closing(Hl7Receiver(tmp_path, choose_port(), enhanced=enhanced)) as made:
        yield made


def destination(receiver: Hl7Receiver, **changes: Any) -> dict[str, Any]:
    return {
        "name": "his-back",
        "kind": "hl7",
        "host": "127.0.0.1",
        "port": receiver.port,
        "receiving_application": "HIS",
        "retry": {"base_seconds": 0.1, "ceiling_seconds": 0.5},
        **changes,
    }


def heard(receiver: Hl7Receiver, order: Order) -> list[Message]:
    """What the receiver was told of an order; what came again under its control ID counts once."""
    messages = [read(raw.encode()) for raw in receiver.heard()]
    of_order = [each for each in messages if each.get("OBR-18") == order.accession]
    return list({each.control_id: each for each in of_order}.values())


def states(messages: Sequence[Message]) -> list[tuple[str, str, str]]:
    """(type, ORC-5, OBR-25) of each message."""
    return [(each.message_code, each.get("ORC-5"), each.get("OBR-25")) for each in messages]


def wait_for(receiver: Hl7Receiver, order: Order, *last: tuple[str, str, str]) -> list[Message]:
    """Wait until an order's story ends so, in whatever order orders and studies are told of."""

    def ask() -> list[Message] | None:
        messages = heard(receiver, order)
        return messages if {*last} <= {*states(messages)} else None

    found = wait_until(ask, f"{order.accession} ends with {last}", seconds=40)
    assert found is not None
    return found


DONE = (("ORM", "CM", ""), ("ORU", "CM", "R"))


def perform(hospital: Hospital, order: Order, folder: Path) -> None:
    uid = hospital.start_step(order)
    study = scan(order, folder / order.accession, series=(2,))
    hospital.store(study)
    hospital.end_step(uid, study)


def test_given_orders_that_are_carried_out_through_kills_then_each_story_is_told_once_in_order(
    new_hospital: NewHospital, receiver: Hl7Receiver, tmp_path: Path
) -> None:
    viewer = "https://viewer.example/?study={study_instance_uid}&lang=vi"
    hospital = new_hospital(
        destinations=[destination(receiver, told_by="HIS")],
        dicom={"settle_seconds": 1},
        http={"viewer_url": viewer},
    )
    orders = [new_order() for _ in range(3)]
    for order in orders:  # nobody listens yet
        hospital.place(orm(order))
    receiver.start()
    for order in orders:
        (told,) = wait_for(receiver, order, ("ORM", "SC", "S"))
        assert told.get("ORC-1") == "SC"
        assert (told.get("ORC-2"), told.get("ORC-3")) == (order.placer, order.filler)
        assert told.get("ZDS-1") == order.study_uid
        assert told.get("PID-5.2") == order.patient.given

    perform(hospital, orders[0], tmp_path)
    hospital.bridge.restart()
    hospital.his.disconnect()
    receiver.stop()
    perform(hospital, orders[1], tmp_path)
    hospital.place(orm(orders[2], control="CA", status="CA"))
    hospital.bridge.restart()
    receiver.start()
    for order in orders[:2]:
        messages = wait_for(receiver, order, *DONE)
        assert [each for each in states(messages) if each[0] == "ORM"] in (
            [("ORM", "SC", "S"), ("ORM", "IP", "I"), ("ORM", "CM", "")],
            [("ORM", "SC", "S"), ("ORM", "CM", "")],
        )
        (result,) = (each for each in messages if each.message_code == "ORU")
        link = next(each for each in result.all("OBX") if each.field(2) == "RP")
        assert link.field(5) == viewer.replace("{study_instance_uid}", order.study_uid)
    # What the HIS did itself is not told to it.
    assert states(heard(receiver, orders[2])) == [("ORM", "SC", "S")]


@pytest.mark.parametrize("receiver", [True], indirect=True, ids=["enhanced mode"])
def test_given_a_his_that_is_told_in_another_way_then_settings_and_a_profile_are_enough(
    new_hospital: NewHospital, receiver: Hl7Receiver, tmp_path: Path
) -> None:
    receiver.start()
    latin = {"version": "2.5.1", "profile": "omi", "character_set": "8859/1"}
    hospital = new_hospital(
        destinations=[
            destination(
                receiver,
                acknowledgement="application",
                pass_on={"messages": ["ADT"], "form": "rewritten"},
                receiving_application="RIS",
                **latin,
            )
        ],
        dicom={"settle_seconds": 1},
    )
    order = new_order()
    hospital.place(omi(order))
    hospital.place(adt_update(order.patient))
    perform(hospital, order, tmp_path)
    messages = wait_for(receiver, order, ("OMI", "SC", "S"), ("OMI", "CM", "R"))
    assert messages[-1].all("IPC")[0].field(3) == order.study_uid
    assert messages[0].header.field(18) == "8859/1"
    (passed_on,) = (
        each for each in map(read, map(str.encode, receiver.heard())) if each.message_code == "ADT"
    )
    assert passed_on.get("PID-3.1") == order.patient.id
    assert (passed_on.header.field(3), passed_on.header.field(5)) == ("BRIDGE", "RIS")
    assert f"a connection is taken at 127.0.0.1:{receiver.port}" in hospital.bridge.command(
        "doctor"
    )
