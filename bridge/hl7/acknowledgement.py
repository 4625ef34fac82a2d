"""General acknowledgements: MSH, MSA, ERR (HL7 v2.5.1 2.9, 2.14.1; ERR of v2.3.1 2.24.2).

An acknowledgement is a value that the edge decides on; writing it needs the message it answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from bridge.domain.errors import BridgeError
from bridge.hl7.characters import character_set
from bridge.hl7.er7 import Message, Segment, read
from bridge.hl7.errors import Er7Error
from bridge.hl7.escapes import Delimiters, Encoding, encoding

UNICODE: Final = "UNICODE UTF-8"
DEFAULT_VERSION: Final = "2.5.1"
_FIRST_WITH_ERL: Final = (2, 5)
_LONGEST_TEXT: Final = 250

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
    code: str = "207"
    severity: Severity = Severity.ERROR
    user_text: str = ""
    diagnostic: str = ""

    @classmethod
    def from_error(cls, error: BridgeError, severity: Severity = Severity.ERROR) -> AckError:
        """Describe an error, taking its `location` as `SEG^sequence^field^repetition^component`."""
        segment, *numbers = (error.location or "").split("^")
        places = [int(number) if number.isdecimal() else 0 for number in numbers[:4]]
        sequence, field, repetition, component = places + [0] * (4 - len(places))
        return cls(
            segment=segment,
            sequence=sequence,
            field=field,
            repetition=repetition,
            component=component,
            code=error.code,
            severity=severity,
            user_text=error.message,
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


def encode(
    ack: Acknowledgement,
    request: Message | None,
    *,
    now: datetime,
    control_id: str,
    charset: str = UNICODE,
) -> bytes:
    """Write the acknowledgement of `request`, or of a message that could not be read (None).

    `now` has a zone; `control_id` is the acknowledgement's own; `charset` its MSH-18.

    Raises:
        LookupError: `charset` is no character set that can be written.
    """
    writer = _Writer(request)
    lines = [
        writer.write_header(now, control_id, charset),
        writer.write_msa(ack),
        *map(writer.write_err, ack.errors),
    ]
    return ("\r".join(lines) + "\r").encode(character_set(charset).codec, "replace")


def reject(raw: bytes, error: BridgeError, *, now: datetime, control_id: str) -> bytes:
    """Write the AR for a message that could not be handled, naming its control id if it has one."""
    try:
        request = read(raw)
    except Er7Error:
        request = None
    code = AcknowledgementCode.AR
    ack = Acknowledgement(code, (AckError.from_error(error),), error.message)
    return encode(ack, request, now=now, control_id=control_id)


def parse(raw: bytes) -> Answer:
    """Read the acknowledgement that a peer sent.

    Raises:
        Er7Error: it is no message, or one without MSA or with a code outside table 0008.
    """
    message = read(raw)
    msa = message.first("MSA")
    if msa is None or msa.field(1) not in set(AcknowledgementCode):
        raise Er7Error("answer holds no acknowledgement code", location="MSA^1^1")
    errors = tuple(map(_parse_err, message.all("ERR")))
    ack = Acknowledgement(AcknowledgementCode(msa.field(1)), errors, msa.text(3))
    return Answer(ack, msa.text(2))


def _parse_err(segment: Segment) -> AckError:
    """Read either form of ERR: ERR-1 is filled in the old one only."""
    old = segment.raw(1)
    place = 1 if old else 2
    numbers = [segment.field(place, component=number) for number in range(2, 6)]
    sequence, field, repetition, component = (int(n) if n.isdecimal() else 0 for n in numbers)
    code = segment.field(1, component=4) if old else segment.field(3)
    severity = segment.field(4)
    return AckError(
        segment=segment.field(place),
        sequence=sequence,
        field=field,
        repetition=0 if old else repetition,
        component=0 if old else component,
        code=code or "207",
        severity=Severity(severity) if severity in set(Severity) else Severity.ERROR,
        user_text=segment.text(8),
        diagnostic=segment.text(7),
    )


class _Writer:
    """Writes segments with the recommended delimiters, whatever the request was written in."""

    def __init__(self, request: Message | None) -> None:
        self._request = request.header if request else None
        self._encoding = encoding(Delimiters(), Encoding().character_set)
        version = self._copy(12) or DEFAULT_VERSION
        self._version = version
        self._old_form = _version_number(version) < _FIRST_WITH_ERL

    def write_header(self, now: datetime, control_id: str, charset: str) -> str:
        event = self._request.field(9, component=2) if self._request else ""
        return "|".join(
            [
                "MSH|^~\\&",
                *(self._copy(number) for number in (5, 6, 3, 4)),
                now.strftime("%Y%m%d%H%M%S%z"),
                "",
                f"ACK^{self._encoding.escape(event)}^ACK" if event else "ACK",
                self._encoding.escape(control_id),
                self._copy(11) or "P",
                self._version,
                "|||||" + charset,
            ]
        )

    def write_msa(self, ack: Acknowledgement) -> str:
        """MSA-3 tells what went wrong to receivers that do not read ERR."""
        text = ack.text or next((error.user_text for error in ack.errors), "")
        fields = ["MSA", ack.code, self._copy(10), self._encoding.escape(text[:_LONGEST_TEXT])]
        return "|".join(fields).rstrip("|")

    def write_err(self, error: AckError) -> str:
        place = [error.segment, *(str(n) if n else "" for n in (error.sequence, error.field))]
        words = ERROR_CONDITIONS.get(error.code, "")
        if self._old_form:
            return f"ERR|{'^'.join(place)}^{error.code}&{words}&HL70357"
        place += [str(number) if number else "" for number in (error.repetition, error.component)]
        texts = [self._encoding.escape(text) for text in (error.diagnostic, error.user_text)]
        fields = ["^".join(place).rstrip("^"), f"{error.code}^{words}^HL70357", error.severity]
        return "|".join(["ERR|", *fields, "", "", *texts]).rstrip("|")

    def _copy(self, number: int) -> str:
        """Copy a field of the request's MSH, written anew when its delimiters differ."""
        if self._request is None:
            return ""
        marks = self._request.encoding.delimiters
        if (marks.component, marks.repetition, marks.escape, marks.subcomponent) == (*"^~\\&",):
            return self._request.raw(number).replace("\n", " ")
        return self._rewrite(self._request, number)

    def _rewrite(self, header: Segment, number: int) -> str:
        subcomponent = header.encoding.delimiters.subcomponent
        return "~".join(
            "^".join(
                "&".join(
                    self._encoding.escape(field.component(position, place))
                    for place in range(1, part.count(subcomponent) + 2)
                )
                for position, part in enumerate(
                    field.er7.split(header.encoding.delimiters.component), start=1
                )
            )
            for field in header.repetitions(number)
        )


def _version_number(version: str) -> tuple[int, ...]:
    """The first two numbers of MSH-12; a version that cannot be read counts as a new one."""
    numbers = version.split("^", 1)[0].split(".")[:2]
    if not all(number.isdecimal() for number in numbers):
        return _FIRST_WITH_ERL
    return tuple(map(int, numbers))
