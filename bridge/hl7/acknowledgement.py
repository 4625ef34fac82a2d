"""General acknowledgements as values: MSA and ERR (HL7 v2.5.1 2.9, 2.14.1; ERR of v2.3.1 2.24.2).

An acknowledgement is what the edge decides on; `answer_writer` puts it on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bridge.domain.errors import BridgeError
from bridge.hl7.er7 import Segment, read
from bridge.hl7.errors import Er7Error

_PLACES: Final = 5

# Table 0357, message error condition codes.
ERROR_CONDITIONS: Final = {
    "0": "Message accepted",
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "104": "Value too long",
    "198": "Non-conformant cardinality",
    "199": "Other HL7 error",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "205": "Duplicate key identifier",
    "206": "Application record locked",
    "207": "Application internal error",
}


class AcknowledgementCode(StrEnum):
    """Table 0008: A for the application's answer, C for that of enhanced mode's accept stage."""

    AA = "AA"
    AE = "AE"
    AR = "AR"
    CA = "CA"
    CE = "CE"
    CR = "CR"


class Severity(StrEnum):
    """Table 0516."""

    ERROR = "E"
    WARNING = "W"
    INFORMATION = "I"


@dataclass(frozen=True, slots=True)
class AckError:
    """One ERR segment: where it is wrong (ERL), what is wrong (0357), and words for a person.

    Numbers count from 1; 0 means that the place is no more precise than what is given. The texts
    must hold no patient data: `user_text` is shown to people, `diagnostic` to the sender's support.
    """

    segment: str = ""
    sequence: int = 0
    field: int = 0
    repetition: int = 0
    component: int = 0
    subcomponent: int = 0
    code: str = "207"
    severity: Severity = Severity.ERROR
    user_text: str = ""
    diagnostic: str = ""

    @classmethod
    def from_error(cls, error: BridgeError, severity: Severity = Severity.ERROR) -> AckError:
        """Describe an error.

        Its `location` is read as `SEG^sequence^field^repetition^component^subcomponent`; the
        diagnostic is the name of the kind of error, which tells support where to look.
        """
        segment, *numbers = (error.location or "").split("^")
        places = [int(number) if number.isdecimal() else 0 for number in numbers[:_PLACES]]
        sequence, field, repetition, component, subcomponent = (*places, *[0] * _PLACES)[:_PLACES]
        return cls(
            segment=segment,
            sequence=sequence,
            field=field,
            repetition=repetition,
            component=component,
            subcomponent=subcomponent,
            code=error.code,
            severity=severity,
            user_text=error.message,
            diagnostic=type(error).__name__ if severity is Severity.ERROR else "",
        )


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The answer to one message; warnings ride on an AA as errors of that severity."""

    code: AcknowledgementCode
    errors: tuple[AckError, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An acknowledgement that a peer sent, with the control id that it answers (MSA-2)."""

    acknowledgement: Acknowledgement
    control_id: str


def parse(raw: bytes) -> Answer:
    """Read the acknowledgement that a peer sent.

    Raises:
        Er7Error: it is no message, or one without MSA or with a code outside table 0008.
    """
    message = read(raw)
    msa = message.first("MSA")
    if msa is None or msa.field(1) not in set(AcknowledgementCode):
        raise Er7Error("answer holds no acknowledgement code", location="MSA^1^1")
    errors = tuple(error for err in message.all("ERR") for error in _parse_err(err))
    ack = Acknowledgement(AcknowledgementCode(msa.field(1)), errors, msa.text(3))
    return Answer(ack, msa.text(2))


def _parse_err(segment: Segment) -> list[AckError]:
    """Read either form of ERR: ERR-1 is filled in the old one only, and repeats."""
    return [_parse_error(segment, rep) for rep in range(max(1, segment.count(1)))]


def _parse_error(segment: Segment, rep: int) -> AckError:
    old = segment.raw(1)
    place = 1 if old else 2
    numbers = [segment.field(place, rep, component=number) for number in range(2, 7)]
    places = [int(number) if number.isdecimal() else 0 for number in numbers]
    if old:  # its fourth component is the code
        places[2:] = [0, 0, 0]
    sequence, field, repetition, component, subcomponent = places
    code = segment.field(1, rep, component=4) if old else segment.field(3)
    severity = segment.field(4)
    return AckError(
        segment=segment.field(place, rep),
        sequence=sequence,
        field=field,
        repetition=repetition,
        component=component,
        subcomponent=subcomponent,
        code=code or "207",
        severity=Severity(severity) if severity in set(Severity) else Severity.ERROR,
        user_text=segment.text(8),
        diagnostic=segment.text(7),
    )
