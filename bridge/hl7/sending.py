"""One message said to a receiver, with all the answers that it asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bridge.domain.delivery import TransportError
from bridge.hl7.acknowledgement import Acknowledgement, AcknowledgementCode, Answer
from bridge.hl7.answer_writer import Heading, encode
from bridge.hl7.er7 import read
from bridge.hl7.errors import LinkError
from bridge.hl7.persistent_connection import PersistentConnection
from bridge.hl7.receiver_answers import (
    USUAL,
    Expected,
    Policy,
    asks_for_acknowledgement,
    check_accepted,
    is_accept_stage,
    parse_answer,
)

_ACCEPT: Final = Acknowledgement(AcknowledgementCode.CA)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """How one receiver is talked to; `heading` makes the MSH of our own acknowledgements."""

    connection: PersistentConnection
    heading: Callable[[], Heading]
    policy: Policy = USUAL

    def open(self, payload: bytes) -> None:
        """See to it that there is a connection before `payload` is said.

        Raises:
            TransportError: nobody is there.
        """
        try:
            self.connection.open()
        except LinkError as error:
            raise _failed(error, payload, b"") from error

    def say(self, payload: bytes) -> bytes:
        """Send one message; returns all that was answered, one message behind the other.

        Raises:
            TransportError: it was refused, or nobody knows whether it was taken.
        """
        expected = Expected.by(read(payload))
        is_answer = expected.is_answer(self.policy)
        try:
            if expected.nothing:
                self.connection.write(payload)
                return b""
            first = self.connection.exchange(payload, is_answer)
        except LinkError as error:
            raise _failed(error, payload, b"") from error
        answer = self._parsed(payload, first)
        check_accepted(payload, first, answer, self.policy)
        # In original mode CA is all that some receivers say; in enhanced mode AA is all that there
        # is when the accept stage was not asked for.
        if not (expected.accept and expected.application and is_accept_stage(answer)):
            return first
        second = self._second(payload, is_answer)
        return first.rstrip(b"\r") + b"\r" + second if second else first

    def _parsed(self, payload: bytes, frame: bytes) -> Answer:
        """Who answers something else has lost the thread: the next message goes elsewhere."""
        try:
            return parse_answer(payload, frame)
        except TransportError:
            self.connection.close()
            raise

    def _second(self, payload: bytes, is_answer: Callable[[bytes], bool]) -> bytes:
        """The application's answer. Accepted (CA) is in safe hands: its silence is no failure."""
        try:
            second = self.connection.await_answer(is_answer)
            answer = parse_answer(payload, second)
            if asks_for_acknowledgement(second):
                self.connection.write(encode(_ACCEPT, read(second), self.heading()))
        except (LinkError, TransportError):
            self.connection.close()
            return b""
        check_accepted(payload, second, answer, self.policy)
        return second


def _failed(error: LinkError, payload: bytes, response: bytes) -> TransportError:
    return TransportError(
        error.message,
        permanent=False,
        unreachable=error.unreachable,
        request=payload,
        response=response,
    )
