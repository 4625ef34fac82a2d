"""Given a response, when its PDUs are made here, then they are those that pynetdicom makes."""

from io import BytesIO

import pytest
from pynetdicom.dimse_messages import C_FIND_RSP
from pynetdicom.dimse_primitives import C_FIND
from pynetdicom.pdu import P_DATA_TF

from bridge.dicom.pdata import PENDING, PendingResponses
from bridge.dicom.sop_classes import MODALITY_WORKLIST


def made_by_pynetdicom(data_set: bytes, context_id: int, message_id: int, maximum: int) -> bytes:
    primitive = C_FIND()
    primitive.MessageIDBeingRespondedTo = message_id
    primitive.AffectedSOPClassUID = MODALITY_WORKLIST
    primitive.Status = PENDING
    primitive.Identifier = BytesIO(data_set)
    message = C_FIND_RSP()
    message.primitive_to_message(primitive)
    return b"".join(P_DATA_TF(each).encode() for each in message.encode_msg(context_id, maximum))


@pytest.mark.parametrize("maximum", [0, 128, 129, 1024, 16382, 131072])
@pytest.mark.parametrize("size", [2, 122, 124, 900, 2036, 40_000])
@pytest.mark.parametrize(("context_id", "message_id"), [(1, 1), (255, 65535)])
def test_given_any_limit_of_the_peer_then_the_bytes_are_pynetdicoms(
    maximum: int, size: int, context_id: int, message_id: int
) -> None:
    data_set = bytes(range(256)) * (size // 256) + bytes(size % 256)
    responses = PendingResponses(
        context_id=context_id,
        message_id=message_id,
        sop_class_uid=MODALITY_WORKLIST,
        maximum_length=maximum,
    )
    expected = made_by_pynetdicom(data_set, context_id, message_id, maximum)
    assert responses.pdus(data_set) == expected


def test_given_a_limit_that_nothing_fits_into_then_a_usable_one_is_taken() -> None:
    responses = PendingResponses(
        context_id=1, message_id=1, sop_class_uid=MODALITY_WORKLIST, maximum_length=3
    )
    assert responses.pdus(b"\0" * 8) == made_by_pynetdicom(b"\0" * 8, 1, 1, 128)
