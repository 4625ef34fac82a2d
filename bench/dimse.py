"""A DICOM client that costs next to nothing: requests are encoded once, answers hardly looked at.

Nagle's algorithm is off and acknowledgements are not delayed, so that no server is charged for
what its client does.
"""

from __future__ import annotations

import socket
import struct

from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.dsutils import encode
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)

VERIFICATION = "1.2.840.10008.1.1"
WORKLIST = "1.2.840.10008.5.1.4.31"
CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
_CONTEXTS = {VERIFICATION: 1, WORKLIST: 3, CT_STORAGE: 5}
_ACCEPT, _DATA, _ABORT = 0x02, 0x04, 0x07
_COMMAND, _LAST = 0x01, 0x02
_STATUS = b"\x00\x00\x00\x09\x02\x00\x00\x00"  # (0000,0900), length 2
_PENDING = (0xFF00, 0xFF01)
_MAX_PDU = 131_072
_MAX_LENGTH = b"\x51\x00\x00\x04"  # sub-item of the user information (PS3.8 D.1)
_REQUEST = {"C-STORE": 0x0001, "C-FIND": 0x0020, "C-ECHO": 0x0030}


class Association:
    """One association, one operation at a time. Raises on abort, rejection and silence.

    The AE title calls and is called.
    """

    def __init__(self, port: int, ae_title: str, timeout: float = 300) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer, self._at = b"", 0
        self._socket.sendall(_associate(ae_title))
        kind, answer = self._pdu()
        if kind != _ACCEPT:
            raise AssertionError(f"the association was not accepted (PDU type {kind:02X}H)")
        at = answer.index(_MAX_LENGTH) + len(_MAX_LENGTH)
        self.max_pdu = min(_MAX_PDU, *struct.unpack_from(">L", answer, at)) or _MAX_PDU

    def exchange(self, request: bytes) -> int:
        """Send an encoded request; give the number of pending answers before the final one."""
        self._socket.sendall(request)
        pending = 0
        while True:
            status = self._status()
            if status not in _PENDING:
                if status:
                    raise AssertionError(f"final status {status:04X}H")
                return pending
            pending += 1

    def close(self) -> None:
        """Release, without waiting for the answer."""
        self._socket.sendall(b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00")
        self._socket.close()

    def _status(self) -> int:
        """Read on until a command set is complete; the data sets between are skipped."""
        command = b""
        while True:
            kind, content = self._pdu()
            if kind != _DATA:
                raise AssertionError(f"the association ended (PDU type {kind:02X}H)")
            while content:
                (length,) = struct.unpack_from(">L", content)
                header, part = content[5], content[6 : 4 + length]
                content = content[4 + length :]
                if header & _COMMAND:
                    command += part
                    if header & _LAST:
                        at = command.index(_STATUS) + len(_STATUS)
                        status: int = struct.unpack_from("<H", command, at)[0]
                        return status

    def _pdu(self) -> tuple[int, bytes]:
        head = self._exactly(6)
        (length,) = struct.unpack_from(">L", head, 2)
        return head[0], self._exactly(length)

    def _exactly(self, length: int) -> bytes:
        while len(self._buffer) - self._at < length:
            chunk = self._socket.recv(262_144)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            if not chunk:
                raise ConnectionError("the server closed the connection")
            self._buffer, self._at = self._buffer[self._at :] + chunk, 0
        self._at += length
        return self._buffer[self._at - length : self._at]


def echo_request() -> bytes:
    """C-ECHO-RQ as a P-DATA-TF PDU."""
    return _request("C-ECHO", VERIFICATION)


def find_request(query: Dataset) -> bytes:
    """C-FIND-RQ of the worklist with its identifier."""
    return _request("C-FIND", WORKLIST, _encoded(query))


def store_request(image: Dataset, max_pdu: int) -> bytes:
    """C-STORE-RQ of a CT image, its data set in PDUs of at most `max_pdu` bytes."""
    return _request("C-STORE", CT_STORAGE, _encoded(image), max_pdu, image.SOPInstanceUID)


def _encoded(dataset: Dataset) -> bytes:
    encoded = encode(dataset, is_implicit_vr=False, is_little_endian=True)
    if encoded is None:
        raise AssertionError("the data set cannot be encoded")
    return encoded


def _request(
    kind: str, sop_class: str, content: bytes = b"", max_pdu: int = _MAX_PDU, instance: str = ""
) -> bytes:
    command = Dataset()
    command.AffectedSOPClassUID = sop_class
    command.CommandField = _REQUEST[kind]
    command.MessageID = 1
    command.CommandDataSetType = 0x0001 if content else 0x0101
    if content:
        command.Priority = 0
    if instance:
        command.AffectedSOPInstanceUID = instance
    encoded = encode(command, is_implicit_vr=True, is_little_endian=True) or b""
    encoded = struct.pack("<HHLL", 0, 0, 4, len(encoded)) + encoded
    pdus = [_data(sop_class, _COMMAND | _LAST, encoded)]
    room = max_pdu - 6
    for start in range(0, len(content), room):
        last = _LAST if start + room >= len(content) else 0
        pdus.append(_data(sop_class, last, content[start : start + room]))
    return b"".join(pdus)


def _data(sop_class: str, header: int, content: bytes) -> bytes:
    item = struct.pack(">LBB", len(content) + 2, _CONTEXTS[sop_class], header) + content
    return struct.pack(">BBL", _DATA, 0, len(item)) + item


def _associate(ae_title: str) -> bytes:
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title = primitive.called_ae_title = ae_title
    contexts = []
    for sop_class, number in _CONTEXTS.items():
        context = build_context(sop_class, ExplicitVRLittleEndian)
        context.context_id = number
        contexts.append(context)
    primitive.presentation_context_definition_list = contexts
    length = MaximumLengthNotification()
    length.maximum_length_received = _MAX_PDU
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = UID("2.25.7")
    primitive.user_information = [length, implementation]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(primitive)
    return bytes(pdu.encode())
