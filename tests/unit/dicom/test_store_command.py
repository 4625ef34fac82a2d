"""Given plain command sets, then they are read and written as the library does, or left to it."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom.dimse_messages import C_FIND_RSP, C_STORE_RQ, C_STORE_RSP, DIMSEMessage
from pynetdicom.dimse_primitives import C_ECHO, C_FIND, C_STORE
from pynetdicom.dsutils import encode
from pynetdicom.pdu_primitives import P_DATA

from bridge.dicom.store_command import (
    ArrivingMessage,
    StoreRequest,
    read_store_request,
    written_response,
)

CT, INSTANCE = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4"
TAKEN = (
    "MessageID",
    "Priority",
    "AffectedSOPClassUID",
    "AffectedSOPInstanceUID",
    "MoveOriginatorApplicationEntityTitle",
    "MoveOriginatorMessageID",
)


def request(**changes: object) -> C_STORE:
    primitive = C_STORE()
    primitive.MessageID, primitive.Priority = 7, 2
    primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID = CT, INSTANCE
    primitive.DataSet = BytesIO(b"\x08\x00\x05\x00CS\x00\x00")
    for keyword, value in changes.items():
        setattr(primitive, keyword, value)
    return primitive


def arrived(message: DIMSEMessage, pieces: list[P_DATA]) -> C_STORE:
    done = [message.decode_msg(piece) for piece in pieces]
    assert done == [False] * (len(pieces) - 1) + [True]
    primitive = message.message_to_primitive()
    assert isinstance(primitive, C_STORE)
    return primitive


def sent(primitive: C_STORE, most: int) -> list[P_DATA]:
    message = C_STORE_RQ()
    message.primitive_to_message(primitive)
    return list(message.encode_msg(5, most))


@pytest.mark.parametrize("most", [64, 16_384])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"MoveOriginatorApplicationEntityTitle": "PACS", "MoveOriginatorMessageID": 9},
        {"AffectedSOPInstanceUID": "1.2.3.45"},
    ],
)
def test_given_a_request_then_it_is_what_the_library_reads(
    changes: dict[str, object], most: int
) -> None:
    ours, theirs = ArrivingMessage.begin(), DIMSEMessage()
    mine = arrived(ours, sent(request(**changes), most))
    read = arrived(theirs, sent(request(**changes), most))
    assert [getattr(mine, each) for each in TAKEN] == [getattr(read, each) for each in TAKEN]
    assert mine.DataSet is not None
    assert read.DataSet is not None
    assert mine.DataSet.getvalue() == read.DataSet.getvalue()
    assert mine._context_id == read._context_id == 5
    assert mine.is_valid_request
    assert isinstance(ours, StoreRequest) is (most > 64)


def command(**changes: object) -> bytes:
    elements = Dataset()
    elements.CommandGroupLength = 0
    elements.AffectedSOPClassUID, elements.AffectedSOPInstanceUID = CT, INSTANCE
    elements.CommandField, elements.CommandDataSetType = 0x0001, 0x0001
    elements.MessageID, elements.Priority = 7, 0
    for keyword, value in changes.items():
        if value is None:
            delattr(elements, keyword)
        else:
            setattr(elements, keyword, value)
    encoded = encode(elements, True, True)
    assert encoded is not None
    return encoded


def test_given_a_plain_request_then_it_is_read() -> None:
    found = read_store_request(command())
    assert found is not None
    assert (found.message_id, found.sop_class_uid, found.sop_instance_uid) == (7, CT, INSTANCE)


@pytest.mark.parametrize(
    "unusual",
    [
        command(CommandField=0x0020),
        command(CommandDataSetType=0x0101),
        command(MessageID=None),
        command(AffectedSOPInstanceUID=None),
        command(Priority=3),
        command().replace(INSTANCE.encode(), b"1.2.3 4"),
        command(AffectedSOPInstanceUID=[INSTANCE, CT]),
        command(ErrorComment="nothing that a request has"),
        command() + command(),
        command() + b"\x00",
        command()[:-1],
        b"",
    ],
)
def test_given_anything_unusual_then_it_is_left_to_the_library(unusual: bytes) -> None:
    assert read_store_request(unusual) is None


def test_given_final_responses_then_they_are_the_bytes_of_the_library() -> None:
    for kind, message, status in (
        (C_STORE, C_STORE_RSP, 0x0000),
        (C_STORE, C_STORE_RSP, 0xA700),
        (C_FIND, C_FIND_RSP, 0x0000),
        (C_FIND, C_FIND_RSP, 0xFE00),
    ):
        response = kind()
        response.MessageIDBeingRespondedTo = 65_535
        response.AffectedSOPClassUID, response.Status = CT, status
        if isinstance(response, C_STORE):
            response.AffectedSOPInstanceUID = INSTANCE
        theirs = message()
        theirs.primitive_to_message(response)
        assert written_response(response) == encode(theirs.command_set, True, True)


def test_given_there_is_more_to_say_then_it_is_left_to_the_library() -> None:
    response: Any = C_STORE()
    response.MessageIDBeingRespondedTo, response.Status = 1, 0xA700
    response.AffectedSOPClassUID = CT
    response.ErrorComment = "no room"
    assert written_response(response) is None
    assert written_response(request()) is None
    assert written_response(C_ECHO()) is None
    found = C_FIND()
    found.MessageIDBeingRespondedTo, found.Status, found.AffectedSOPClassUID = 1, 0xFF00, CT
    found.Identifier = BytesIO(b"\x08\x00")
    assert written_response(found) is None
