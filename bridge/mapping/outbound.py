"""Outbound profiles: `mappings/*.yaml` with `language: hl7-out`, what is said in HL7 v2 and where.

A profile lists the segments of each kind of message and the rows that fill them; another one says
with `extends` how it differs. What receivers want otherwise is data, never code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bridge.mapping.chain import ProfileDocument, TableFinder, read_chain
from bridge.mapping.documents import Node
from bridge.mapping.errors import ProfileError, instead
from bridge.mapping.outbound_rows import (
    OutboundRow,
    Slot,
    Telling,
    Value,
    compile_outbound_rows,
    parse_version,
)
from bridge.mapping.shelf import Shelf
from bridge.mapping.source import Run, Site

DEFAULT: Final = "orm-oru"
LANGUAGE: Final = "hl7-out"
"""What `language` says in these profiles."""

PROFILE_KEYS: Final = {
    "profile": "Its name, which is the name of the file.",
    "language": "`hl7-out`.",
    "extends": "The profile it differs from; only what differs is said.",
    "about": "One line on whom it is for.",
    "version": "MSH-12, where the destination does not say another.",
    "tables": "Names of code tables and the files they are in.",
    "messages": "For `order` and `study` the message `type` (MSH-9) and its `segments` in order;"
    " `{each: step, segments: [IPC]}` among them is written once for each step.",
    "segments": "The rows of each segment. `OBX.link` is an OBX by a name of its own; a segment of"
    " which only constants are known is left out.",
    "remove": "Segments (`OBX.link`) and fields (`ORC-12`) that are not written.",
}
MESSAGES: Final = ("order", "study")
_SITE: Final = Site()
SET_ID: Final = "SetID"
"""The value that counts the segments of a name in the message, from 1."""


@dataclass(frozen=True, slots=True)
class SegmentValues:
    """One segment to be written: its name and each field with its value, in the order of rows."""

    name: str
    fields: tuple[tuple[Slot, Value], ...]


@dataclass(frozen=True, slots=True)
class _Block:
    """Segments by their names in the profile, once or for each step."""

    names: tuple[str, ...]
    each_step: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """A kind of message: MSH-9, and its segments in order."""

    type: str
    node: Node
    blocks: tuple[_Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundProfile:
    """A compiled profile. `segments` holds the rows by the names that its messages use."""

    name: str
    version: str
    messages: Mapping[str, OutboundMessage]
    segments: Mapping[str, tuple[OutboundRow, ...]]
    site: Site = _SITE

    def compose(self, telling: Telling) -> Iterator[SegmentValues]:
        """The segments of a message behind MSH, in order, as far as anything is known of them."""
        counts: dict[str, int] = {}
        run = Run(self.site)
        for block in self.messages[telling.message].blocks:
            for values in telling.steps if block.each_step else (None,):
                here = telling
                if values is not None:
                    here = replace(telling, values={**telling.values, **values})
                for name in block.names:
                    segment = name.partition(".")[0]
                    written = self._write(name, segment, counts.get(segment, 0) + 1, here, run)
                    if written is not None:
                        counts[segment] = counts.get(segment, 0) + 1
                        yield written

    def header(self, telling: Telling) -> tuple[tuple[Slot, Value], ...]:
        """Fields of MSH that the profile has rows for."""
        found = self._fields(self.segments.get("MSH", ()), telling, Run(self.site))
        return tuple((row.slot, value) for row, value in found)

    def _write(
        self, name: str, segment: str, number: int, telling: Telling, run: Run
    ) -> SegmentValues | None:
        numbered = replace(telling, values={**telling.values, SET_ID: str(number)})
        found = self._fields(self.segments[name], numbered, run)
        rows = self.segments[name]
        is_known = any(_is_known(row) for row, _ in found)
        if not found or not (is_known or all(map(_is_fixed, rows))):
            return None
        return SegmentValues(segment, tuple((row.slot, value) for row, value in found))

    def _fields(
        self, rows: Iterable[OutboundRow], telling: Telling, run: Run
    ) -> list[tuple[OutboundRow, Value]]:
        """Of several rows for one field the first that has something to say."""
        found: dict[Slot, tuple[OutboundRow, Value]] = {}
        for row in rows:
            if row.slot not in found and (value := row.evaluate(telling, run)) is not None:
                found[row.slot] = (row, value)
        return list(found.values())


def _is_fixed(row: OutboundRow) -> bool:
    """Whether a row says nothing of the matter itself."""
    return row.is_constant or _reads_set_id(row)


def _is_known(row: OutboundRow) -> bool:
    return not _is_fixed(row)


def _reads_set_id(row: OutboundRow) -> bool:
    source = row.node.entries().get("from")
    return source is not None and source.content == SET_ID


def load_outbound_profile(name: str = DEFAULT, directory: Path | None = None) -> OutboundProfile:
    """Load and compile a profile and all it extends.

    Raises:
        ProfileError: naming file, line, row and the fix.
    """
    shelf = Shelf.of(directory)
    if shelf.find(f"{name}.yaml") and shelf.language(name) != LANGUAGE:
        problem = f"{name} does not say how messages are written"
        raise ProfileError(name, 1, problem, instead(name, shelf.profiles(LANGUAGE)))
    documents = read_chain(name, shelf, PROFILE_KEYS)
    tables = TableFinder(shelf, documents)
    segments: dict[str, list[OutboundRow]] = {}
    messages: dict[str, OutboundMessage] = {}
    version = "2.5.1"
    for document in documents:
        version = _version(document, version)
        _lay_over(segments, document, tables)
        messages |= dict(_parse_messages(document))
        _remove(segments, messages, document)
    for message in messages.values():
        for each in (name for block in message.blocks for name in block.names):
            if each not in segments:
                raise message.node.error(f"{each} has no rows", "add them under `segments`")
    return OutboundProfile(
        name=name,
        version=version,
        messages=messages,
        segments={each: tuple(rows) for each, rows in segments.items()},
    )


def _version(document: ProfileDocument, otherwise: str) -> str:
    node = document.entries.get("version")
    if node is None:
        return otherwise
    try:
        parse_version(node.text)
    except ValueError:
        raise node.error(f"{node.text!r} is no version", "write one such as 2.5.1") from None
    return node.text


def _lay_over(
    segments: dict[str, list[OutboundRow]], document: ProfileDocument, tables: TableFinder
) -> None:
    """Replace, for each field that the document has rows for, the rows there were."""
    if "segments" not in document.entries:
        return
    for name, node in document.entries["segments"].entries().items():
        new = compile_outbound_rows(node, name.partition(".")[0], tables)
        replaced = {row.slot for row in new}
        kept = [row for row in segments.get(name, ()) if row.slot not in replaced]
        segments[name] = kept + new


def _parse_messages(document: ProfileDocument) -> Iterator[tuple[str, OutboundMessage]]:
    if "messages" not in document.entries:
        return
    for kind, node in document.entries["messages"].entries(MESSAGES).items():
        entries = node.entries(("type", "segments"))
        for key in ("type", "segments"):
            if key not in entries:
                raise node.error(f"a message without `{key}`", f"add `{key}`")
        blocks = tuple(_parse_block(item) for item in entries["segments"].items)
        yield kind, OutboundMessage(type=entries["type"].text, node=node, blocks=blocks)


def _parse_block(item: Node) -> _Block:
    if not isinstance(item.content, dict):
        return _Block((item.text,))
    entries = item.entries(("each", "segments"))
    if "each" not in entries or entries["each"].text != "step" or "segments" not in entries:
        raise item.error("not a repeated part", "write `{each: step, segments: [IPC]}`")
    return _Block(entries["segments"].texts, each_step=True)


def _remove(
    segments: dict[str, list[OutboundRow]],
    messages: dict[str, OutboundMessage],
    document: ProfileDocument,
) -> None:
    for node in document.entries["remove"].items if "remove" in document.entries else ():
        if node.text in segments:
            for kind, message in messages.items():
                messages[kind] = replace(message, blocks=_without(message.blocks, node.text))
            continue
        before = sum(map(len, segments.values()))
        for name, rows in segments.items():
            segments[name] = [row for row in rows if row.slot.text != node.text]
        if sum(map(len, segments.values())) == before:
            raise node.error(f"{node.text!r} is not written", instead(node.text, segments))


def _without(blocks: Sequence[_Block], name: str) -> tuple[_Block, ...]:
    left = (replace(b, names=tuple(each for each in b.names if each != name)) for b in blocks)
    return tuple(block for block in left if block.names)
