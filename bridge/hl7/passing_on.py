"""A message passed on in the receiver's own form: its delimiters, character set, and addresses.

What stands in the segments stays what it is: the version and the type are the sender's, too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from bridge.hl7.characters import CharacterSet, character_set
from bridge.hl7.er7 import read
from bridge.hl7.escapes import Delimiters, Encoding, encoding
from bridge.hl7.message_writer import ASCII_LABEL, Wire, control_id_of
from bridge.hl7.segments import Message, Segment
from bridge.hl7.versions import WITH_TRUNCATION, number

_HEADER_FIELDS: Final = 19
_NULL: Final = '""'
# What an escape sequence says in the character set of its message, or in its delimiters.
_CHANGES: Final = "XCM"


@dataclass(frozen=True, slots=True, kw_only=True)
class PassingOn:
    """How messages are passed on: as they came, or written anew by `wire`.

    `encodings` are the character sets that are believed before MSH-18, by listener.
    """

    wire: Wire | None = None
    encodings: Mapping[str, str | None] = field(default_factory=dict)

    def payload(self, key: str, raw: bytes, listener: str) -> bytes:
        """What is sent of a message; always the same for the same `key`."""
        if self.wire is None:
            return raw
        control_id = control_id_of(f"{key}|{hashlib.sha256(raw).hexdigest()}")
        return rewrite(raw, self.wire, control_id, self.encodings.get(listener))


UNCHANGED: Final = PassingOn()


def rewrite(raw: bytes, wire: Wire, control_id: str, encoding_override: str | None = None) -> bytes:
    """Write a message anew for a receiver; `encoding_override` is that of the listener it came by.

    Raises:
        Er7Error: nobody can read it.
    """
    message = read(raw, encoding_override=encoding_override)
    return _Rewriter(message, wire, control_id).write()


class _Rewriter:
    """Writes one message."""

    def __init__(self, message: Message, wire: Wire, control_id: str) -> None:
        self._message = message
        self._wire = wire
        self._control_id = control_id
        self._characters: CharacterSet = character_set(wire.character_set)
        truncates = number(message.version) >= WITH_TRUNCATION
        self._target: Encoding = encoding(
            Delimiters(truncation="#" if truncates else ""), self._characters
        )
        self._from = message.encoding.delimiters
        self._to = self._target.delimiters

    def write(self) -> bytes:
        lines = [self._header(), *map(self._segment, self._message.segments[1:])]
        return self._characters.encode("".join(f"{line}\r" for line in lines))

    def _header(self) -> str:
        wire, marks = self._wire, self._to
        fields = [self._field(each) for each in self._message.header.fields]
        fields += [""] * (_HEADER_FIELDS - len(fields))
        characters = marks.component + marks.repetition + marks.escape + marks.subcomponent
        said = {
            2: characters + marks.truncation,
            3: self._value(wire.sending_application),
            4: self._value(wire.sending_facility),
            5: self._value(wire.receiving_application),
            6: self._value(wire.receiving_facility),
            10: self._control_id,
            15: wire.accept,
            16: wire.application,
            18: "" if wire.character_set == ASCII_LABEL else wire.character_set,
        }
        for position, value in said.items():
            fields[position] = value
        return marks.field.join([fields[0], *fields[2:]]).rstrip(marks.field)

    def _segment(self, segment: Segment) -> str:
        return self._to.field.join([segment.name, *map(self._field, segment.fields[1:])])

    def _field(self, text: str) -> str:
        """A field with all its parts, each by itself."""
        old, new = self._from, self._to
        pairs = (
            (old.repetition, new.repetition),
            (old.component, new.component),
            (old.subcomponent, new.subcomponent),
        )
        return "".join(self._parts(text, pairs))

    def _parts(self, text: str, pairs: tuple[tuple[str, str], ...]) -> Iterator[str]:
        if not pairs:
            yield self._leaf(text)
            return
        (old, new), *rest = pairs
        for index, part in enumerate(text.split(old)):
            if index:
                yield new
            yield from self._parts(part, tuple(rest))

    def _leaf(self, text: str) -> str:
        if text in ("", _NULL):
            return text
        mark = self._from.escape
        if mark in text and not self._keeps_escapes(text):
            return self._value(self._message.encoding.unescape(text))
        if mark in text:
            breaks = f"{mark}.br{mark}"  # a line that the sender broke off
            return self._characters.without_strangers(text.replace("\n", breaks))
        return self._value(text)

    def _keeps_escapes(self, text: str) -> bool:
        """Whether its escape sequences mean the same in the new message."""
        mark = re.escape(self._from.escape)
        same = (self._from.escape, self._from.truncation) == (self._to.escape, self._to.truncation)
        return same and not re.search(f"{mark}[{_CHANGES}]", text)

    def _value(self, text: str) -> str:
        return self._target.escape(self._characters.without_strangers(text))
