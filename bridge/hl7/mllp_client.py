"""MLLP client: one message out, its acknowledgement back."""

from __future__ import annotations

import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from bridge.hl7.errors import LinkError
from bridge.hl7.framing import Frame, FrameReader, Junk, Oversize, frame

DEFAULT_TIMEOUT: Final = 30.0
_CHUNK: Final = 65536
_AT_ONCE: Final = 0.001
# A receiver whose machine died keeps a connection "open" for hours, unless somebody asks.
_KEEP_ALIVE: Final = (
    ("TCP_KEEPIDLE", 60),
    ("TCP_KEEPINTVL", 15),
    ("TCP_KEEPCNT", 4),
)


class MllpClient:
    """A connection on which messages are sent one at a time, each waiting for its answer."""

    def __init__(
        self,
        host: str,
        port: int,
        timeout: float = DEFAULT_TIMEOUT,
        *,
        connect_timeout: float | None = None,
        tls: ssl.SSLContext | None = None,
        server_name: str = "",
    ) -> None:
        """Connect, within `timeout` seconds, which is also how long an answer may take.

        `tls` encrypts; the receiver's certificate must be for `server_name`, else for `host`.

        Raises:
            LinkError: nobody answers there, or nobody whose certificate will do.
        """
        self._timeout = timeout
        self._reader = FrameReader()
        self._answers: deque[bytes] = deque()
        self._odd = ""
        try:
            self._socket = socket.create_connection((host, port), connect_timeout or timeout)
        except OSError as error:
            reason = f"cannot connect to {host}:{port}: {error}"
            raise LinkError(reason, unreachable=True) from error
        try:
            self._prepare(tls, server_name or host)
        except OSError as error:
            self._socket.close()
            reason = f"no TLS with {host}:{port}: {error}"
            raise LinkError(reason, unreachable=True) from error

    def _prepare(self, tls: ssl.SSLContext | None, name: str) -> None:
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEP_ALIVE:
            if hasattr(socket, option):
                self._socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname=name)

    def settle(self) -> None:
        """Let go of what came since the last exchange: it cannot answer what is still to be sent.

        Raises:
            LinkError: the peer has hung up meanwhile.
        """
        self._socket.setblocking(False)
        try:
            while data := self._socket.recv(_CHUNK):
                self._reader.feed(data)
        except (BlockingIOError, ssl.SSLWantReadError):
            if self._reader.inside:  # the rest of it would be taken for an answer
                raise LinkError("the peer began to say something that nobody asked for") from None
            self._answers.clear()
            return
        except OSError as error:
            raise LinkError(f"the connection is no more: {error}") from error
        raise LinkError("the peer has closed the connection")

    def linger(self, seconds: float) -> None:
        """Wait whether the peer hangs up again: who does not want us may say so only then.

        Raises:
            LinkError: it does, within so many seconds.
        """
        self._socket.settimeout(seconds)
        try:
            if self._socket.recv(_CHUNK):
                return
        except TimeoutError:
            return
        except OSError as error:
            raise LinkError(f"the peer hung up at once: {error}") from error
        raise LinkError("the peer hung up at once")

    def write(self, payload: bytes) -> None:
        """Send one message and wait for nothing.

        Raises:
            LinkError: the connection is no more, or the peer takes nothing in.
        """
        try:
            self._socket.settimeout(self._timeout)
            self._socket.sendall(frame(payload))
        except TimeoutError as error:
            raise LinkError(f"cannot send: {error}", silent=True) from error
        except OSError as error:
            raise LinkError(f"cannot send: {error}") from error

    def exchange(
        self, payload: bytes, is_answer: Callable[[bytes], bool] = lambda _payload: True
    ) -> bytes:
        """Send one message and return the answer, both without framing; see `await_answer`."""
        deadline = time.monotonic() + self._timeout
        self.write(payload)
        return self.await_answer(is_answer, deadline)

    def await_answer(
        self, is_answer: Callable[[bytes], bool], deadline: float | None = None
    ) -> bytes:
        """Return the next answer, without framing; `deadline` is a time of the monotonic clock.

        Frames that are not its answer, by `is_answer`, are passed over: late ones to earlier ones.

        Raises:
            LinkError: the answer did not come in time, or the connection ended first. Whether the
                message was processed is not known: it may be sent again with the same MSH-10.
        """
        deadline = time.monotonic() + self._timeout if deadline is None else deadline
        self._odd = ""
        try:
            while True:
                while not self._answers:
                    self._receive(deadline - time.monotonic())
                answer = self._answers.popleft()
                if is_answer(answer):
                    return answer
                self._odd = self._odd or "what came answers another message"
        except TimeoutError as error:
            raise LinkError(f"no answer: {self._said(error)}", silent=True) from error
        except OSError as error:
            raise LinkError(f"no answer: {self._said(error)}") from error

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
        try:
            self._socket.settimeout(max(remaining, 0.0) or _AT_ONCE)
            data = self._socket.recv(_CHUNK)
        except TimeoutError:
            raise TimeoutError(f"none came within {self._timeout:g} s") from None
        if not data:
            raise ConnectionError("the peer closed the connection")
        for event in self._reader.feed(data):
            if isinstance(event, Frame):
                self._answers.append(event.payload)
            elif isinstance(event, Oversize):
                self._odd = f"a frame of {event.size} bytes came"
            elif isinstance(event, Junk):
                self._odd = f"{event.size} bytes came outside of any MLLP frame"
        if not self._answers and self._reader.junk:
            self._odd = f"{self._reader.junk} bytes came outside of any MLLP frame"

    def _said(self, error: Exception) -> str:
        return f"{self._odd}; {error}" if self._odd else str(error)


def send(host: str, port: int, payload: bytes, timeout: float = DEFAULT_TIMEOUT) -> bytes:
    """Send one message on a connection of its own and return the answer; see `MllpClient`."""
    with MllpClient(host, port, timeout) as client:
        return client.exchange(payload)
