"""How a link answers: which stages, which codes, which kind of message, in one payload or several.

What is answered to one message is kept as one run of bytes, in the order of sending: an accept
acknowledgement, then an application acknowledgement, or one of them, or nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Final

from bridge.domain.errors import BridgeError, together
from bridge.hl7 import versions
from bridge.hl7.acknowledgement import (
    AckError,
    Acknowledgement,
    AcknowledgementCode,
    Severity,
)
from bridge.hl7.answer_writer import Heading, encode
from bridge.hl7.batch import split
from bridge.hl7.er7 import read
from bridge.hl7.errors import UnsupportedProcessingId, UnsupportedVersion
from bridge.hl7.modes import (
    ORIGINAL,
    USUAL_CODES,
    Mode,
    Refusal,
    is_acknowledgement,
    mode_of,
    refusal_of,
    stages,
)
from bridge.hl7.order_response import response_type, write_orders
from bridge.hl7.segments import Message
from bridge.services.receive_message import Receipt

_MOST_ERRORS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPolicy:
    """How one link answers.

    `enhanced` heeds MSH-15 and MSH-16. `returns_to` names the connection of our own that takes
    application acknowledgements, empty for the connection the message came by; `asks_accept` asks
    the sender to acknowledge those. `processing_ids` are the ones taken, all when empty. `codes`
    are those of refusals, for senders who do the wrong thing with one of them.
    """

    enhanced: bool = True
    returns_to: str = ""
    asks_accept: bool = True
    order_responses: bool = False
    batch_responses: bool = False
    processing_ids: frozenset[str] = frozenset()
    refuses_unknown_versions: bool = False
    codes: Mapping[Refusal, AcknowledgementCode] = field(default_factory=lambda: USUAL_CODES)

    def check(self, message: Message) -> None:
        """Raise what keeps a message from being taken at all (table 0357: 202, 203), all of it."""
        errors = list(self._objections(message))
        if errors:
            raise together(errors)

    def _objections(self, message: Message) -> Iterator[BridgeError]:
        processing_id = message.header.field(11)
        if self.processing_ids and processing_id and processing_id not in self.processing_ids:
            yield UnsupportedProcessingId(
                "messages of this processing ID are not taken here", location="MSH^1^11^1^1"
            )
        if self.refuses_unknown_versions and not versions.is_known(message.version):
            yield UnsupportedVersion("there is no such version", location="MSH^1^12^1^1")


USUAL_POLICY: Final = AnswerPolicy()


class Answering:
    """Writes the answers of one link."""

    def __init__(
        self, policy: AnswerPolicy, clock: Callable[[], float], zone: Callable[[], tzinfo]
    ) -> None:
        """`clock` gives Unix time in seconds, `zone` the time zone that MSH-7 is written in."""
        self.policy = policy
        self._clock = clock
        self._zone = zone

    def write(
        self, message: Message | None, receipt: Receipt, untold: tuple[str, ...] = ()
    ) -> bytes:
        """All that is answered to a message; `untold` warnings are of no use to its sender."""
        ack, refusal = self.acknowledge(receipt, untold)
        if message is None:
            return encode(ack, None, self.heading())
        ack = _without_warnings(message, ack)
        mode = self._mode(message)
        dealt = stages(ack, refusal, mode)
        said = b""
        if dealt.accept is not None:
            said = encode(dealt.accept, message, self.heading())
        if dealt.application is not None:
            said += self._write_application(message, dealt.application, receipt, refusal, mode)
        return said

    def acknowledge(
        self, receipt: Receipt, untold: tuple[str, ...] = ()
    ) -> tuple[Acknowledgement, Refusal | None]:
        """What became of a message in a code; warnings of values ride on an AA."""
        if receipt.error is None:
            told = [warning for warning in receipt.warnings if warning not in untold]
            warnings = tuple(map(_warn, told[:_MOST_ERRORS]))
            return Acknowledgement(AcknowledgementCode.AA, warnings), None
        errors = (receipt.error, *receipt.error.further)[:_MOST_ERRORS]
        refusal = refusal_of(receipt.error)
        described = tuple(map(AckError.from_error, errors))
        return Acknowledgement(self.policy.codes[refusal], described, errors[0].message), refusal

    def sent_now(self, said: bytes) -> list[bytes]:
        """The parts of an answer that go back on the connection the message came by."""
        return [part for part in _parts(said) if not (self.policy.returns_to and _returns(part))]

    def returned(self, said: bytes) -> bytes:
        """The part of an answer that goes back on a connection of our own, if any."""
        return application_part(said) if self.policy.returns_to else b""

    def heading(self, message_type: str = "") -> Heading:
        """An MSH of this moment."""
        now = datetime.fromtimestamp(self._clock(), self._zone())
        control_id = secrets.token_hex(10).upper()
        return Heading(now=now, control_id=control_id, message_type=message_type)

    def _mode(self, message: Message) -> Mode:
        heeded = self.policy.enhanced or is_acknowledgement(message)
        return mode_of(message) if heeded else ORIGINAL

    def _write_application(
        self,
        message: Message,
        ack: Acknowledgement,
        receipt: Receipt,
        refusal: Refusal | None,
        mode: Mode,
    ) -> bytes:
        wanted = self.policy.order_responses and refusal in (None, Refusal.PERMANENT)
        kind = response_type(message) if wanted else ""
        heading = self.heading(kind)
        if mode.enhanced:
            asks = "AL" if self.policy.returns_to and self.policy.asks_accept else "NE"
            heading = replace(heading, accept=asks, application="NE")
        if not kind:
            return encode(ack, message, heading)
        return encode(ack, message, heading, segments=write_orders(message, receipt))


def application_part(said: bytes) -> bytes:
    """The acknowledgement of enhanced mode's application stage; empty when there is none."""
    return next(filter(_returns, _parts(said)), b"")


def _returns(part: bytes) -> bool:
    """Whether a part of an answer is of the application stage: that one has MSH-16 (2.9.3.3)."""
    return read(part).header.field(16) != ""


def _parts(said: bytes) -> list[bytes]:
    return [part for part in split(said).messages if part]


def _warn(warning: str) -> AckError:
    location, _, text = warning.rpartition(": ")
    error = BridgeError(text, location=location)
    return replace(AckError.from_error(error, Severity.WARNING), code="0")


def _without_warnings(message: Message, ack: Acknowledgement) -> Acknowledgement:
    """Before v2.5 an ERR has no severity, so that a warning would read as an error."""
    if ack.code is not AcknowledgementCode.AA or not ack.errors:
        return ack
    is_old = versions.number(message.version) < versions.WITH_ERL
    return Acknowledgement(AcknowledgementCode.AA) if is_old else ack
