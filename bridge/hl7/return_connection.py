"""Application acknowledgements on a connection of our own (HL7 v2.5.1 2.9.3.3): one destination.

The sender of the original message listens there. Its accept acknowledgement says that it has ours.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Final

from bridge.domain.delivery import Delivery, EventKind, RetryPolicy, Sent, TransportError
from bridge.domain.errors import BridgeError
from bridge.hl7.acknowledgement import AcknowledgementCode, parse
from bridge.hl7.answering import application_part
from bridge.hl7.er7 import read
from bridge.hl7.errors import LinkError
from bridge.hl7.persistent_connection import Address, PersistentConnection

_ACCEPTED: Final = frozenset({AcknowledgementCode.CA, AcknowledgementCode.AA})
_REFUSED_FOR_GOOD: Final = frozenset({AcknowledgementCode.CR, AcknowledgementCode.AE})


class ReturnConnection:
    """Implements `services.deliver.Destination` for what was answered to a message."""

    def __init__(self, *, name: str, host: str, port: int, timeout: float, waits: bool) -> None:
        """`timeout` is the longest wait for an answer, in seconds.

        `waits` is false for senders that never answer there: what is written is delivered.
        """
        self.name = name
        self.retry = RetryPolicy(attempts=20)
        self._waits = waits
        self._connection = PersistentConnection(Address(host=host, port=port, timeout=timeout))
        self._lock = threading.Lock()

    def accepts(self, kind: EventKind) -> bool:
        """Acknowledgements, and nothing else."""
        return kind is EventKind.ACKNOWLEDGEMENT

    def send(self, _delivery: Delivery, said: bytes, /) -> Sent:
        """Send the application acknowledgement among what was said; the same each time.

        Raises:
            TransportError: the sender does not have it, as far as we know.
        """
        payload = application_part(said)
        with self._lock:
            try:
                answer = self._exchange(payload)
            except LinkError as error:
                raise TransportError(
                    error.message,
                    permanent=False,
                    unreachable=error.unreachable,
                    request=payload,
                ) from error
        if self._waits:
            _check(payload, answer)
        return Sent(request=payload, response=answer)

    def check(self, patience: float) -> str:
        """Who is there, in words. Raises LinkError when nobody is within `patience` seconds."""
        address = replace(self._connection.address, timeout=patience)
        address.connect().close()
        return f"a connection is taken at {address.host}:{address.port}"

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def _exchange(self, payload: bytes) -> bytes:
        if not self._waits:
            self._connection.write(payload)
            return b""
        control_id = read(payload).control_id
        return self._connection.exchange(payload, lambda answer: _answers(answer, control_id))


def _answers(answer: bytes, control_id: str) -> bool:
    """Whether an answer is about our message: one that comes late is about an earlier one."""
    try:
        return parse(answer).control_id in (control_id, "")
    except BridgeError:
        return True  # no acknowledgement at all: not to be waited past


def _check(payload: bytes, answer: bytes) -> None:
    try:
        code = parse(answer).acknowledgement.code
    except BridgeError as error:
        raise TransportError(
            "the answer is no acknowledgement", permanent=False, request=payload, response=answer
        ) from error
    if code not in _ACCEPTED:
        raise TransportError(
            f"the acknowledgement was answered with {code}",
            permanent=code in _REFUSED_FOR_GOOD,
            request=payload,
            response=answer,
        )
