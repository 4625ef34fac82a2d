"""Given an instance, when its C-STORE-RQ is made here, then it is the one that pynetdicom makes."""

from __future__ import annotations

from io import BytesIO

import pytest
from pydicom.uid import UID
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu import P_DATA_TF

from bridge.dicom.store_request import Originator, command_set, fragments, pdus

SOP_CLASS, INSTANCE = "1.2.840.10008.5.1.4.1.1.2", "1.2.826.0.1.3680043.10.77"


def made_by_pynetdicom(
    data_set: bytes, context_id: int, message_id: int, maximum: int, originator: Originator | None
) -> bytes:
    primitive = C_STORE()
    primitive.MessageID = message_id
    primitive.Priority = 0
    primitive.AffectedSOPClassUID = UID(SOP_CLASS)
    primitive.AffectedSOPInstanceUID = UID(INSTANCE)
    if originator is not None:
        primitive.MoveOriginatorApplicationEntityTitle = originator.ae_title
        primitive.MoveOriginatorMessageID = originator.message_id
    primitive.DataSet = BytesIO(data_set)
    message = C_STORE_RQ()
    message.primitive_to_message(primitive)
    return b"".join(P_DATA_TF(each).encode() for each in message.encode_msg(context_id, maximum))


@pytest.mark.parametrize("maximum", [0, 128, 1024, 16382, 131072])
@pytest.mark.parametrize("size", [2, 122, 124, 2036, 300_000])
@pytest.mark.parametrize(
    ("context_id", "message_id", "originator"),
    [(1, 1, None), (255, 65535, Originator("WORKSTATION1", 7)), (3, 9, Originator("AE1", 65535))],
)
@pytest.mark.parametrize("piece", [1000, 70_000])
def test_given_any_limit_of_the_peer_then_the_bytes_are_pynetdicoms(
    maximum: int,
    size: int,
    context_id: int,
    message_id: int,
    originator: Originator | None,
    piece: int,
) -> None:
    data_set = bytes(range(256)) * (size // 256) + bytes(size % 256)
    pieces = (data_set[start : start + piece] for start in range(0, size, piece))
    command = command_set(SOP_CLASS, INSTANCE, message_id, originator)
    made = b"".join(pdus(command, pieces, context_id, maximum))
    assert made == made_by_pynetdicom(data_set, context_id, message_id, maximum, originator)


def test_given_an_odd_limit_then_fragments_are_of_even_length_all_the_same() -> None:
    made = b"".join(pdus(command_set(SOP_CLASS, INSTANCE, 1, None), [bytes(400)], 1, 133))
    assert made == made_by_pynetdicom(bytes(400), 1, 1, 132, None)


def test_given_a_limit_that_nothing_fits_into_then_a_usable_one_is_taken() -> None:
    made = b"".join(pdus(command_set(SOP_CLASS, INSTANCE, 1, None), [bytes(8)], 1, 3))
    assert made == made_by_pynetdicom(bytes(8), 1, 1, 128, None)


def test_given_pieces_that_end_with_a_fragment_then_just_the_last_is_the_last() -> None:
    cut = list(fragments([b"abcd", b"efgh", b""], 4))
    assert cut == [(b"abcd", False), (b"efgh", True)]
