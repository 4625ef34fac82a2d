"""Environment variables laid over the tree: ``BRIDGE__HTTP__PORT=8081`` is ``http.port``.

Two underscores separate the keys. An item of a list is named by its index or by its own name
(``BRIDGE__DESTINATIONS__EHR__URL``; in names, all but letters and digits becomes an underscore).
A section or a list can be given whole, as YAML.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from bridge.settings.document import Block, Entry, Listing, Node, Scalar, parse
from bridge.settings.problems import DEFAULT, Origin, Problem, Source, quoted
from bridge.settings.schema import FILE_SUFFIX, Items, Setting, Value, keys_of, settings_of
from bridge.settings.terms import instead
from bridge.settings.tree import Settings

PREFIX = "BRIDGE__"
_SEPARATOR = "__"
_MOST_DIGITS = 6


def overlay(root: Node, environ: Mapping[str, str]) -> tuple[Node, tuple[Problem, ...]]:
    """Return the tree with every ``BRIDGE__`` variable put into it, and what could not be put."""
    problems: list[Problem] = []
    for name in sorted(environ, key=_natural):
        if not name.startswith(PREFIX):
            continue
        path = name.removeprefix(PREFIX).lower().split(_SEPARATOR)
        variable = _Variable(Origin(Source.ENVIRONMENT, name), environ[name])
        if all(path):
            root = variable.put_key(root, settings_of(Settings), path)
        else:
            fix = "separate keys by exactly two underscores, as in BRIDGE__HTTP__PORT"
            variable.object("has an empty key in its name", fix)
        problems.extend(variable.problems)
    return root, tuple(problems)


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort list indexes in numeric order, so that item 10 comes after item 9."""
    return [(int(part), "") if _is_index(part) else (0, part) for part in name.split(_SEPARATOR)]


def _is_index(part: str) -> bool:
    return part.isascii() and part.isdigit() and len(part) <= _MOST_DIGITS


def _empty_block(origin: Origin) -> Block:
    return Block(origin, MappingProxyType({}))


class _Variable:
    """One variable on its way into the tree; nodes are replaced on the path, never changed."""

    def __init__(self, origin: Origin, text: str) -> None:
        self.problems: list[Problem] = []
        self._origin = origin
        self._text = text

    def put_key(self, node: Node, keys: Mapping[str, Setting], path: list[str]) -> Node:
        """Return the mapping with the value at the end of the path."""
        if isinstance(node, Scalar) and node.null:
            node = _empty_block(self._origin)
        if not isinstance(node, Block):
            return node  # the reader reports it, with the line where it was written
        key, rest = path[0], path[1:]
        old = node.entries.get(key)
        value = self._put(old.value if old else None, keys.get(key), rest)
        entries = dict(node.entries)
        self._drop_twin(entries, key)
        entries[key] = Entry(old.origin if old and rest else self._origin, value)
        return Block(node.origin, MappingProxyType(entries))

    def _put(self, node: Node | None, setting: Setting | None, path: list[str]) -> Node:
        node = node or Scalar(self._origin, "", null=True)
        if not path:
            return self._leaf(setting)
        if setting and isinstance(setting.shape, Items):
            return self._put_item(node, setting, setting.shape, path)
        return self.put_key(node, keys_of(setting.shape) if setting else {}, path)

    def _put_item(self, node: Node, setting: Setting, shape: Items, path: list[str]) -> Node:
        if isinstance(node, Scalar) and node.null:
            node = _defaults(setting, shape, self._origin)
        if not isinstance(node, Listing):
            return node
        at = self._find(node, shape, path[0])
        if at is None:
            return node
        items = list(node.items)
        old = items[at] if at < len(items) else _empty_block(self._origin)
        rest = path[1:]
        items[at : at + 1] = [
            self.put_key(old, keys_of(shape), rest) if rest else self._leaf(setting)
        ]
        return Listing(node.origin, tuple(items))

    def _find(self, node: Listing, shape: Items, part: str) -> int | None:
        if _is_index(part) and int(part) <= len(node.items):
            return int(part)
        names = [_name_of(item, shape.named_by) for item in node.items]
        if part in names:
            return names.index(part)
        known = [name for name in names if name]
        fix = f"use an index up to {len(node.items)} (which adds an item)"
        if known:
            fix += " or a name: " + ", ".join(known)
        self.object(
            f"names the list item {quoted(part)}, which is not there", instead(part, known, fix)
        )
        return None

    def _leaf(self, setting: Setting | None) -> Node:
        if setting is None or isinstance(setting.shape, Value):
            return Scalar(self._origin, self._text, null=not self._text)
        document = parse(self._text, self._origin)
        self.problems.extend(document.problems)
        return document.root

    def _drop_twin(self, entries: dict[str, Entry], key: str) -> None:
        """Let ``token`` from the environment win over ``token_file`` of the file, and back."""
        bare = key.removesuffix(FILE_SUFFIX)
        twin = bare if bare != key else key + FILE_SUFFIX
        if twin in entries and entries[twin].origin.source is not Source.ENVIRONMENT:
            del entries[twin]

    def object(self, what: str, fix: str) -> None:
        """Record a problem of this variable."""
        self.problems.append(Problem(self._origin, "", what, fix))


def _defaults(setting: Setting, shape: Items, place: Origin) -> Listing:
    """Return the default list as far as its names, so that its items can be changed."""
    items = setting.default if isinstance(setting.default, tuple) else ()
    names = [Scalar(DEFAULT, str(getattr(item, shape.named_by))) for item in items]
    blocks = [
        Block(DEFAULT, MappingProxyType({shape.named_by: Entry(DEFAULT, name)})) for name in names
    ]
    return Listing(place, tuple(blocks))


def _name_of(item: Node, named_by: str) -> str:
    entry = item.entries.get(named_by) if isinstance(item, Block) else None
    text = entry.value.text if entry and isinstance(entry.value, Scalar) else ""
    return re.sub(r"[^a-z0-9]+", "_", text.lower())
