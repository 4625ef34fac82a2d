"""Given messages that nobody should send, then the peer is told and the next one is served."""

from __future__ import annotations

import hashlib
import os
import struct
import time
from pathlib import Path

import pytest
from pydicom.uid import ImplicitVRLittleEndian

from bridge.dicom.configuration import DicomConfiguration
from bridge.dicom.scu import echo
from bridge.dicom.sop_classes import MODALITY_WORKLIST, VERIFICATION
from bridge.dicom.spool import IN_MEMORY
from tests.adapters.dicom.pdus import (
    ABORT,
    COMMAND,
    LAST,
    P_DATA,
    associate_request,
    associated_by_hand,
    command,
    p_data,
    read_pdu,
    response_in,
    store_request,
)
from tests.adapters.dicom.services import RunningBridge, running
from tests.unit.dicom.test_elements import encode
from tests.unit.dicom.test_header import instance

FULL = 28


def an_instance(pixels: int = 0) -> bytes:
    dataset = instance()
    dataset.PixelData = b"\1" * pixels
    return encode(dataset, ImplicitVRLittleEndian)


def pieces(data: bytes, length: int = 100_000) -> bytes:
    starts = range(0, len(data), length)
    last = starts[-1]
    return b"".join(
        p_data(data[start : start + length], LAST if start == last else 0) for start in starts
    )


def stored(port: int, data: bytes) -> tuple[int, str]:
    """The status and comment of a C-STORE in many pieces."""
    with associated_by_hand(port) as connection:
        connection.sendall(p_data(store_request(), COMMAND | LAST) + pieces(data))
        kind, content = read_pdu(connection)
        assert kind == P_DATA
        answer = response_in(content)
        return int(answer.Status), str(answer.get("ErrorComment", ""))


def test_given_a_long_data_set_then_it_goes_to_a_file_that_leaves_nothing(tmp_path: Path) -> None:
    data = an_instance(IN_MEMORY)
    with running(DicomConfiguration(spool=tmp_path)) as bridge:
        assert stored(bridge.port, data) == (0x0000, "")
        ((header, content, digest, _),) = bridge.instances.received
        assert header.sop_instance_uid == "1.2.3.4"
        assert content.endswith(data)
        assert digest == hashlib.sha256(data).hexdigest()
        assert list(tmp_path.iterdir()) == []


def test_given_there_is_no_room_while_it_arrives_then_the_peer_is_told_and_may_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(FULL, os.strerror(FULL))

    monkeypatch.setattr("bridge.dicom.spool.TemporaryFile", fail)
    with running(DicomConfiguration(spool=tmp_path)) as bridge:
        said = "what arrives cannot be held: No space left on device"
        assert stored(bridge.port, an_instance(IN_MEMORY)) == (0xA700, said)
        assert stored(bridge.port, an_instance()) == (0x0000, "")


@pytest.mark.parametrize("missing", ["AffectedSOPInstanceUID", "AffectedSOPClassUID"])
def test_given_a_store_request_without_a_uid_then_it_is_answered(
    bridge: RunningBridge, missing: str
) -> None:
    with associated_by_hand(bridge.port) as connection:
        request = store_request(**{missing: None})
        connection.sendall(p_data(request, COMMAND | LAST) + p_data(an_instance(), LAST))
        answer = response_in(read_pdu(connection)[1])
    assert (answer.Status, answer.MessageIDBeingRespondedTo) == (0xA900, 7)
    assert answer.ErrorComment == f"{missing} missing in the command set"
    assert bridge.instances.received == []


def test_given_a_query_without_its_class_then_it_is_answered(bridge: RunningBridge) -> None:
    request = command(CommandField=0x0020, MessageID=9, Priority=0, CommandDataSetType=1)
    with associated_by_hand(bridge.port, associate_request(MODALITY_WORKLIST)) as connection:
        connection.sendall(p_data(request, COMMAND | LAST) + p_data(b"\0" * 8, LAST))
        answer = response_in(read_pdu(connection)[1])
    assert (answer.Status, answer.MessageIDBeingRespondedTo) == (0xA900, 9)


