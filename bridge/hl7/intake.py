"""The HL7 edge: bytes of one frame in, the answers out, after everything is committed.

What cannot be read or applied is answered in HL7's own terms (STANDARDS 8.1, 8.2) and journaled;
no message, however broken, takes anything down but itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, Protocol

from bridge.domain.delivery import EventKind
from bridge.domain.errors import BridgeError
from bridge.domain.events import Event, Noted
from bridge.domain.journal import Disposition
from bridge.hl7.acknowledgement import parse
from bridge.hl7.answering import USUAL_POLICY, Answering, AnswerPolicy
from bridge.hl7.batch import Batch, split
from bridge.hl7.batch_response import write_batch
from bridge.hl7.characters import UTF_8
from bridge.hl7.er7 import Message, read
from bridge.hl7.errors import HeaderMissing
from bridge.hl7.links import Peer
from bridge.hl7.messages import read_message, type_of
from bridge.hl7.reading import Sender
from bridge.services.deliver_acknowledgement import subject_of
from bridge.services.receive_message import InboundMessage, Receipt, Reply, Then
from bridge.services.transaction import Transaction

_LOG: Final = logging.getLogger(__name__)
_NO_MESSAGE: Final = "the batch holds no message"


class Messages(Protocol):
    """The use case behind this edge (services.receive_message)."""

    def receive(
        self,
        message: InboundMessage,
        events: Sequence[Event],
        reply: Reply,
        then: Then | None = None,
    ) -> bytes:
        """Apply the events, all or none, and return the reply once committed."""

    def refuse(
        self,
        message: InboundMessage,
        error: BridgeError,
        reply: Reply,
        events: Sequence[Event] = (),
        then: Then | None = None,
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
        encoding_default: str | None = None,
        policy: AnswerPolicy = USUAL_POLICY,
    ) -> None:
        """Take what is known of the sender.

        `sender` is asked for each message, since profiles change; `clock` gives Unix time in
        seconds; `encoding_override` is the character set believed before MSH-18, and
        `encoding_default` the one for text of which MSH-18 says nothing; `policy` says how the
        sender wants to be answered.
        """
        self._current = sender
        self._messages = messages
        self._clock = clock
        self._read = partial(
            read, encoding_override=encoding_override, fallback=encoding_default or UTF_8
        )
        self._policy = policy
        self._answering = Answering(policy, clock, lambda: self._sender.site.zone)

    @property
    def _sender(self) -> Sender:
        return self._current()

    def handle(self, raw: bytes, peer: Peer) -> list[bytes]:
        """Answer one payload; never raises. Returns what goes back at once, one item a frame.

        A batch is answered by the answers to all its messages: one after the other, or in a batch.
        """
        batch = split(raw)
        if not batch.messages:
            return self._handle_empty(batch, raw, peer)
        if len(batch.messages) == 1 and not batch.is_wrapped:
            return self._handle_one(batch.messages[0], peer, batch.warnings)
        answers = [self._handle_one(message, peer, batch.warnings) for message in batch.messages]
        if self._policy.batch_responses and batch.is_wrapped and any(answers):
            return [write_batch(batch, answers, self._answering.heading().now)]
        return [part for answer in answers for part in answer]

    def refuse(self, raw: bytes, error: BridgeError, peer: Peer) -> list[bytes]:
        """Journal and answer what the link could not take, of which `raw` is the beginning."""
        try:
            message = self._read(raw)
        except BridgeError:
            message = None
        return self._refuse(message, raw, peer, error)

    def _handle_empty(self, batch: Batch, raw: bytes, peer: Peer) -> list[bytes]:
        """A batch of nothing is fine with who gets a batch of no answers; nobody else asked."""
        if not (self._policy.batch_responses and batch.is_wrapped) or batch.warnings:
            error = HeaderMissing(_NO_MESSAGE, location="MSH^1")
            return self._refuse(None, raw, peer, error)
        inbound = replace(self._inbound(None, raw, peer, ()), type="BHS")
        answer = write_batch(batch, (), self._answering.heading().now)
        try:
            noted = (Noted(reason=_NO_MESSAGE),)
            return [self._messages.receive(inbound, noted, lambda _receipt: answer)]
        except Exception as error:
            return self._break_down(error, raw, peer, None)

    def _handle_one(self, raw: bytes, peer: Peer, warnings: tuple[str, ...]) -> list[bytes]:
        message = None
        try:
            message = self._read(raw)
            said = self._apply(message, raw, peer, warnings)
        except BridgeError as error:
            return self._refuse(message, raw, peer, error, warnings)
        except Exception as error:
            return self._break_down(error, raw, peer, message)
        return self._answering.sent_now(said)

    def _apply(self, message: Message, raw: bytes, peer: Peer, warnings: tuple[str, ...]) -> bytes:
        self._policy.check(message)
        reading = read_message(message, self._sender)
        inbound = self._inbound(message, raw, peer, (*warnings, *message.warnings))
        untold = (*inbound.warnings, *reading.remarks)
        inbound = replace(inbound, warnings=(*untold, *reading.warnings))
        reply = self._replier(message, untold)
        return self._messages.receive(inbound, reading.events, reply, self._then())

    def _refuse(
        self,
        message: Message | None,
        raw: bytes,
        peer: Peer,
        error: BridgeError,
        warnings: tuple[str, ...] = (),
    ) -> list[bytes]:
        found = message.warnings if message else ()
        try:
            inbound = self._inbound(message, raw, peer, (*warnings, *found))
            said = self._messages.refuse(inbound, error, self._replier(message), then=self._then())
            return self._answering.sent_now(said)
        except Exception as failure:
            return self._break_down(failure, raw, peer, message)

    def _break_down(
        self, failure: Exception, raw: bytes, peer: Peer, message: Message | None
    ) -> list[bytes]:
        """Something that nobody foresaw: the sender is told to try again, the log tells us."""
        if not isinstance(failure, BridgeError):
            _LOG.error("hl7 message failed listener=%s", peer.listener, exc_info=failure)
            failure = BridgeError("the message could not be processed", permanent=False)
        reply = self._replier(message)
        try:
            inbound = self._inbound(message, raw, peer, ())
            said = self._messages.refuse(inbound, failure, reply, then=self._then())
        except Exception as further:
            _LOG.error("hl7 message not journaled listener=%s", peer.listener, exc_info=further)
            said = reply(Receipt(disposition=Disposition.REFUSED, error=failure))
        return self._answering.sent_now(said)

    def _then(self) -> Then | None:
        return partial(self._queue, self._policy.returns_to) if self._policy.returns_to else None

    def _queue(self, destination: str, tx: Transaction, pk: int, said: bytes) -> None:
        """Have the application acknowledgement sent on a connection of our own."""
        if returned := self._answering.returned(said):
            kind, answered = EventKind.ACKNOWLEDGEMENT, parse(returned).control_id
            tx.deliveries.enqueue(destination, subject_of(pk), kind, answered, self._clock())

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
            control=sender.profile.control_table,
        )

    def _replier(
        self, message: Message | None, untold: tuple[str, ...] = ()
    ) -> Callable[[Receipt], bytes]:
        """How to answer; `untold` warnings are about form and of no use to the sender."""
        return lambda receipt: self._answering.write(message, receipt, untold)


def source_of(message: Message) -> str:
    """Sending application and facility, `KIS|HAUS`: control IDs are unique within it."""
    header = message.header
    return f"{header.text(3)}|{header.text(4)}"
