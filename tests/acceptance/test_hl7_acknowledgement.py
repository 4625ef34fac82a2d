"""Acknowledgements: never AA when nothing was done, never a refusal over form."""

from __future__ import annotations

import pytest

from tests.acceptance.hospital import Hospital
from tests.acceptance.orders import (
    acknowledgement,
    control_id,
    header,
    join,
    new_order,
    new_patient,
    omi,
    orm,
    pid,
)
from tests.peers.mllp import END, RETURN, START, MllpSocket, frame


def lab_order(patient_pid: str, section: str = "LAB") -> str:
    placer = control_id()
    return join(
        header("ORM^O01^ORM_O01", "2.5.1"),
        patient_pid,
        f"ORC|NW|{placer}^HIS|{placer}^LIS||SC",
        f"OBR|1|{placer}^HIS|{placer}^LIS|24331-1^Lipid panel^LN|||20240102" + "|" * 17 + section,
    )


def test_given_an_order_without_a_patient_id_then_the_error_names_pid_3(hospital: Hospital) -> None:
    order = new_order()
    message = orm(order).replace(f"{order.patient.id}^^^HOSP^MR", "")
    answer = hospital.send(message)

    assert answer["code"] in {"AE", "AR"}
    assert "PID^1^3" in answer["errors"]
    assert hospital.worklist(AccessionNumber=order.accession) == []


def test_given_an_unknown_order_control_then_the_error_names_orc_1(hospital: Hospital) -> None:
    order = new_order()
    answer = hospital.send(orm(order, control="QQ"))

    assert answer["code"] in {"AE", "AR"}
    assert "ORC^1^1" in answer["errors"]
    assert hospital.worklist(AccessionNumber=order.accession) == []


def test_given_an_order_without_any_number_then_it_is_refused(hospital: Hospital) -> None:
    order = new_order(placer="", filler="", accession="")
    message = orm(order).replace("|^HIS|^RIS|", "|||")
    answer = hospital.send(message)

    assert answer["code"] in {"AE", "AR"}
    assert "ORC" in answer["errors"]
    assert hospital.worklist(PatientID=order.patient.id) == []


def test_given_a_message_without_pid_then_it_is_refused(hospital: Hospital) -> None:
    order = new_order()
    segments = orm(order).split("\r")
    answer = hospital.send(join(*[line for line in segments if not line.startswith("PID")]))

    assert answer["code"] in {"AE", "AR"}
    assert "PID" in answer["errors"]


def test_given_one_bad_order_among_good_ones_then_the_answer_is_not_aa(hospital: Hospital) -> None:
    patient = new_patient()
    good, bad = new_order(patient), new_order(patient)
    message = orm(good, bad)
    head, _, tail = message.rpartition("ORC|NW|")
    answer = hospital.send(f"{head}ORC|QQ|{tail}")

    assert answer["code"] in {"AE", "AR"}
    assert "ORC^2^1" in answer["errors"]
    assert hospital.worklist(AccessionNumber=bad.accession) == []


def test_given_a_status_of_an_unknown_order_then_it_is_kept_until_the_order_comes(
    hospital: Hospital,
) -> None:
    order = new_order()
    answer = hospital.send(orm(order, control="SC", status="CM"))

    assert answer["code"] == "AA"
    assert order.placer in hospital.bridge.command("message", "list", "--parked")
    hospital.place(orm(order))
    assert hospital.worklist(AccessionNumber=order.accession) == []
    assert order.placer not in hospital.bridge.command("message", "list", "--parked")


def test_given_a_lab_order_then_it_is_acknowledged_and_never_on_the_worklist(
    hospital: Hospital,
) -> None:
    patient = new_patient()
    answer = hospital.send(lab_order(pid(patient)))

    assert answer["code"] == "AA"
    assert hospital.worklist(PatientID=patient.id) == []


