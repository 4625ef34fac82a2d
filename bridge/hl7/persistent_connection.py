"""A connection to a receiver of HL7 v2 that is kept open, and made anew when it is no more."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from bridge.hl7.errors import LinkError
from bridge.hl7.mllp_client import DEFAULT_TIMEOUT, MllpClient

IsAnswer = Callable[[bytes], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a receiver listens, and how patient we are with it; times in seconds.

    `timeout` is the longest wait for an answer, `connect_timeout` for a connection. `tls` encrypts,
    the certificate must be for `server_name`, else for `host`.
    """

    host: str
    port: int
    timeout: float = DEFAULT_TIMEOUT
    connect_timeout: float | None = None
    tls: ssl.SSLContext | None = None
    server_name: str = ""

    def connect(self) -> MllpClient:
        """Open a connection. Raises LinkError when nobody is there."""
        return MllpClient(
            self.host,
            self.port,
            self.timeout,
            connect_timeout=self.connect_timeout,
            tls=self.tls,
            server_name=self.server_name,
        )


class PersistentConnection:
    """One exchange at a time, by one thread at a time.

    After whatever went wrong the connection is given up: an answer that comes late finds nobody,
    and can never be taken for that to the next message.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._client: MllpClient | None = None

    def open(self) -> bool:
        """Have a connection that works as far as anybody can tell; say whether it was kept.

        Raises:
            LinkError: nobody is there (`unreachable`).
        """
        if self._client is not None:
            try:
                self._client.settle()
            except LinkError:
                self.close()
            else:
                return True
        self._client = self.address.connect()
        return False

    def exchange(self, payload: bytes, is_answer: IsAnswer) -> bytes:
        """Send one message and return its answer; frames that are none, by `is_answer`, pass by.

        A connection that was kept may be dead without our knowing: when it breaks under a message,
        that is sent once more on a new one, in the same bytes.

        Raises:
            LinkError: there is no answer.
        """
        deadline = time.monotonic() + self.address.timeout
        kept = self.open()
        try:
            return self._exchange(payload, is_answer, deadline)
        except LinkError as error:
            if error.silent or not kept:
                raise
        self.open()
        return self._exchange(payload, is_answer, time.monotonic() + self.address.timeout)

    def await_answer(self, is_answer: IsAnswer) -> bytes:
        """The next answer to what was sent last. Raises LinkError when there is none."""
        if self._client is None:
            raise LinkError("there is no connection to be answered on")
        try:
            return self._client.await_answer(is_answer)
        except LinkError:
            self.close()
            raise

    def write(self, payload: bytes) -> None:
        """Send one message and wait for nothing; once more on a new connection if that breaks.

        Raises:
            LinkError: it could not be sent.
        """
        kept = self.open()
        try:
            self._write(payload)
        except LinkError as error:
            if error.silent or not kept:
                raise
            self.open()
            self._write(payload)

    def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _exchange(self, payload: bytes, is_answer: IsAnswer, deadline: float) -> bytes:
        assert self._client is not None  # noqa: S101 - it was opened
        try:
            self._client.write(payload)
            return self._client.await_answer(is_answer, deadline)
        except LinkError:
            self.close()
            raise

    def _write(self, payload: bytes) -> None:
        assert self._client is not None  # noqa: S101 - it was opened
        try:
            self._client.write(payload)
        except LinkError:
            self.close()
            raise
