"""A raw MLLP socket, to send what no well-behaved client would: split, pipelined and
unterminated frames.
"""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

START, END, RETURN = b"\x0b", b"\x1c", b"\r"


def frame(content: bytes) -> bytes:
    """Put a message into its frame (HL7 v2 Appendix C, MLLP release 1)."""
    return START + content + END + RETURN


class MllpSocket:
    """One connection."""

    def __init__(self, port: int, seconds: float = 30.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def write(self, content: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(content)

    def read(self) -> bytes | None:
        """Give the next frame's content, or None when the bridge has closed the connection."""
        while END + RETURN not in self._received:
            chunk = self._socket.recv(65536)
            if not chunk:
                return None
            self._received += chunk
        content, self._received = self._received.split(END + RETURN, 1)
        return content.partition(START)[2]

    def exchange(self, content: bytes) -> bytes | None:
        """Send one message in a frame and give the answer."""
        self.write(frame(content))
        return self.read()
