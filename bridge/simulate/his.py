"""A HIS: sends HL7 v2 messages over MLLP and reads their acknowledgements."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_START, _END = b"\x0b", b"\x1c\r"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """MSA of an answer: MSA-1 (AA, AE, AR), MSA-2, and what ERR or MSA-3 say in words."""

    code: str
    control_id: str
    text: str
    raw: bytes


class His:
    """One MLLP connection, with one message in flight (original acknowledgement mode).

    Raises `OSError` when nobody listens, the connection breaks, or no answer comes in `timeout`
    seconds.
    """

    def __init__(self, host: str, port: int, timeout: float = 30.0) -> None:
        self._socket = socket.create_connection((host, port), timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def send(self, message: bytes) -> Acknowledgement:
        """Send one message and wait for its acknowledgement."""
        self._socket.sendall(_START + message + _END)
        return read_acknowledgement(self._frame())

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _frame(self) -> bytes:
        while _END not in self._received:
            arrived = self._socket.recv(65_536)
            if not arrived:
                raise ConnectionError("the connection was closed before an acknowledgement came")
            self._received += arrived
        frame, self._received = self._received.split(_END, 1)
        return frame.removeprefix(_START)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_acknowledgement(raw: bytes) -> Acknowledgement:
    """Read MSA and the texts of ERR; raises `ValueError` when the answer has no MSA."""
    segments = [line.split("|") for line in raw.decode("utf-8", "replace").split("\r")]
    answer = next((s for s in segments if s[0] == "MSA"), None)
    if answer is None:
        raise ValueError("the answer has no MSA segment")
    code, control_id, text = (*answer[1:4], "", "", "")[:3]
    problems = [part for s in segments if s[0] == "ERR" for part in (*s[7:9], *s[2:3]) if part]
    return Acknowledgement(code, control_id, "; ".join(filter(None, [text, *problems])), raw)
