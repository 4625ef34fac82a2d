"""MLLP client: one message out, its acknowledgement back."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from bridge.hl7.errors import LinkError
from bridge.hl7.framing import Frame, FrameReader, frame

DEFAULT_TIMEOUT: Final = 30.0
_CHUNK: Final = 65536


class MllpClient:
    """A connection on which messages are sent one at a time, each waiting for its answer."""

    def __init__(self, host: str, port: int, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Connect, within `timeout` seconds, which is also how long an answer may take.

        Raises:
            LinkError: nobody answers there.
        """
        self._timeout = timeout
        self._reader = FrameReader()
        self._answers: deque[bytes] = deque()
        try:
            self._socket = socket.create_connection((host, port), timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            reason = f"cannot connect to {host}:{port}: {error}"
            raise LinkError(reason, unreachable=True) from error

    def write(self, payload: bytes) -> None:
        """Send one message and wait for nothing.

        Raises:
            LinkError: the connection is no more.
        """
        try:
            self._socket.settimeout(self._timeout)
            self._socket.sendall(frame(payload))
        except OSError as error:
            raise LinkError(f"cannot send: {error}") from error

    def exchange(
        self, payload: bytes, is_answer: Callable[[bytes], bool] = lambda _payload: True
    ) -> bytes:
        """Send one message and return the answer, both without framing.

        Frames that are not its answer, by `is_answer`, are passed over: late ones to earlier ones.

        Raises:
            LinkError: the answer did not come in time, or the connection ended first. Whether the
                message was processed is not known: it may be sent again with the same MSH-10.
        """
        deadline = time.monotonic() + self._timeout
        self.write(payload)
        try:
            while True:
                while not self._answers:
                    self._receive(deadline - time.monotonic())
                answer = self._answers.popleft()
                if is_answer(answer):
                    return answer
        except TimeoutError as error:
            raise LinkError(f"no answer: {error}", silent=True) from error
        except OSError as error:
            raise LinkError(f"no answer: {error}") from error

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    def _receive(self, remaining: float) -> None:
        if remaining <= 0:
            raise TimeoutError(f"nothing came within {self._timeout} s")
        self._socket.settimeout(remaining)
        data = self._socket.recv(_CHUNK)
        if not data:
            raise ConnectionError("the peer closed the connection")
        frames = (event for event in self._reader.feed(data) if isinstance(event, Frame))
        self._answers.extend(event.payload for event in frames)


def send(host: str, port: int, payload: bytes, timeout: float = DEFAULT_TIMEOUT) -> bytes:
    """Send one message on a connection of its own and return the answer; see `MllpClient`."""
    with MllpClient(host, port, timeout) as client:
        return client.exchange(payload)
