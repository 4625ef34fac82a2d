"""The tree of text to the tree of settings, collecting every problem on the way."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge.settings.document import Block, Entry, Listing, Node, Scalar
from bridge.settings.problems import DEFAULT, Origin, Problem, plain, quoted
from bridge.settings.schema import (
    FILE_SUFFIX,
    Items,
    Section,
    Setting,
    Shape,
    Value,
    Values,
    settings_of,
    walk,
)
from bridge.settings.terms import LONGEST_SECRET, Term, UnfitValueError, instead
from bridge.settings.tree import Settings

KIND = "kind"
_UNREADABLE: Any = object()


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """A value at its place, for rules that compare values; a list has an origin but no value."""

    path: str
    value: object
    origin: Origin


class Reader:
    """Reads nodes by schema. Unfit values are reported and stand as their defaults."""

    def __init__(self) -> None:
        """Start with nothing found."""
        self.problems: list[Problem] = []
        self.found: list[Found] = []

    def read_settings(self, root: Node) -> Settings:
        """Return the settings; they are usable only when no problem was found."""
        settings = self._read_section(Settings, root, "")
        return settings if isinstance(settings, Settings) else Settings()

    def _read_section(self, section: type[Any], node: Node, path: str, *ignored: str) -> Any:
        """Return the dataclass, or _UNREADABLE when a value without default is missing."""
        if isinstance(node, Scalar) and node.null:
            node = Block(node.origin, {})
        if not isinstance(node, Block):
            what = "is not a section with keys"
            keys = ", ".join(settings_of(section))
            self._object(node.origin, path, what, f"write keys below it: {keys}")
            return _UNREADABLE
        settings = settings_of(section)
        self._check_keys(settings, node, path, ignored)
        values = {key: self._read_key(each, node, path) for key, each in settings.items()}
        if _UNREADABLE in values.values():
            return _UNREADABLE
        return section(**values)

    def _read_key(self, setting: Setting, block: Block, parent: str) -> Any:
        path = _joined(parent, setting.name)
        entry = block.entries.get(setting.name)
        if setting.secret:
            entry = self._read_secret_file(setting, block, parent, entry)
        if entry is None:
            return self._fall_back(setting, block, path)
        value = self._read_shape(setting, entry.value, path)
        if value is _UNREADABLE:
            return _UNREADABLE if setting.required else setting.default
        return value

    def _fall_back(self, setting: Setting, block: Block, path: str) -> Any:
        if not setting.required:
            self._record(path, setting.default, DEFAULT)
            return setting.default
        fix = f"add {setting.name}: {setting.example}" + (
            f" (or {setting.name}{FILE_SUFFIX})" if setting.secret else ""
        )
        self._object(block.origin, path, "is missing", fix)
        return _UNREADABLE

    def _read_shape(self, setting: Setting, node: Node, path: str) -> Any:
        shape: Shape = setting.shape
        if isinstance(shape, Value):
            return self._read_value(shape, setting, node, path)
        if isinstance(shape, Section):
            return self._read_section(shape.type, node, path)
        items = self._list(node, path)
        if items is None:
            return _UNREADABLE
        self.found.append(Found(path, None, node.origin))
        if isinstance(shape, Values):
            read = [self._read_term(shape.term, item, f"{path}[{at}]") for at, item in items]
        else:
            read = [self._read_item(shape, item, f"{path}[{at}]") for at, item in items]
        return tuple(value for value in read if value is not _UNREADABLE)

    def _list(self, node: Node, path: str) -> list[tuple[int, Node]] | None:
        if isinstance(node, Listing):
            return list(enumerate(node.items))
        if isinstance(node, Scalar) and node.null:
            return []
        self._object(node.origin, path, "is not a list", "start each item with a hyphen: - ...")
        return None

    def _read_value(self, shape: Value, setting: Setting, node: Node, path: str) -> Any:
        if shape.optional and isinstance(node, Scalar) and node.null:
            self._record(path, None, node.origin)
            return None
        return self._read_term(shape.term, node, path)

    def _read_term(self, term: Term[Any], node: Node, path: str) -> Any:
        if not isinstance(node, Scalar):
            what = "is a list or a section where one value belongs"
            self._object(node.origin, path, what, f"write one value: {term.describe}")
            return _UNREADABLE
        if node.null:
            fix = f"write a value ({term.describe}), or delete the line"
            self._object(node.origin, path, "is empty", fix)
            return _UNREADABLE
        try:
            value = term.parse(node.text)
        except UnfitValueError as error:
            self._object(node.origin, path, error.what, error.fix)
            return _UNREADABLE
        self.found.append(Found(path, value, node.origin))
        return value

    def _read_item(self, shape: Items, node: Node, path: str) -> Any:
        if not isinstance(node, Block):
            what = "is not a section with keys"
            self._object(
                node.origin, path, what, f"write keys after the hyphen: - {shape.named_by}: ..."
            )
            return _UNREADABLE
        if not shape.discriminated:
            return self._read_section(shape.kinds[""], node, path)
        kind = self._read_kind(shape.kinds, node, _joined(path, KIND))
        if kind is not _UNREADABLE:
            return self._read_section(kind, node, path, KIND)
        # What else the item needs is unknown, but its name can still be someone else's.
        any_kind = next(iter(shape.kinds.values()))
        self._read_key(settings_of(any_kind)[shape.named_by], node, path)
        return _UNREADABLE

    def _read_kind(self, kinds: Mapping[str, type[Any]], block: Block, path: str) -> Any:
        entry = block.entries.get(KIND)
        listing = ", ".join(kinds)
        if entry is None:
            self._object(block.origin, path, "is missing", f"add kind: and one of {listing}")
            return _UNREADABLE
        text = entry.value.text if isinstance(entry.value, Scalar) else ""
        if text in kinds:
            self.found.append(Found(path, text, entry.value.origin))
            return kinds[text]
        what = f"{quoted(text)} is no kind of destination"
        fix = instead(text, kinds, f"use one of {listing}")
        self._object(entry.value.origin, path, what, fix)
        return _UNREADABLE

    def _read_secret_file(
        self, setting: Setting, block: Block, parent: str, entry: Entry | None
    ) -> Entry | None:
        """Return the entry with the text of the file that ``<key>_file`` names, if it does."""
        named = block.entries.get(setting.name + FILE_SUFFIX)
        if named is None:
            return entry
        path = _joined(parent, setting.name + FILE_SUFFIX)
        if entry is not None:
            what = f"is given together with {setting.name}"
            self._object(named.origin, path, what, "keep one of the two")
            return entry
        text = self._text_of_file(named.value, path)
        return Entry(named.origin, Scalar(named.value.origin, text)) if text else None

    def _text_of_file(self, node: Node, path: str) -> str | None:
        fix = "name a readable text file that holds the secret on one line"
        if not isinstance(node, Scalar) or node.null:
            self._object(node.origin, path, "names no file", fix)
            return None
        try:
            with Path(node.text).open(encoding="utf-8") as file:
                text = file.read(LONGEST_SECRET + 1).rstrip("\r\n")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            what = f"the file {quoted(node.text)} cannot be read: {reason}"
            self._object(node.origin, path, what, fix)
            return None
        if not text:
            self._object(node.origin, path, f"the file {quoted(node.text)} is empty", fix)
        return text or None

    def _check_keys(
        self, settings: Mapping[str, Setting], block: Block, path: str, ignored: tuple[str, ...]
    ) -> None:
        known = [*ignored, *settings]
        files = [key + FILE_SUFFIX for key, each in settings.items() if each.secret]
        for key, entry in block.entries.items():
            if key not in known and key not in files:
                fix = instead(key, [*known, *files], _elsewhere(key, known))
                self._object(entry.origin, _joined(path, plain(key)), "is not a known key", fix)

    def _record(self, path: str, value: object, origin: Origin) -> None:
        """Note a default and, when it is a section or a list, everything in it."""
        if isinstance(value, tuple):
            self.found.append(Found(path, None, origin))
            for at, item in enumerate(value):
                self._record(f"{path}[{at}]", item, origin)
        elif dataclasses.is_dataclass(value) and settings_of(type(value)):
            for key in settings_of(type(value)):
                self._record(_joined(path, key), getattr(value, key), origin)
        else:
            self.found.append(Found(path, value, origin))

    def _object(self, origin: Origin, path: str, what: str, fix: str) -> None:
        self.problems.append(Problem(origin, path, what, fix))


def _joined(parent: str, key: str) -> str:
    return f"{parent}.{key}" if parent else key


def _elsewhere(key: str, known: list[str]) -> str:
    """Say where a key that is known elsewhere belongs, else what is known here."""
    places = [path for path, _ in walk(Section(Settings)) if path.rpartition(".")[2] == key]
    if len(places) == 1:
        return f"move it: its place is {places[0]}"
    return "known here: " + ", ".join(known)
