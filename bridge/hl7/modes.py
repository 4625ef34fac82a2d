"""Acknowledgement modes (HL7 v2.5.1 2.9.2, 2.9.3): which answers a message gets, in which stage.

Original mode has one stage, the application's. Enhanced mode, which MSH-15 or MSH-16 asks for,
has an accept stage before it: the message is in safe hands, or it is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Final

from bridge.domain.errors import BridgeError, UnsupportedMessage
from bridge.hl7.acknowledgement import Acknowledgement, AcknowledgementCode
from bridge.hl7.errors import Er7Error
from bridge.hl7.segments import Message

_AA, _AE, _AR = AcknowledgementCode.AA, AcknowledgementCode.AE, AcknowledgementCode.AR
_CA, _CE, _CR = AcknowledgementCode.CA, AcknowledgementCode.CE, AcknowledgementCode.CR


class Condition(StrEnum):
    """Table 0155: when an acknowledgement is wanted."""

    ALWAYS = "AL"
    NEVER = "NE"
    ERROR = "ER"
    SUCCESS = "SU"

    def holds(self, success: bool) -> bool:
        """Whether it asks for the acknowledgement of a success, or of a failure."""
        return self is Condition.ALWAYS or self is (
            Condition.SUCCESS if success else Condition.ERROR
        )


@dataclass(frozen=True, slots=True)
class Mode:
    """What a sender asked for: `enhanced` when either field was valued."""

    enhanced: bool
    accept: Condition = Condition.NEVER
    application: Condition = Condition.ALWAYS


_ACKNOWLEDGEMENTS: Final = frozenset({"ACK", "MCF"})
ORIGINAL: Final = Mode(enhanced=False)


class Refusal(Enum):
    """Why a message was not accepted, as far as it decides the code."""

    PERMANENT = auto()
    TRANSIENT = auto()
    UNSUPPORTED = auto()
    UNREADABLE = auto()


@dataclass(frozen=True, slots=True)
class Stages:
    """The answers to one message; None is silence, as the sender asked for."""

    accept: Acknowledgement | None = None
    application: Acknowledgement | None = None


# v2.5.1 2.9.2: AE for an error of the content, AR when it is the moment or the kind of message.
USUAL_CODES: Final[Mapping[Refusal, AcknowledgementCode]] = {
    Refusal.PERMANENT: _AE,
    Refusal.TRANSIENT: _AR,
    Refusal.UNSUPPORTED: _AR,
    Refusal.UNREADABLE: _AR,
}


def is_acknowledgement(message: Message) -> bool:
    """Whether a message is itself a general acknowledgement."""
    return message.message_code in _ACKNOWLEDGEMENTS


def mode_of(message: Message) -> Mode:
    """Read MSH-15 and MSH-16; when one alone is valued, the other is never (2.14.9.15).

    Both or neither should be: who says NE in one of them and nothing in the other has not asked to
    be told nothing, and is answered in original mode. A value outside table 0155 asks for
    something: it always gets it. Acknowledgements themselves
    are acknowledged only by who asks for that, and by no application: or two systems would thank
    each other for ever.
    """
    accept, application = message.header.field(15), message.header.field(16)
    if is_acknowledgement(message):
        return Mode(True, _condition(accept), Condition.NEVER)
    if {accept, application} <= {"", "NE"} and "" in (accept, application):
        return ORIGINAL
    return Mode(True, _condition(accept), _condition(application))


def _condition(value: str) -> Condition:
    if not value:
        return Condition.NEVER
    try:
        return Condition(value.strip().upper())
    except ValueError:
        return Condition.ALWAYS


def refusal_of(error: BridgeError) -> Refusal:
    """The kind of refusal an error stands for."""
    if isinstance(error, UnsupportedMessage):
        return Refusal.UNSUPPORTED
    if isinstance(error, Er7Error):
        return Refusal.UNREADABLE
    return Refusal.PERMANENT if error.permanent else Refusal.TRANSIENT


def stages(ack: Acknowledgement, refusal: Refusal | None, mode: Mode) -> Stages:
    """Deal an acknowledgement out to the stages that a sender asked for.

    An error of the content is the application's to tell: the message was accepted (CA). Who did
    not ask the application is told by the accept stage (CE), or would never know. What is of no
    type we take is CR; what may come again is CE, since nothing of it was kept.
    """
    if not mode.enhanced:
        return Stages(application=ack)
    application = ack if mode.application.holds(refusal is None) else None
    if refusal is None or (refusal is Refusal.PERMANENT and application is not None):
        accept = Acknowledgement(_CA) if mode.accept.holds(success=True) else None
        if application is None and accept is not None:
            accept = Acknowledgement(_CA, ack.errors)  # warnings have no other way
        return Stages(accept, application)
    if mode.accept.holds(success=False):
        code = _CR if refusal is Refusal.UNSUPPORTED else _CE
        return Stages(accept=Acknowledgement(code, ack.errors, ack.text))
    return Stages(application=application)
