"""C-FIND responses as P-DATA-TF PDUs (PS3.7 9.3.2.2 and 6.3.1, PS3.8 9.3.5 and Annex E).

pynetdicom needs 0.6 ms from a data set to the wire, for each response: a primitive, a message, a
PDU, and a queue that is polled. Within one query the command set is constant, so the same bytes
are made here in a few microseconds; a test holds that they are the same.
"""

from __future__ import annotations

import struct

_PDU = struct.Struct(">BBLLBB").pack
_P_DATA_TF = 0x04
# Message control header (PS3.8 E.2).
_COMMAND, _DATA_SET, _LAST = 0x01, 0x00, 0x02
_PDV_OVERHEAD = 6  # length, presentation context ID, message control header
SMALLEST_PDU = 128
"""Bytes of a P-DATA that every peer takes: one that announces less cannot mean it."""

_ELEMENT = struct.Struct("<HHL").pack
_US = struct.Struct("<HHLH").pack
_UL = struct.Struct("<HHLL").pack
_C_FIND_RSP = 0x8020
_DATA_SET_PRESENT = 0x0001
PENDING = 0xFF00
PENDING_WARNING = 0xFF01
"""One or more optional keys are not supported (PS3.4 K.4.1.1.4)."""


def whole_command(command: bytes, context_id: int) -> bytes:
    """A command set in one PDU."""
    length = len(command) + 2
    return _PDU(_P_DATA_TF, 0, length + 4, length, context_id, _COMMAND | _LAST) + command


class PendingResponses:
    """Makes the PDUs of each Pending response of one query.

    `maximum_length` is what the peer announced as its longest P-DATA (0: no limit).
    """

    def __init__(
        self,
        *,
        context_id: int,
        message_id: int,
        sop_class_uid: str,
        maximum_length: int,
        status: int = PENDING,
    ) -> None:
        self._context_id = context_id
        self._most = max(maximum_length, SMALLEST_PDU) - _PDV_OVERHEAD if maximum_length else 0
        self._command = self._fragments(_command_set(message_id, sop_class_uid, status), _COMMAND)

    def pdus(self, data_set: bytes) -> bytes:
        """Give the PDUs of one response, command set first; neither shares a PDU."""
        return self._command + self._fragments(data_set, _DATA_SET)

    def _fragments(self, data: bytes, kind: int) -> bytes:
        if not self._most or len(data) <= self._most:
            return self._pdu(data, kind | _LAST)
        starts = range(0, len(data), self._most)
        parts = [data[start : start + self._most] for start in starts]
        whole = [self._pdu(part, kind) for part in parts[:-1]]
        return b"".join([*whole, self._pdu(parts[-1], kind | _LAST)])

    def _pdu(self, fragment: bytes, control: int) -> bytes:
        length = len(fragment) + 2
        return _PDU(_P_DATA_TF, 0, length + 4, length, self._context_id, control) + fragment


def _command_set(message_id: int, sop_class_uid: str, status: int) -> bytes:
    """Write C-FIND-RSP's command set: always Implicit VR Little Endian."""
    uid = sop_class_uid.encode("ascii")
    if len(uid) & 1:
        uid += b"\0"
    elements = b"".join(
        [
            _ELEMENT(0x0000, 0x0002, len(uid)) + uid,
            _US(0x0000, 0x0100, 2, _C_FIND_RSP),
            _US(0x0000, 0x0120, 2, message_id),
            _US(0x0000, 0x0800, 2, _DATA_SET_PRESENT),
            _US(0x0000, 0x0900, 2, status),
        ]
    )
    return _UL(0x0000, 0x0000, 4, len(elements)) + elements
