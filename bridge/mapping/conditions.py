"""When a row counts: conditions on the message and on what a segment says."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from bridge.mapping.documents import Node
from bridge.mapping.source import Place, Scope, Segment

Condition = Callable[[Scope], bool]


class SegmentCondition(Protocol):
    """What a segment must say; of `field`, what its repetition of that number must say."""

    def __call__(self, segment: Segment, field: int = 0, repetition: int = 0, /) -> bool:
        """Whether it does."""


WHEN_KEYS = {
    "message": "Message types and events, such as `[OMI^O23, ORM]`.",
    "version": "Versions as MSH-12 says them.",
    "sender": "A regular expression that the sending application (MSH-3) must hold.",
    "present": "Segments (`ZDS`) or values (`ZDS-1`), one of which must be there.",
    "absent": "Segments or values that must not be there.",
}
"""The keys of `when`, and what each asks for."""


def parse_place(node: Node) -> Place:
    """Read a path.

    Raises:
        ProfileError: it is none.
    """
    try:
        return Place.parse(node.text)
    except ValueError as error:
        raise node.error(str(error), "write SEGMENT-FIELD.COMPONENT, such as OBR-4.1") from None


def parse_presence(node: Node) -> Condition:
    """A segment (`ZDS`) or a value (`ZDS-1`) that must be there; of several, one is enough."""
    tests = [_presence(item) for item in node.items]
    return tests[0] if len(tests) == 1 else lambda scope: any(test(scope) for test in tests)


def parse_when(node: Node) -> Condition:
    """Read `when`; all that it gives must hold.

    Its keys are `message` (OMI^O23), `version` (2.5.1), `sender` (a pattern on MSH-3), `present`
    and `absent` (segments or values).
    """
    entries = node.entries(WHEN_KEYS)
    tests: list[Condition] = []
    if "message" in entries:
        tests.append(_message_is(frozenset(entries["message"].texts)))
    if "version" in entries:
        tests.append(_field_is(Place("MSH", 12), frozenset(entries["version"].texts)))
    if "sender" in entries:
        tests.append(_matches(Place("MSH", 3), entries["sender"]))
    if "present" in entries:
        tests.append(parse_presence(entries["present"]))
    if "absent" in entries:
        present = parse_presence(entries["absent"])
        tests.append(lambda scope: not present(scope))
    return lambda scope: all(test(scope) for test in tests)


def parse_where(node: Node, segment: str) -> SegmentCondition:
    """Read `where`: paths of one segment and the texts they may hold; one that agrees is enough.

    A path into the field that is read is about each of its repetitions: `{PID-3.5: MR}` reads the
    medical record number wherever it stands in the list.

    Raises:
        ProfileError: a path is of another segment.
    """
    tests: list[tuple[Place, frozenset[str]]] = []
    for key, values in node.entries().items():
        place = parse_place(Node(key, values.file, values.line))
        if place.segment != segment:
            raise values.error(f"{key} is not of {segment}", f"name a field of {segment}")
        tests.append((place, frozenset(text.casefold() for text in values.texts)))

    def holds(segment: Segment, field: int = 0, repetition: int = 0, /) -> bool:
        return any(
            place.read(segment, repetition if place.field == field else None).casefold().strip()
            in texts
            for place, texts in tests
        )

    return holds


def _presence(node: Node) -> Condition:
    if "-" not in node.text:
        name = node.text
        return lambda scope: name in scope
    place = parse_place(node)
    return lambda scope: any(place.read(segment) for segment in scope.get(place.segment, ()))


def _message_is(types: frozenset[str]) -> Condition:
    def test(scope: Scope) -> bool:
        header = scope["MSH"][0]
        code = header.field(9)
        return code in types or f"{code}^{header.field(9, 0, 2)}" in types

    return test


def _field_is(place: Place, values: frozenset[str]) -> Condition:
    return lambda scope: place.read(scope[place.segment][0]) in values


def _matches(place: Place, node: Node) -> Condition:
    try:
        pattern = re.compile(node.text)
    except re.error as error:
        raise node.error(f"not a regular expression: {error}", "mend it") from None
    return lambda scope: bool(pattern.search(place.read(scope[place.segment][0])))
