"""A receiver of HL7 v2 that answers by a script, and keeps what it was sent."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from bridge.hl7.er7 import Message, read
from bridge.hl7.framing import Frame, FrameReader, frame

HOST = "127.0.0.1"

Line = Callable[[socket.socket, Message], None]
"""One move of a script: what is done when a message has come."""


def answer(code: str, *segments: str, control_id: str | None = None, stage: str = "") -> bytes:
    """An acknowledgement that leaves its MSA-2 to be filled in, unless `control_id` says it."""
    header = f"MSH|^~\\&|KIS|HAUS|BRIDGE|HOSP|20260105||ACK|9|P|2.5.1|||{stage}"
    named = "{}" if control_id is None else control_id
    return "\r".join([header, f"MSA|{code}|{named}", *segments, ""]).encode()


def says(*answers: bytes) -> Line:
    """Answer with these, each in a frame of its own."""

    def move(connection: socket.socket, message: Message) -> None:
        for each in answers:
            connection.sendall(frame(each.replace(b"{}", message.control_id.encode())))

    return move


def says_bytes(raw: bytes) -> Line:
    """Answer with bytes that are no frame."""
    return lambda connection, _message: connection.sendall(raw)


def says_nothing(_connection: socket.socket, _message: Message) -> None:
    """Be silent."""


def hangs_up(connection: socket.socket, _message: Message) -> None:
    """Close the connection instead of an answer."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def closes_half(connection: socket.socket, _message: Message) -> None:
    """Send nothing more, and go on reading."""
    connection.shutdown(socket.SHUT_WR)


def drips(content: bytes, pause: float) -> Line:
    """Answer byte by byte."""

    def move(connection: socket.socket, message: Message) -> None:
        with suppress(OSError):
            for byte in frame(content.replace(b"{}", message.control_id.encode())):
                connection.sendall(bytes([byte]))
                time.sleep(pause)

    return move


AA = answer("AA")


class Receiver:
    """Listens on a port of its own until closed; the last line of the script holds for ever."""

    def __init__(
        self,
        script: Sequence[Line] = (),
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.raw: list[bytes] = []
        self.connections = 0
        self._script = list(script) or [says(AA)]
        self._tls = tls
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._server = socket.create_server((HOST, port))
        self.port: int = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def messages(self) -> list[Message]:
        return [read(raw) for raw in self.raw]

    @property
    def control_ids(self) -> list[str]:
        return [each.control_id for each in self.messages]

    def close(self) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        reader = FrameReader()
        with suppress(OSError):
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._open.append(connection)
            while data := connection.recv(65536):
                for event in reader.feed(data):
                    if isinstance(event, Frame):
                        self._hear(connection, event.payload)

    def _hear(self, connection: socket.socket, payload: bytes) -> None:
        with self._lock:
            self.raw.append(payload)
            move = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        move(connection, read(payload))


@contextmanager
def receiver(*script: Line, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver that is closed in the end."""
    made = Receiver(script, port=port, tls=tls)
    try:
        yield made
    finally:
        made.close()