def test_given_a_request_that_cannot_be_answered_then_the_association_is_aborted(
    bridge: RunningBridge,
) -> None:
    request = command(AffectedSOPClassUID=VERIFICATION, CommandField=0x0030, CommandDataSetType=257)
    with associated_by_hand(bridge.port, associate_request(VERIFICATION)) as connection:
        connection.sendall(p_data(request, COMMAND | LAST))
        assert read_pdu(connection)[0] == ABORT


@pytest.mark.parametrize(
    "garbage",
    [
        p_data(b"", COMMAND | LAST),
        p_data(os.urandom(100), COMMAND | LAST),
        p_data(command(CommandField=0x7777, CommandDataSetType=257), COMMAND | LAST),
        p_data(command(CommandDataSetType=257), COMMAND | LAST),
        p_data(b"\0" * 8, LAST),
        struct.pack(">BBLL", 4, 0, 4, 0),
        struct.pack(">BBLLBB", 4, 0, 6, 400, 1, 3),
        b"".join(p_data(b"\0" * 16_000, COMMAND) for _ in range(6)),
    ],
)
def test_given_a_command_set_that_is_none_then_the_peer_is_told_and_others_are_served(
    bridge: RunningBridge, garbage: bytes
) -> None:
    with associated_by_hand(bridge.port) as connection:
        connection.sendall(garbage)
        assert read_pdu(connection)[0] in {ABORT, 0}
    echo(bridge.remote)


def test_given_cancels_of_nothing_then_the_association_goes_on(bridge: RunningBridge) -> None:
    cancel = command(CommandField=0x0FFF, MessageIDBeingRespondedTo=1, CommandDataSetType=257)
    with associated_by_hand(bridge.port) as connection:
        connection.sendall(p_data(cancel, COMMAND | LAST) * 15)
        connection.sendall(p_data(store_request(), COMMAND | LAST) + p_data(an_instance(), LAST))
        assert response_in(read_pdu(connection)[1]).Status == 0x0000


def test_given_many_requests_at_once_then_all_are_answered_and_few_are_held(
    bridge: RunningBridge,
) -> None:
    bridge.instances.gate.clear()
    request = p_data(store_request(), COMMAND | LAST) + p_data(an_instance(), LAST)
    with associated_by_hand(bridge.port) as connection:
        connection.sendall(request * 50)
        assert bridge.instances.entered.wait(30)
        (association,) = bridge.server._entity.active_associations
        while association.dimse.msg_queue.qsize() <= 8:
            time.sleep(0.01)
        assert association.dimse.msg_queue.qsize() == 9
        bridge.instances.gate.set()
        answers = [response_in(read_pdu(connection)[1]).Status for _ in range(50)]
    assert answers == [0x0000] * 50


@pytest.mark.parametrize("part", [0, 1, 2])
def test_given_a_peer_that_goes_in_the_middle_of_a_data_set_then_nothing_of_it_is_kept(
    tmp_path: Path, part: int
) -> None:
    data = an_instance(IN_MEMORY)
    before = len(os.listdir("/proc/self/fd"))
    with running(DicomConfiguration(spool=tmp_path)) as bridge:
        with associated_by_hand(bridge.port) as connection:
            whole = p_data(store_request(), COMMAND | LAST) + pieces(data)
            connection.sendall(whole[: (part + 1) * len(whole) // 4])
            if part == 2:
                connection.sendall(struct.pack(">BBLL", ABORT, 0, 4, 0))
        while bridge.server._entity.active_associations:
            time.sleep(0.01)
        assert stored(bridge.port, data) == (0x0000, "")
        assert len(bridge.instances.received) == 1
    assert list(tmp_path.iterdir()) == []
    while len(os.listdir("/proc/self/fd")) > before:
        time.sleep(0.01)


def test_given_nothing_as_the_data_set_then_the_refusal_says_what_is_missing(
    bridge: RunningBridge,
) -> None:
    with associated_by_hand(bridge.port) as connection:
        connection.sendall(p_data(store_request(), COMMAND | LAST) + p_data(b"", LAST))
        answer = response_in(read_pdu(connection)[1])
    assert (answer.Status, answer.ErrorComment) == (0xA900, "SOPClassUID is missing")
