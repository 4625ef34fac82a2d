"""PDUs written by hand (PS3.8 9.3): what no library would send."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.dsutils import decode, encode

CT = "1.2.840.10008.5.1.4.1.1.2"
CONTEXT = 1
COMMAND, LAST = 0x01, 0x02
ACCEPTED, REJECTED, P_DATA, RELEASED, ABORT = 2, 3, 4, 6, 7


def pdu(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBL", kind, 0, len(content)) + content


def item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(content)) + content


def associate_request(
    abstract_syntax: str = CT,
    transfer_syntax: str = ImplicitVRLittleEndian,
    *,
    called: str = "BRIDGE",
    calling: str = "CT01",
    maximum_length: int = 16_384,
    application_context: str = "1.2.840.10008.3.1.1.1",
) -> bytes:
    """A-ASSOCIATE-RQ with one presentation context."""
    context = struct.pack(">BBBB", CONTEXT, 0, 0, 0)
    context += item(0x30, abstract_syntax.encode()) + item(0x40, transfer_syntax.encode())
    user = item(0x51, struct.pack(">L", maximum_length)) + item(0x52, b"1.2.3")
    titles = called.encode().ljust(16) + calling.encode().ljust(16)
    items = item(0x10, application_context.encode()) + item(0x20, context) + item(0x50, user)
    return pdu(1, struct.pack(">HH", 1, 0) + titles + b"\0" * 32 + items)


def p_data(content: bytes, control: int, context: int = CONTEXT) -> bytes:
    """P-DATA-TF with one presentation data value."""
    return pdu(4, struct.pack(">LBB", len(content) + 2, context, control) + content)


def command(**elements: object) -> bytes:
    """A command set as it is written."""
    said = Dataset()
    for keyword, value in elements.items():
        setattr(said, keyword, value)
    written = encode(said, True, True) or b""
    return struct.pack("<HHLL", 0, 0, 4, len(written)) + written


def store_request(**changed: object) -> bytes:
    """The command set of a C-STORE; None leaves an element out."""
    said: dict[str, object] = {
        "AffectedSOPClassUID": CT,
        "CommandField": 0x0001,
        "MessageID": 7,
        "Priority": 0,
        "CommandDataSetType": 1,
        "AffectedSOPInstanceUID": "1.2.3.4",
        **changed,
    }
    return command(**{keyword: value for keyword, value in said.items() if value is not None})


def read_pdu(connection: socket.socket) -> tuple[int, bytes]:
    """The next PDU's type and content; type 0 at the end of the connection."""
    head = _exactly(connection, 6)
    if len(head) < 6:
        return 0, b""
    kind, _, length = struct.unpack(">BBL", head)
    return kind, _exactly(connection, length)


def _exactly(connection: socket.socket, length: int) -> bytes:
    content = b""
    while len(content) < length:
        try:
            more = connection.recv(length - len(content))
        except ConnectionResetError:
            more = b""
        if not more:
            break
        content += more
    return content


def response_in(content: bytes) -> Dataset:
    """The command set in a P-DATA."""
    return decode(BytesIO(content[6:]), True, True)


@contextmanager
def connected(port: int, opening: bytes = b"") -> Iterator[socket.socket]:
    """A connection on which something was said already."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(opening)
        yield connection


@contextmanager
def associated_by_hand(port: int, request: bytes | None = None) -> Iterator[socket.socket]:
    """A connection on which an association was accepted."""
    with connected(port, request or associate_request()) as connection:
        kind, _ = read_pdu(connection)
        assert kind == ACCEPTED
        yield connection
