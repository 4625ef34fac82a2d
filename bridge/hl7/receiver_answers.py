"""What a receiver's answer means for a message of ours (HL7 v2.5.1 2.9.2, 2.9.3; table 0008).

An answer is to the message whose control ID it names in MSA-2, and to no other. Which stages are
waited for follows from MSH-15 and MSH-16 of the message that was sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from bridge.domain.delivery import TransportError
from bridge.domain.errors import BridgeError
from bridge.hl7.acknowledgement import (
    ERROR_CONDITIONS,
    AckError,
    Acknowledgement,
    AcknowledgementCode,
    Answer,
    Severity,
    parse,
)
from bridge.hl7.er7 import read
from bridge.hl7.modes import Condition, mode_of
from bridge.hl7.segments import Message

_AA, _AE, _AR = AcknowledgementCode.AA, AcknowledgementCode.AE, AcknowledgementCode.AR
_CA, _CE, _CR = AcknowledgementCode.CA, AcknowledgementCode.CE, AcknowledgementCode.CR
_ACCEPTED: Final = frozenset({_AA, _CA})
_ERRORS: Final = frozenset({_AE, _CE})


@dataclass(frozen=True, slots=True)
class Policy:
    """What becomes of a message that is not accepted: whether that is for good.

    `error` is about AE and CE, `reject` about AR and CR. `needs_control_id` takes no answer that
    leaves MSA-2 empty.
    """

    error_is_final: bool = False
    reject_is_final: bool = True
    needs_control_id: bool = True

    def is_final(self, code: AcknowledgementCode) -> bool:
        """Whether the same message will not be sent again."""
        return self.error_is_final if code in _ERRORS else self.reject_is_final


USUAL: Final = Policy()


@dataclass(frozen=True, slots=True)
class Expected:
    """Which answers a message asks for, by its own header."""

    control_id: str
    accept: bool
    application: bool

    @staticmethod
    def by(message: Message) -> Expected:
        """Read the header of a message that is sent."""
        mode = mode_of(message)
        if not mode.enhanced:
            return Expected(message.control_id, accept=False, application=True)
        return Expected(
            message.control_id,
            accept=mode.accept is not Condition.NEVER,
            application=mode.application is not Condition.NEVER,
        )

    @property
    def nothing(self) -> bool:
        """Whether nobody is asked to answer at all."""
        return not (self.accept or self.application)

    def is_answer(self, policy: Policy) -> Callable[[bytes], bool]:
        """What tells whether a frame is about this message."""

        def test(frame: bytes) -> bool:
            try:
                named = parse(frame).control_id
            except BridgeError:
                return True  # no acknowledgement at all: not to be waited past
            return named == self.control_id or (not named and not policy.needs_control_id)

        return test


def parse_answer(payload: bytes, frame: bytes) -> Answer:
    """Read an answer. Raises TransportError when it is no acknowledgement."""
    try:
        return parse(frame)
    except BridgeError as error:
        raise TransportError(
            f"the answer is no acknowledgement: {error.message}",
            permanent=False,
            request=payload,
            response=frame,
        ) from error


def check_accepted(payload: bytes, frame: bytes, answer: Answer, policy: Policy) -> None:
    """Raise TransportError for anything but AA and CA."""
    ack = answer.acknowledgement
    if ack.code not in _ACCEPTED:
        raise TransportError(
            in_words(ack),
            permanent=policy.is_final(ack.code),
            request=payload,
            response=frame,
            answered=ack.code.value,
        )


def is_accept_stage(answer: Answer) -> bool:
    """Whether the receiver has the message in safe hands and has not yet applied it (CA)."""
    return answer.acknowledgement.code is _CA


def code_of(answers: bytes) -> str:
    """MSA-1 of the last of some answers, in short; empty when nothing was answered."""
    found = re.findall(rb"(?:^|[\r\n])MSA[^A-Za-z0-9]([A-Z]{2})", answers)
    return found[-1].decode("ascii") if found else ""


def asks_for_acknowledgement(frame: bytes) -> bool:
    """Whether an application acknowledgement wants an accept acknowledgement in turn (MSH-15)."""
    return mode_of(read(frame)).accept in (Condition.ALWAYS, Condition.SUCCESS)


def in_words(ack: Acknowledgement) -> str:
    """An acknowledgement for people: its code, MSA-3, and each ERR."""
    said = [ack.text] if ack.text else []
    said += [_in_words(error) for error in ack.errors if error.severity is not Severity.INFORMATION]
    return f"the receiver answered {ack.code}" + (f": {'; '.join(said)}" if said else "")


def _in_words(error: AckError) -> str:
    return " ".join(_parts(error))


def _parts(error: AckError) -> Iterator[str]:
    numbers = [error.sequence, error.field, error.repetition, error.component, error.subcomponent]
    while numbers and not numbers[-1]:
        numbers.pop()
    if error.segment:
        yield "^".join([error.segment, *map(str, numbers)])
    yield f"{error.code} {ERROR_CONDITIONS.get(error.code, '')}".strip()
    yield from filter(None, (error.user_text, error.diagnostic))
