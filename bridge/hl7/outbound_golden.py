"""Golden tests of an outbound profile, in `<profile>.tests.yaml` beside it: values in, message out.

Identifiers are written `value^authority^type`, codes `value^meaning^scheme`, as those of inbound
profiles are; MSH-7 is always `TIME`, MSH-10 `CONTROL`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Final

from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.order import CodedConcept
from bridge.hl7.characters import character_set
from bridge.hl7.message_writer import UNICODE, MessageWriter, Wire
from bridge.mapping.documents import Node, read_document
from bridge.mapping.golden import GoldenResult
from bridge.mapping.outbound import OutboundProfile, load_outbound_profile
from bridge.mapping.outbound_rows import Telling, Value
from bridge.mapping.outbound_values import check_value
from bridge.mapping.targets import TARGETS, Kind

TIME: Final = "TIME"
CONTROL_ID: Final = "CONTROL"
_FILE_KEYS: Final = ("profile", "tests")
_TEST_KEYS: Final = ("name", "version", "character_set", "told", "expect")
_TOLD_KEYS: Final = ("message", "event", "values", "steps")
_KINDS: Final[Mapping[str, Kind]] = {
    keyword: target.kind for targets in TARGETS.values() for keyword, target in targets.items()
}
_IDENTIFIERS: Final = frozenset({Kind.IDENTIFIER, Kind.IDENTIFIERS})


def run_outbound_tests(path: Path, directory: Path | None = None) -> tuple[GoldenResult, ...]:
    """Run the tests of a file; `directory` holds the profiles, that of `path` by default.

    Raises:
        ProfileError: the file or its profile cannot be used.
    """
    entries = read_document(path).entries(_FILE_KEYS)
    profile = load_outbound_profile(entries["profile"].text, directory or path.parent)
    return tuple(_run(node, profile) for node in entries["tests"].items)


def write_golden(node: Node, profile: OutboundProfile) -> bytes:
    """The message of one test."""
    entries = node.entries(_TEST_KEYS)
    wire = Wire(
        sending_facility="HOSP",
        version=entries["version"].text if "version" in entries else "",
        character_set=entries["character_set"].text if "character_set" in entries else UNICODE,
    )
    return MessageWriter(profile, wire).write(_parse_told(entries["told"]), TIME, CONTROL_ID)


def _run(node: Node, profile: OutboundProfile) -> GoldenResult:
    entries = node.entries(_TEST_KEYS)
    label = entries["character_set"].text if "character_set" in entries else UNICODE
    written = character_set(label).decode(write_golden(node, profile))
    place = f"{node.file}:{node.line}"
    return GoldenResult(entries["name"].text, place, tuple(_compare(entries["expect"], written)))


def _compare(expected: Node, written: str) -> Iterator[str]:
    lines = written.rstrip("\r").split("\r")
    wanted = expected.text.strip().split("\n")
    for number, (want, line) in enumerate(zip_longest(wanted, lines, fillvalue=""), start=1):
        if want.strip() != line:
            yield f"line {expected.line + number}: expected {want!r}, found {line!r}"


def _parse_told(node: Node) -> Telling:
    entries = node.entries(_TOLD_KEYS)
    steps = entries["steps"].items if "steps" in entries else []
    return Telling(
        message=entries["message"].text,
        event=entries["event"].text if "event" in entries else "",
        values=_parse_values(entries["values"]),
        steps=tuple(_parse_values(step) for step in steps),
    )


def _parse_values(node: Node) -> dict[str, Value]:
    return {key: _parse_value(check_value(each, key), each) for key, each in node.entries().items()}


def _parse_value(keyword: str, node: Node) -> Value:
    if isinstance(node.content, list):
        return tuple(_parse_one(keyword, item.text) for item in node.items)
    return _parse_one(keyword, node.text)


def _parse_one(keyword: str, text: str) -> Value:
    kind = _KINDS.get(keyword, Kind.TEXT)
    parts = (*text.split("^"), "", "")
    if kind in _IDENTIFIERS:
        return Identifier(parts[0], Authority(*parts[1].split("&")[:3]), parts[2])
    if kind is Kind.CODE:
        return CodedConcept(parts[0], parts[2], parts[1])
    return text
