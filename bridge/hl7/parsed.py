"""A message as a tree with the standard's names: segments, fields, components, subcomponents.

The names are hl7apy's; what a message contains is the reader's word alone (docs/decisions/0001).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from bridge.domain.parsed import Node
from bridge.hl7.field_names import library_version
from bridge.hl7.segments import Message, Segment
from bridge.hl7.standard_tables import look_up

_ENCODING_CHARACTERS = 2
_HEADERS = frozenset({"MSH", "FHS", "BHS"})
_MOST = 5000
"""Parts beyond this many are not shown: a report may hold an image in text."""


def parsed(message: Message) -> tuple[Node, ...]:
    """One node for each segment; values stand as they read once escapes are replaced."""
    version = library_version(message.version)
    count: dict[str, int] = {}
    nodes: list[Node] = []
    for segment in message.segments[:_MOST]:
        count[segment.name] = count.get(segment.name, 0) + 1
        nth = count[segment.name]
        place = f"{segment.name}[{nth}]" if nth > 1 else segment.name
        nodes.append(Node(place, "", "", tuple(_fields(segment, place, version))))
    return tuple(nodes)


def text_of(message: Message) -> str:
    """The message in Unicode as it reads, a segment in each line: what somebody may edit."""
    return "\n".join(segment.er7 for segment in message.segments)


def _fields(segment: Segment, above: str, version: str) -> Iterator[Node]:
    for number, value in enumerate(segment.fields):
        if number == 0 or not value:
            continue
        place = f"{above}-{number}"
        name, parts = _of_field(segment.name, number, version)
        if segment.name in _HEADERS and number <= _ENCODING_CHARACTERS:
            yield Node(place, name, value)
            continue
        repetitions = value.split(segment.encoding.delimiters.repetition)[:_MOST]
        for index, each in enumerate(repetitions):
            where = f"{place}({index + 1})" if len(repetitions) > 1 else place
            yield _part(where, name, each, segment, parts, ("component", "subcomponent"))


def _part(
    place: str,
    name: str,
    er7: str,
    segment: Segment,
    parts: tuple[Any, ...],
    levels: tuple[str, ...],
) -> Node:
    """A field, component or subcomponent, with its own parts where it has several."""
    encoding = segment.encoding
    mark = getattr(encoding.delimiters, levels[0]) if levels else ""
    pieces = er7.split(mark)[:_MOST] if mark and mark in er7 else []
    if not pieces:
        return Node(place, name, encoding.unescape(er7))
    children = tuple(
        _part(
            f"{place}.{index + 1}",
            *_of_part(parts, index, piece),
            segment,
            *_below(parts, index, levels),
        )
        for index, piece in enumerate(pieces)
        if piece
    )
    return Node(place, name, "", children)


def _of_part(parts: tuple[Any, ...], index: int, piece: str) -> tuple[str, str]:
    reference = parts[index][1] if index < len(parts) else None
    return (_in_words(str(reference[3] or "")) if reference else "", piece)


def _below(
    parts: tuple[Any, ...], index: int, levels: tuple[str, ...]
) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    reference = parts[index][1] if index < len(parts) else None
    inner = reference[1] if reference and reference[1] else ()
    return tuple(inner), levels[1:]


@lru_cache(maxsize=4096)
def _of_field(segment: str, number: int, version: str) -> tuple[str, tuple[Any, ...]]:
    """A field's name and the references of its components."""
    reference = look_up(version, f"{segment}_{number}", "Field")
    if reference is None:
        return "", ()
    return _in_words(str(reference[3] or "")), tuple(reference[1] or ())


def _in_words(name: str) -> str:
    return name.replace("_", " ").capitalize()
