"""The command sets that images and queries come and are answered with (PS3.7 9.3.1 and 9.3.2).

pynetdicom makes Dataset objects of both, element by element: two thirds of the processor time of a
small image. What is plain is read and written here; everything else is left to the library, and a
test holds that both come to the same.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ, DIMSEMessage
from pynetdicom.dimse_primitives import C_FIND, C_STORE
from pynetdicom.pdu_primitives import P_DATA

from bridge.dicom.pdata import whole_command

_COMMAND, _LAST = 0x01, 0x02  # message control header (PS3.8 E.2)
_C_STORE_RQ, _C_STORE_RSP, _C_FIND_RSP = 0x0001, 0x8001, 0x8020
_NO_DATA_SET = 0x0101
_PRIORITIES = (0, 1, 2)
_HEAD = struct.Struct("<HHL")
_US = struct.Struct("<H")
_UID = re.compile(rb"[0-9.]{1,64}")
_TITLE = re.compile(rb"[!-\[\]-~][ -\[\]-~]{0,15}")
_LENGTH, _SOP_CLASS, _FIELD, _MESSAGE_ID, _RESPONDED_TO = 0x0000, 0x0002, 0x0100, 0x0110, 0x0120
_PRIORITY, _DATA_SET_TYPE, _STATUS, _SOP_INSTANCE = 0x0700, 0x0800, 0x0900, 0x1000
_ORIGINATOR, _ORIGINATOR_MESSAGE = 0x1030, 0x1031
_NUMBERS = frozenset({_FIELD, _MESSAGE_ID, _PRIORITY, _DATA_SET_TYPE, _ORIGINATOR_MESSAGE})
_UIDS = frozenset({_SOP_CLASS, _SOP_INSTANCE})
_NEEDED = frozenset({_FIELD, _MESSAGE_ID, _PRIORITY, _DATA_SET_TYPE, *_UIDS})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCommand:
    """C-STORE-RQ's command set (PS3.7 9.3.1.1)."""

    message_id: int
    priority: int
    sop_class_uid: str
    sop_instance_uid: str
    originator: str | None = None
    originator_message_id: int | None = None


def read_store_request(content: bytes) -> StoreCommand | None:
    """Read a C-STORE-RQ with a data set; None when it is another, or has anything unusual."""
    found: dict[int, Any] = {}
    for element, value in _elements(content):
        if element in _NUMBERS and len(value) == _US.size:
            found[element] = _US.unpack(value)[0]
        elif element in _UIDS and _UID.fullmatch(uid := value.removesuffix(b"\0")):
            found[element] = uid.decode("ascii")
        elif element == _ORIGINATOR and _TITLE.fullmatch(value):
            found[element] = value.decode("ascii").strip()
        elif element != _LENGTH:
            return None
    is_plain = found.keys() >= _NEEDED and found[_FIELD] == _C_STORE_RQ
    if not is_plain or found[_DATA_SET_TYPE] == _NO_DATA_SET or found[_PRIORITY] not in _PRIORITIES:
        return None
    return StoreCommand(
        message_id=found[_MESSAGE_ID],
        priority=found[_PRIORITY],
        sop_class_uid=found[_SOP_CLASS],
        sop_instance_uid=found[_SOP_INSTANCE],
        originator=found.get(_ORIGINATOR),
        originator_message_id=found.get(_ORIGINATOR_MESSAGE),
    )


def _elements(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Each element of group 0000 in its order; one that is none ends with number -1."""
    position, previous = 0, -1
    while position < len(content):
        if position + _HEAD.size > len(content):
            yield -1, b""
            return
        group, element, length = _HEAD.unpack_from(content, position)
        start = position + _HEAD.size
        position = start + length
        if group or element <= previous or position > len(content):
            yield -1, b""
            return
        previous = element
        yield element, content[start:position]


def written_response(response: Any) -> bytes | None:
    """The command set of a final C-STORE-RSP or C-FIND-RSP; None when there is more to say."""
    is_store = isinstance(response, C_STORE)
    if not is_store and not isinstance(response, C_FIND):
        return None
    answers = response.MessageIDBeingRespondedTo
    if answers is None or response.Status is None or not response.AffectedSOPClassUID:
        return None
    if response.ErrorComment or response.OffendingElement:
        return None
    if not is_store and response.Identifier is not None:
        return None
    elements = [
        _uid(_SOP_CLASS, response.AffectedSOPClassUID),
        _number(_FIELD, _C_STORE_RSP if is_store else _C_FIND_RSP),
        _number(_RESPONDED_TO, answers),
        _number(_DATA_SET_TYPE, _NO_DATA_SET),
        _number(_STATUS, response.Status),
    ]
    if is_store and response.AffectedSOPInstanceUID:
        elements.append(_uid(_SOP_INSTANCE, response.AffectedSOPInstanceUID))
    body = b"".join(elements)
    return _HEAD.pack(0, _LENGTH, 4) + struct.pack("<L", len(body)) + body


def send_at_once(association: Association, command: bytes, context_id: int, most: int) -> bool:
    """Write a response past the library's queue, where the association is open; else do nothing.

    `most` is the longest P-DATA that the peer takes (0: no limit).
    """
    dul = association.dul
    is_open = dul.state_machine.current_state == "Sta6" and dul.to_provider_queue.empty()
    connection = dul.socket
    pdu = whole_command(command, context_id)
    if not is_open or connection is None or (most and len(pdu) - 6 > most):
        return False
    connection.send(pdu)  # who has gone is noticed there
    return True


def _uid(element: int, uid: str) -> bytes:
    value = uid.encode("ascii", "replace")
    value += b"\0" * (len(value) & 1)
    return _HEAD.pack(0, element, len(value)) + value


def _number(element: int, value: int) -> bytes:
    return _HEAD.pack(0, element, _US.size) + _US.pack(value)


class ArrivingMessage(DIMSEMessage):
    """A message of which nothing arrived yet; it becomes one of its kind with its command set."""

    @classmethod
    def begin(cls) -> DIMSEMessage:
        """A new one; the library's constructor goes by the name of the class."""
        message = DIMSEMessage()
        message.__class__ = cls
        return message

    def decode_msg(self, primitive: P_DATA, assoc: Association | None = None) -> bool:
        """Take what arrived; tells whether that is all of the message."""
        values = primitive.presentation_data_value_list
        context_id, first = values[0] if values else (0, b"\0")
        is_whole = first[0] & (_COMMAND | _LAST) == _COMMAND | _LAST
        if is_whole and not self.encoded_command_set.tell():
            command = read_store_request(bytes(first[1:]))
            if command is not None:
                self.encoded_command_set.write(first[1:])
                self.context_id = context_id
                self.__class__ = StoreRequest
                self.store_command = command
                primitive.presentation_data_value_list = values[1:]
        return bool(super().decode_msg(primitive, assoc))


class StoreRequest(ArrivingMessage, C_STORE_RQ):
    """A C-STORE-RQ whose command set was read here."""

    store_command: StoreCommand

    def message_to_primitive(self) -> C_STORE:
        """The request as services take it."""
        command, request = self.store_command, C_STORE()
        request.MessageID = command.message_id
        request.Priority = command.priority
        request.AffectedSOPClassUID = command.sop_class_uid
        request.AffectedSOPInstanceUID = command.sop_instance_uid
        request.MoveOriginatorApplicationEntityTitle = command.originator
        request.MoveOriginatorMessageID = command.originator_message_id
        request.DataSet = self.data_set
        request._context_id = self.context_id
        return request