def test_given_an_unknown_message_type_then_it_is_refused_and_the_link_lives(
    hospital: Hospital,
) -> None:
    patient = new_patient()
    answer = hospital.send(join(header("ZZZ^Z01", "2.5.1"), pid(patient)))
    order = new_order(patient)
    hospital.place(orm(order))

    assert answer["code"] in {"AE", "AR"}
    assert hospital.entry(order).PatientID == patient.id


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_given_line_feeds_for_segment_ends_then_the_order_is_read_all_the_same(
    hospital: Hospital, end: str
) -> None:
    order = new_order(steps=2)
    with MllpSocket(hospital.bridge.hl7_port) as wire:
        answer = wire.exchange(omi(order).replace("\r", end).encode())

    assert acknowledgement(answer)["code"] == "AA"
    assert hospital.step_ids(order) == [step.id for step in order.steps]


def test_given_no_carriage_return_at_the_end_then_the_last_segment_counts(
    hospital: Hospital,
) -> None:
    order = new_order()
    with MllpSocket(hospital.bridge.hl7_port) as wire:
        answer = wire.exchange(orm(order).rstrip("\r").encode())

    assert acknowledgement(answer)["code"] == "AA"
    assert hospital.entry(order).StudyInstanceUID == order.study_uid


def test_given_pipelined_messages_then_each_is_answered_in_order(hospital: Hospital) -> None:
    orders = [new_order() for _ in range(10)]
    messages = [orm(order) for order in orders]
    with MllpSocket(hospital.bridge.hl7_port) as wire:
        wire.write(b"".join(frame(message.encode()) for message in messages))
        answers = [acknowledgement(wire.read()) for _ in messages]

    assert [answer["code"] for answer in answers] == ["AA"] * len(orders)
    assert [answer["id"] for answer in answers] == [message.split("|")[9] for message in messages]
    for order in orders:
        assert hospital.entry(order).StudyInstanceUID == order.study_uid


def test_given_a_frame_in_pieces_then_it_is_put_together(hospital: Hospital) -> None:
    order = new_order(new_patient(family="NGUYỄN"))
    content = frame(orm(order).encode())
    with MllpSocket(hospital.bridge.hl7_port) as wire:
        for position in range(0, len(content), 7):
            wire.write(content[position : position + 7])
        answer = acknowledgement(wire.read())

    assert answer["code"] == "AA"
    assert hospital.entry(order).StudyInstanceUID == order.study_uid


def test_given_junk_between_frames_then_the_frames_are_read(hospital: Hospital) -> None:
    first, second = new_order(), new_order()
    with MllpSocket(hospital.bridge.hl7_port) as wire:
        wire.write(b"\r\n\x00junk" + frame(orm(first).encode()) + b"\r\n  ")
        assert acknowledgement(wire.read())["code"] == "AA"
        wire.write(b"more" + START + orm(second).encode() + END)
        wire.write(RETURN)
        assert acknowledgement(wire.read())["code"] == "AA"

    assert hospital.entry(second).StudyInstanceUID == second.study_uid


def test_given_bytes_that_are_no_message_then_others_are_served(hospital: Hospital) -> None:
    order = new_order()
    with MllpSocket(hospital.bridge.hl7_port) as bad, MllpSocket(hospital.bridge.hl7_port) as good:
        bad.write(frame(b"this is not HL7"))
        answer = bad.read()
        assert answer is None or b"|AR" in answer or b"|AE" in answer
        assert acknowledgement(good.exchange(orm(order).encode()))["code"] == "AA"


def test_given_many_senders_at_one_time_then_all_are_served(hospital: Hospital) -> None:
    orders = [new_order() for _ in range(20)]
    wires = [MllpSocket(hospital.bridge.hl7_port) for _ in orders]
    for wire, order in zip(wires, orders, strict=True):
        wire.write(frame(orm(order).encode()))
    for wire in wires:
        with wire:
            assert acknowledgement(wire.read())["code"] == "AA"
    for order in orders:
        assert hospital.entry(order).StudyInstanceUID == order.study_uid
