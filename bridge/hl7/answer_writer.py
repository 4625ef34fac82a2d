"""Answers on the wire: MSH, MSA and ERR in the version, delimiters and character set of the sender.

What the sender wrote is what it can read: its MSH-1, MSH-2 and MSH-12 come back, and its MSH-18
unless the answer holds a character that this set does not have.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bridge.domain.errors import BridgeError
from bridge.hl7 import versions
from bridge.hl7.acknowledgement import (
    ERROR_CONDITIONS,
    AckError,
    Acknowledgement,
    AcknowledgementCode,
)
from bridge.hl7.characters import CharacterSet, character_set, labelled
from bridge.hl7.er7 import Message, read
from bridge.hl7.errors import Er7Error
from bridge.hl7.escapes import Delimiters, Encoding, encoding

UNICODE: Final = "UNICODE UTF-8"
_LONGEST_TEXT: Final = 250
_CHARACTER_SET: Final = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What an answer's MSH says that its request does not decide.

    `accept` and `application` are MSH-15 and MSH-16: what the answer itself is answered with.
    `message_type` is MSH-9 in the recommended delimiters; empty is that of an acknowledgement.
    """

    now: datetime
    control_id: str
    message_type: str = ""
    accept: str = ""
    application: str = ""


class AnswerWriter:
    """Writes the segments of an answer to `request`, or to a message nobody could read (None)."""

    def __init__(self, request: Message | None) -> None:
        self._header = request.header if request else None
        marks = request.encoding.delimiters if request else Delimiters()
        self.marks = marks
        self._encoding: Encoding = encoding(marks, Encoding().character_set)
        self._version = self._copy(12) or versions.DEFAULT
        self._old_form = versions.number(self._version) < versions.WITH_ERL

    def escape(self, text: str) -> str:
        """Write a text so that it survives as one value."""
        return self._encoding.escape(text)

    def components(self, *values: str) -> str:
        """Join values, each escaped, to one field without empty ends."""
        return self.marks.component.join(map(self.escape, values)).rstrip(self.marks.component)

    def segment(self, name: str, *fields: str) -> str:
        """Join fields as written to a segment without empty ends."""
        return self.marks.field.join([name, *fields]).rstrip(self.marks.field)

    def write_header(self, heading: Heading, charset: str) -> str:
        """MSH: back to the sender, under a time and a control ID of its own."""
        marks = self.marks
        characters = (
            marks.component + marks.repetition + marks.escape + marks.subcomponent
        ) + marks.truncation
        fields = [
            characters,
            *(self._copy(number) for number in (5, 6, 3, 4)),
            heading.now.strftime("%Y%m%d%H%M%S%z"),
            "",
            self.components(*(heading.message_type or self._message_type()).split("^")),
            self.escape(heading.control_id),
            self._copy(11) or "P",
            self._version,
            "",
            "",
            heading.accept,
            heading.application,
            "",
            charset,
        ]
        return self.segment("MSH", *fields)

    def write_msa(self, ack: Acknowledgement) -> str:
        """MSA; MSA-3 tells what went wrong to receivers that do not read ERR."""
        text = ack.text or next((error.user_text for error in ack.errors), "")
        return self.segment("MSA", ack.code, self._copy(10), self.escape(text[:_LONGEST_TEXT]))

    def write_errors(self, errors: Iterable[AckError]) -> list[str]:
        """Write ERR segments; before v2.5 there is one, whose only field repeats."""
        if not self._old_form:
            return [self._write_err(error) for error in errors]
        places = [self._write_place(error) for error in errors]
        return [self.segment("ERR", self.marks.repetition.join(places))] if places else []

    def _write_err(self, error: AckError) -> str:
        numbers = (
            error.sequence,
            error.field,
            error.repetition,
            error.component,
            error.subcomponent,
        )
        return self.segment(
            "ERR",
            "",
            self.components(error.segment, *(str(number or "") for number in numbers)),
            self.components(error.code, ERROR_CONDITIONS.get(error.code, ""), "HL70357"),
            error.severity,
            "",
            "",
            self.escape(error.diagnostic),
            self.escape(error.user_text),
        )

    def _write_place(self, error: AckError) -> str:
        """ERR-1 up to v2.4: segment, sequence, field position, code."""
        code = (error.code, ERROR_CONDITIONS.get(error.code, ""), "HL70357")
        parts = [
            self.escape(error.segment),
            str(error.sequence or ""),
            str(error.field or ""),
            self.marks.subcomponent.join(map(self.escape, code)),
        ]
        return self.marks.component.join(parts)

    def _message_type(self) -> str:
        event = self._header.field(9, component=2) if self._header else ""
        return f"ACK^{event}^ACK" if event else "ACK"

    def _copy(self, number: int) -> str:
        """Copy a field of the request's MSH, all repetitions; a line broken off is joined."""
        if self._header is None or number >= len(self._header.fields):
            return ""
        return self._header.fields[number].replace("\n", " ")


def encode(
    ack: Acknowledgement,
    request: Message | None,
    heading: Heading,
    *,
    segments: Iterable[str] = (),
    charset: str | None = None,
) -> bytes:
    """Write the answer to `request`, or to a message that could not be read (None).

    `segments` stand behind MSA and ERR, written in the same delimiters; `charset` is the MSH-18 to
    use instead of the sender's, and what it cannot hold is folded to ASCII or becomes `?`.

    Raises:
        LookupError: `charset` is no character set that can be written.
    """
    writer = AnswerWriter(request)
    said = [writer.write_msa(ack), *writer.write_errors(ack.errors), *segments]
    if charset is None:
        label, characters = _characters_of(request)
    else:
        label, characters = charset, character_set(charset)
    whole = "\r".join([writer.write_header(heading, label), *said, ""])
    if charset is None and not characters.carries(whole):
        whole = "\r".join([writer.write_header(heading, UNICODE), *said, ""])
        characters = character_set(UNICODE)
    return characters.encode(whole)


def _characters_of(request: Message | None) -> tuple[str, CharacterSet]:
    """The MSH-18 of an answer, and the set that writes it: the sender's, ASCII for an unknown."""
    if request is None:
        return UNICODE, character_set(UNICODE)
    fields = request.header.fields
    label = fields[_CHARACTER_SET] if len(fields) > _CHARACTER_SET else ""
    return label, labelled(label.split(request.encoding.delimiters.repetition))


def reject(raw: bytes, error: BridgeError, heading: Heading) -> bytes:
    """Write the AR for a message that could not be handled, naming its control id if it has one."""
    try:
        request = read(raw)
    except Er7Error:
        request = None
    code = AcknowledgementCode.AR
    ack = Acknowledgement(code, (AckError.from_error(error),), error.message)
    return encode(ack, request, heading)
