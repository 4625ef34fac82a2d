"""What the simulated HIS writes, read by somebody else's HL7 parser."""

from __future__ import annotations

from pathlib import Path

import pytest
from hl7apy.core import Message
from hl7apy.parser import parse_message

from bridge.simulate.his import read_acknowledgement
from bridge.simulate.hospital import OrderBook
from bridge.simulate.orders import order_message
from bridge.simulate.rounds import SCENARIOS, make_order


def parse(raw: bytes) -> Message:
    return parse_message(raw.decode(), find_groups=False)


def value(message: Message, segment: str, path: str) -> str:
    node = getattr(message, segment.lower())
    for part in path.split("."):
        node = getattr(node, part)
    return str(node.to_er7())


def test_given_a_general_order_then_patient_numbers_and_time_stand_where_ihe_wants_them() -> None:
    order = make_order(1, SCENARIOS[0])
    message = parse(order_message(order))
    assert value(message, "PID", "pid_3") == "BN000101^^^HOSP^MR"
    assert value(message, "PID", "pid_5") == "NGUYỄN^ÁNH^VĂN"
    assert value(message, "ORC", "orc_1") == "NW"
    assert value(message, "OBR", "obr_18") == "ACC0001"
    assert value(message, "OBR", "obr_24") == "CT"
    assert value(message, "ORC", "orc_7").startswith("^^^" + order.start.strftime("%Y%m%d%H%M%S"))


def test_given_an_imaging_order_then_ipc_carries_every_identifier() -> None:
    order = make_order(3, SCENARIOS[2])
    message = parse(order_message(order, "OMI^O23"))
    assert value(message, "MSH", "msh_9") == "OMI^O23^OMI_O23"
    assert value(message, "IPC", "ipc_1") == "ACC0003^HOSP"
    assert value(message, "IPC", "ipc_3") == f"{order.study_instance_uid}^HOSP"
    assert value(message, "IPC", "ipc_9") == "CT01"


def test_given_a_his_without_numbers_then_they_are_left_empty() -> None:
    message = parse(order_message(make_order(2, SCENARIOS[1])))
    assert value(message, "OBR", "obr_18") == ""
    assert value(message, "OBR", "obr_2") == "P000002^HIS"


def test_given_an_error_acknowledgement_then_its_words_are_found() -> None:
    raw = b"MSH|^~\\&|B|H\rMSA|AE|7\rERR||PID^1^3|101^Required field missing^HL70357|E||||no ID\r"
    answer = read_acknowledgement(raw)
    assert (answer.code, answer.control_id) == ("AE", "7")
    assert "no ID" in answer.text


def test_given_an_answer_without_msa_then_it_is_an_error() -> None:
    with pytest.raises(ValueError, match="MSA"):
        read_acknowledgement(b"MSH|^~\\&|B|H\r")


def test_given_a_restart_then_order_numbers_go_on(tmp_path: Path) -> None:
    assert OrderBook(tmp_path / "var" / "last-order").next_number() == 1
    assert OrderBook(tmp_path / "var" / "last-order").next_number() == 2
