"""The HL7 edge: bytes of one frame in, the acknowledgement out, after everything is committed.

What cannot be read or applied is answered in HL7's own terms (STANDARDS 8.1, 8.2) and journaled;
no message, however broken, takes anything down but itself.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol

from bridge.domain.errors import BridgeError, UnsupportedMessage
from bridge.domain.events import Event
from bridge.hl7.acknowledgement import (
    AckError,
    Acknowledgement,
    AcknowledgementCode,
    Severity,
    encode,
)
from bridge.hl7.batch import split
from bridge.hl7.er7 import Message, read
from bridge.hl7.errors import Er7Error, HeaderMissing
from bridge.hl7.links import Peer
from bridge.hl7.messages import read_message, type_of
from bridge.hl7.reading import Sender
from bridge.services.receive_message import InboundMessage, Receipt

_LOG: Final = logging.getLogger(__name__)
_FIRST_WITH_SEVERITY: Final = "2.5"
_MOST_WARNINGS: Final = 10

_AA, _AE, _AR = AcknowledgementCode.AA, AcknowledgementCode.AE, AcknowledgementCode.AR

# The first kind that an error is of decides; all others are AE when the same message can never
# succeed, and AR when it may be sent again (v2.5.1 2.9.2).
_REJECTED: Final[tuple[type[BridgeError], ...]] = (UnsupportedMessage, Er7Error)

# Enhanced mode (v2.5.1 2.9.3): the accept acknowledgement that stands for the original one.
_ACCEPT: Final = {
    _AA: AcknowledgementCode.CA,
    _AE: AcknowledgementCode.CE,
    _AR: AcknowledgementCode.CR,
}


class Messages(Protocol):
    """The use case behind this edge (services.receive_message)."""

    def receive(
        self, message: InboundMessage, events: Sequence[Event], reply: Callable[[Receipt], bytes]
    ) -> bytes:
        """Apply the events, all or none, and return the reply once committed."""

    def refuse(
        self, message: InboundMessage, error: BridgeError, reply: Callable[[Receipt], bytes]
    ) -> bytes:
        """Journal a message that could not be read, and return the reply."""


class Intake:
    """Reads, applies and answers the messages of one link."""

    def __init__(
        self,
        *,
        sender: Callable[[], Sender],
        messages: Messages,
        clock: Callable[[], float],
        encoding_override: str | None = None,
    ) -> None:
        """Take what is known of the sender.

        `sender` is asked for each message, since profiles change; `clock` gives Unix time in
        seconds; `encoding_override` is the character set believed before MSH-18.
        """
        self._current = sender
        self._messages = messages
        self._clock = clock
        self._encoding_override = encoding_override

    @property
    def _sender(self) -> Sender:
        return self._current()

    def handle(self, raw: bytes, peer: Peer) -> bytes:
        """Answer one payload; never raises.

        A batch is answered by the acknowledgements of all its messages, one after the other.
        """
        batch = split(raw)
        if not batch.messages:
            error = HeaderMissing("the batch holds no message", location="MSH^1")
            return self._refuse_unread(raw, peer, error)
        return b"".join(
            self._handle_one(message, peer, batch.warnings) for message in batch.messages
        )

    def _handle_one(self, raw: bytes, peer: Peer, warnings: tuple[str, ...]) -> bytes:
        try:
            message = read(raw, encoding_override=self._encoding_override)
        except BridgeError as error:
            return self._refuse_unread(raw, peer, error)
        except Exception as error:
            return self._break_down(error, raw, peer, None)
        try:
            return self._apply(message, raw, peer, warnings)
        except Exception as error:
            return self._break_down(error, raw, peer, message)

    def _apply(self, message: Message, raw: bytes, peer: Peer, warnings: tuple[str, ...]) -> bytes:
        inbound = self._inbound(message, raw, peer, (*warnings, *message.warnings))
        try:
            reading = read_message(message, self._sender)
        except BridgeError as error:
            return self._messages.refuse(inbound, error, self._replier(message))
        untold = (*inbound.warnings, *reading.remarks)
        inbound = replace(inbound, warnings=(*untold, *reading.warnings))
        return self._messages.receive(inbound, reading.events, self._replier(message, untold))

    def _refuse_unread(self, raw: bytes, peer: Peer, error: BridgeError) -> bytes:
        try:
            return self._messages.refuse(
                self._inbound(None, raw, peer, ()), error, self._replier(None)
            )
        except Exception as failure:
            return self._break_down(failure, raw, peer, None)

    def _break_down(
        self, failure: Exception, raw: bytes, peer: Peer, message: Message | None
    ) -> bytes:
        """Something that nobody foresaw: the sender is told to try again, the log tells us."""
        if not isinstance(failure, BridgeError):
            _LOG.error("hl7 message failed listener=%s", peer.listener, exc_info=failure)
            failure = BridgeError("the message could not be processed", permanent=False)
        reply = self._replier(message)
        try:
            return self._messages.refuse(self._inbound(message, raw, peer, ()), failure, reply)
        except Exception as further:
            _LOG.error("hl7 message not journaled listener=%s", peer.listener, exc_info=further)
            return self._answer(message, acknowledge_error(failure))

    def _inbound(
        self, message: Message | None, raw: bytes, peer: Peer, warnings: tuple[str, ...]
    ) -> InboundMessage:
        sender = self._sender
        return InboundMessage(
            protocol="hl7",
            peer=f"{peer.listener} {peer.host}:{peer.port}",
            source=source_of(message) if message else "",
            type=type_of(message) if message else "",
            control_id=message.control_id if message else "",
            raw=raw,
            received_at=self._clock(),
            warnings=warnings,
            mode=sender.mode,
            options=sender.profile.options,
        )

    def _replier(
        self, message: Message | None, untold: tuple[str, ...] = ()
    ) -> Callable[[Receipt], bytes]:
        """How to answer; `untold` warnings are about form and of no use to the sender."""
        return lambda receipt: self._answer(message, acknowledge(receipt, untold))

    def _answer(self, message: Message | None, ack: Acknowledgement) -> bytes:
        if message is not None:
            ack = _in_mode(message, _without_warnings(message, ack))
        now = datetime.fromtimestamp(self._clock(), self._sender.site.zone)
        return encode(ack, message, now=now, control_id=secrets.token_hex(10).upper())


def acknowledge(receipt: Receipt, untold: tuple[str, ...] = ()) -> Acknowledgement:
    """The acknowledgement of what became of a message; warnings of values ride on an AA."""
    if receipt.error is not None:
        return acknowledge_error(receipt.error)
    told = [warning for warning in receipt.warnings if warning not in untold]
    return Acknowledgement(_AA, tuple(map(_warn, told[:_MOST_WARNINGS])))


def _warn(warning: str) -> AckError:
    location, _, text = warning.rpartition(": ")
    error = BridgeError(text, location=location)
    return replace(AckError.from_error(error, Severity.WARNING), code="0")


def acknowledge_error(error: BridgeError) -> Acknowledgement:
    """One error: AE, AR, and where it arose."""
    rejected = isinstance(error, _REJECTED) or not error.permanent
    return Acknowledgement(_AR if rejected else _AE, (AckError.from_error(error),), error.message)


def source_of(message: Message) -> str:
    """Sending application and facility, `KIS|HAUS`: control IDs are unique within it."""
    header = message.header
    return f"{header.text(3)}|{header.text(4)}"


def _without_warnings(message: Message, ack: Acknowledgement) -> Acknowledgement:
    """Before v2.5 an ERR has no severity, so that a warning would read as an error."""
    if ack.code is _AA and ack.errors and message.version < _FIRST_WITH_SEVERITY:
        return Acknowledgement(_AA)
    return ack


def _in_mode(message: Message, ack: Acknowledgement) -> Acknowledgement:
    """Answer a sender who wants the accept acknowledgement only (MSH-15 valued, MSH-16 NE) with it.

    Who asks for an application acknowledgement gets it at once, on the same link.
    """
    wants_accept = message.header.field(15) in ("AL", "SU", "ER")
    if wants_accept and message.header.field(16) == "NE":
        return Acknowledgement(_ACCEPT[ack.code], ack.errors, ack.text)
    return ack
