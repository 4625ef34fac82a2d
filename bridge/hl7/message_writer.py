"""Messages of our own on the wire: MSH and the segments of an outbound profile, in ER7.

In the version and the character set of the peer. A message built twice from the same is the same:
its time (MSH-7) and control ID (MSH-10) are given to it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from bridge.hl7.characters import character_set
from bridge.hl7.datatypes import VERSIONS, FieldType, ValueWriter, field_type, has_message
from bridge.hl7.escapes import Delimiters, encoding
from bridge.hl7.versions import WITH_TRUNCATION, number
from bridge.mapping.outbound import MESSAGES, OutboundProfile
from bridge.mapping.outbound_rows import Slot, Telling, Value, parse_version

UNICODE: Final = "UNICODE UTF-8"
ASCII_LABEL: Final = "ASCII"
"""In configuration; in MSH-18 it is said by saying nothing."""
_CONTROL_ID: Final = 20
"""Longest MSH-10 up to v2.6 (2.15.9.10)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """How a peer is written to: MSH-3 to 6, 11, 12, 15, 16 and 18.

    `version` is empty for that of the profile; `accept` and `application` ask for the stages of
    enhanced mode (table 0155).
    """

    sending_application: str = "BRIDGE"
    sending_facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""
    processing_id: str = "P"
    version: str = ""
    character_set: str = UNICODE
    accept: str = ""
    application: str = ""


class MessageWriter:
    """Writes what one profile says to one peer."""

    def __init__(self, profile: OutboundProfile, wire: Wire) -> None:
        """Bring a profile and a peer together.

        Raises:
            ProfileError: the profile has a message or a field that no version, or not the peer's,
                has.
        """
        self._profile = profile
        self._wire = wire
        self.version = wire.version or profile.version
        self._characters = character_set(wire.character_set)
        marks = Delimiters(truncation="#" if number(self.version) >= WITH_TRUNCATION else "")
        self._encoding = encoding(marks, self._characters)
        self._values = ValueWriter(self._encoding, self._characters)
        check(profile, self.version)

    def tells_of(self, message: str) -> bool:
        """Whether the profile has a message for news of this kind (`order`, `study`)."""
        return message in self._profile.messages

    def body(self, telling: Telling) -> str:
        """The segments behind MSH, each with its carriage return."""
        return "".join(f"{line}\r" for line in self._segments(telling))

    def write(self, telling: Telling, time: str, control_id: str) -> bytes:
        """The whole message."""
        return self._encode(telling, time, control_id, self.body(telling))

    def write_for(self, key: str, telling: Telling, time: str) -> bytes:
        """The whole message under a control ID that follows from `key` and what it says."""
        body = self.body(telling)
        return self._encode(telling, time, control_id_of(f"{key}|{body}"), body)

    def _encode(self, telling: Telling, time: str, control_id: str, body: str) -> bytes:
        return self._characters.encode(f"{self._header(telling, time, control_id)}\r{body}")

    def _segments(self, telling: Telling) -> Iterator[str]:
        telling = _of_version(telling, self.version)
        for segment in self._profile.compose(telling):
            if written := self._segment(segment.name, [segment.name], segment.fields):
                yield written

    def _header(self, telling: Telling, time: str, control_id: str) -> str:
        wire, values, marks = self._wire, self._values, self._values.marks
        kind = self._profile.messages[telling.message].type.split("^")
        structure = kind[2:] or ["_".join(kind[:2])]
        characters = marks.component + marks.repetition + marks.escape + marks.subcomponent
        label = "" if wire.character_set == ASCII_LABEL else wire.character_set
        fields = [
            "MSH",
            marks.field,
            characters + marks.truncation,
            *map(
                values.escape,
                (
                    wire.sending_application,
                    wire.sending_facility,
                    wire.receiving_application,
                    wire.receiving_facility,
                ),
            ),
            time,
            "",
            marks.component.join([*kind[:2], *structure]),
            control_id,
            wire.processing_id,
            self.version,
            "",
            "",
            wire.accept,
            wire.application,
            "",
            label,
        ]
        own = self._profile.header(_of_version(telling, self.version))
        whole = self._segment("MSH", fields, own)
        return whole.replace(f"MSH{marks.field * 3}", f"MSH{marks.field}", 1)

    def _segment(self, name: str, fields: list[str], slots: Iterable[tuple[Slot, Value]]) -> str:
        """A segment with its fields; empty when the version has none of them."""
        for slot, value in slots:
            kind = field_type(self.version, name, slot.field)
            if kind is None:
                continue
            fields += [""] * (slot.field + 1 - len(fields))
            fields[slot.field] = self._place(fields[slot.field], slot, value, kind)
        written = self._values.join(*fields, mark=self._values.marks.field)
        return "" if written == name else written

    def _place(self, field: str, slot: Slot, value: Value, kind: FieldType) -> str:
        """Put a value into a field, or into a component of what stands there."""
        marks, values = self._values.marks, self._values
        if not slot.component:
            return values.field(value, kind)
        parts = field.split(marks.component)
        parts += [""] * (slot.component - len(parts))
        text = values.text(value)
        if slot.subcomponent:
            subs = parts[slot.component - 1].split(marks.subcomponent)
            subs += [""] * (slot.subcomponent - len(subs))
            subs[slot.subcomponent - 1] = text
            text = values.join(*subs, mark=marks.subcomponent)
        parts[slot.component - 1] = text
        return values.join(*parts)


def check(profile: OutboundProfile, version: str) -> None:
    """Raise what keeps a profile from being written in a version.

    Raises:
        ProfileError: naming file, line and the fix.
    """
    for kind in MESSAGES:
        message = profile.messages.get(kind)
        if message is None:
            continue
        structure = message.type.split("^")
        name = structure[2] if len(structure) > 2 else "_".join(structure[:2])  # noqa: PLR2004
        if not has_message(version, name):
            problem = f"HL7 v{version} has no message {message.type}"
            raise message.node.error(problem, "choose another version or profile")
    for rows in profile.segments.values():
        for row in rows:
            slot = row.slot
            known = (field_type(each, slot.segment, slot.field) for each in VERSIONS)
            if not any(known):
                raise row.node.error(f"no version has a field {slot.text}", "mend its number")


def _of_version(telling: Telling, version: str) -> Telling:
    return Telling(
        message=telling.message,
        event=telling.event,
        version=parse_version(version),
        values=telling.values,
        steps=telling.steps,
    )


def control_id_of(content: str) -> str:
    """MSH-10 for a content: letters and digits, the same for the same."""
    digest = hashlib.sha256(content.encode()).digest()
    return base64.b32encode(digest).decode("ascii")[:_CONTROL_ID]
