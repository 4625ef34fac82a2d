"""YAML text to a tree in which every key and value knows its line.

YAML's own guesses about types (``NO`` as false, ``010`` as eight) are not taken: a scalar keeps
the text that was written, and the schema decides what it means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import yaml

from bridge.settings.problems import Origin, Problem, Source, plain, quoted

_TAG = "tag:yaml.org,2002:"
_NULL = _TAG + "null"
_MERGE = _TAG + "merge"
_KNOWN_TAGS = frozenset(
    _TAG + name for name in ("null", "bool", "int", "float", "str", "timestamp", "value", "merge")
)


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text as written; ``null`` when nothing (or YAML's null) was written."""

    origin: Origin
    text: str
    null: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping with its value."""

    origin: Origin
    value: Node


@dataclass(frozen=True, slots=True)
class Block:
    """A mapping, in the order written."""

    origin: Origin
    entries: Mapping[str, Entry]


@dataclass(frozen=True, slots=True)
class Listing:
    """A list."""

    origin: Origin
    items: tuple[Node, ...]


Node = Scalar | Block | Listing


@dataclass(frozen=True, slots=True)
class Document:
    """What a text holds, and what is wrong with it as YAML."""

    root: Node
    problems: tuple[Problem, ...]


def parse(text: str, place: Origin) -> Document:
    """Return the tree of one YAML document; syntax errors become problems, never exceptions."""
    converter = _Converter(place)
    try:
        composed = yaml.compose(text, Loader=yaml.SafeLoader)
        root = _empty(place) if composed is None else converter.convert(composed)
    except yaml.YAMLError as error:
        return Document(_empty(place), (_syntax_problem(error, text, place),))
    except RecursionError:
        nested = Problem(place, "", "is nested too deeply", "write it as the documentation shows")
        return Document(_empty(place), (nested,))
    except (ValueError, OverflowError):  # an escape such as "\UFFFFFFFF", which PyYAML passes on
        escape = Problem(
            place, "", "holds an escape sequence that is no character", "write the character itself"
        )
        return Document(_empty(place), (escape,))
    return Document(root, tuple(converter.problems))


def at_line(place: Origin, line: int) -> Origin:
    """Return the place narrowed to a line, when it is a file."""
    return Origin(place.source, place.name, line) if place.source is Source.FILE else place


def _empty(place: Origin) -> Scalar:
    return Scalar(place, "", null=True)


def _syntax_problem(error: yaml.YAMLError, text: str, place: Origin) -> Problem:
    what = "is not valid YAML"
    if isinstance(error, yaml.MarkedYAMLError):
        what = f"{what}: {error.problem or error.context or 'it cannot be read'}"
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
    elif isinstance(error, yaml.reader.ReaderError):
        what = f"{what}: the character {error.character!r} is not allowed"
        line = text.count("\n", 0, error.position) + 1
    else:
        line = 1
    fix = (
        "look at this line and the one above it: indentation in spaces, a space after each colon,"
        " quotes and brackets closed"
    )
    return Problem(at_line(place, line), "", what, fix)


class _Converter:
    """Turns PyYAML nodes into ours; aliases share one result, so that size stays linear."""

    def __init__(self, place: Origin) -> None:
        self.problems: list[Problem] = []
        self._place = place
        self._done: dict[int, Node] = {}
        self._open: set[int] = set()

    def convert(self, node: yaml.Node) -> Node:
        known = self._done.get(id(node))
        if known is not None:
            return known
        if id(node) in self._open:
            self._object(node, "refers to itself", "write the values out instead of the alias")
            return Scalar(self._origin(node), "", null=True)
        self._open.add(id(node))
        self._done[id(node)] = result = self._convert_new(node)
        return result

    def _convert_new(self, node: yaml.Node) -> Node:
        if isinstance(node, yaml.MappingNode):
            self._check_tag(node, frozenset({_TAG + "map"}))
            return self._convert_mapping(node)
        if isinstance(node, yaml.SequenceNode):
            self._check_tag(node, frozenset({_TAG + "seq"}))
            items = [self.convert(item) for item in node.value]
            return Listing(self._origin(node), tuple(items))
        self._check_tag(node, _KNOWN_TAGS)
        return Scalar(self._origin(node), str(node.value), null=node.tag == _NULL)

    def _convert_mapping(self, node: yaml.MappingNode) -> Block:
        entries: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._object(key_node, "has a key that is not a word", "write the key as one word")
            elif key_node.tag == _MERGE:
                self._object(key_node, "uses a merge key (<<)", "write the keys out in each place")
            elif key_node.value in entries:
                self._repeated(key_node, entries[key_node.value].origin)
            else:
                value = self.convert(value_node)
                entries[key_node.value] = Entry(self._origin(key_node), value)
        return Block(self._origin(node), MappingProxyType(entries))

    def _repeated(self, key: yaml.ScalarNode, first: Origin) -> None:
        where = f" (first on line {first.line})" if first.line else ""
        what = f"the key {plain(key.value)} is written twice in one place{where}"
        self._object(key, what, "keep one of the two")

    def _check_tag(self, node: yaml.Node, allowed: frozenset[str]) -> None:
        if node.tag not in allowed:
            self._object(node, f"has the YAML tag {quoted(node.tag)}", "delete the tag")

    def _object(self, node: yaml.Node, what: str, fix: str) -> None:
        self.problems.append(Problem(self._origin(node), "", what, fix))

    def _origin(self, node: yaml.Node) -> Origin:
        return at_line(self._place, node.start_mark.line + 1)
