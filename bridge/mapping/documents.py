"""YAML read with its line numbers, every scalar as the text that stands there.

Taking scalars as text means that `NO`, `2.3` and `007` stay what the author wrote.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml

from bridge.mapping.errors import ProfileError, instead

Content: TypeAlias = "str | list[Node] | dict[str, Node]"
_YES = frozenset({"yes", "true", "on"})
_NO = frozenset({"no", "false", "off"})


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a document and where it stands."""

    content: Content
    file: str
    line: int

    def error(self, problem: str, fix: str = "") -> ProfileError:
        """Return (not raise) an error that points here."""
        return ProfileError(self.file, self.line, problem, fix)

    @property
    def text(self) -> str:
        """The scalar.

        Raises:
            ProfileError: it is a list or a mapping.
        """
        if isinstance(self.content, str):
            return self.content
        raise self.error("expected one value", "write a single word or a quoted text")

    @property
    def flag(self) -> bool:
        """The scalar as yes or no."""
        word = self.text.casefold()
        if word not in _YES | _NO:
            raise self.error(f"{word!r} is neither yes nor no", "write yes or no")
        return word in _YES

    @property
    def items(self) -> list[Node]:
        """The list; a single value counts as a list of one."""
        return self.content if isinstance(self.content, list) else [self]

    @property
    def texts(self) -> tuple[str, ...]:
        """The list of scalars."""
        return tuple(item.text for item in self.items)

    def entries(self, allowed: Collection[str] | None = None) -> dict[str, Node]:
        """The mapping, with no key but the `allowed` ones.

        Raises:
            ProfileError: it is no mapping, or a key is unknown.
        """
        if not isinstance(self.content, dict):
            raise self.error("expected keys and values", "write `key: value`")
        for key, node in self.content.items():
            if allowed is not None and key not in allowed:
                raise node.error(f"unknown key {key!r}", instead(key, allowed))
        return self.content


def read_document(path: Path, file: str | None = None) -> Node:
    """Read a YAML file; `file` is the name that errors call it by.

    Raises:
        ProfileError: the file is missing, no YAML, or repeats a key.
    """
    name = file or path.name
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise ProfileError(name, 1, "there is no such file", f"create {path.name}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ProfileError(name, line, f"not YAML: {error.problem}", "check indentation") from None
    return Node({}, name, 1) if root is None else _convert(root, name)


def _convert(node: yaml.Node, file: str) -> Node:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return Node(dict(_pairs(node, file)), file, line)
    if isinstance(node, yaml.SequenceNode):
        return Node([_convert(item, file) for item in node.value], file, line)
    return Node(str(node.value), file, line)


def _pairs(node: yaml.MappingNode, file: str) -> Iterator[tuple[str, Node]]:
    seen = set()
    for key_node, value_node in node.value:
        key = str(key_node.value)
        line = key_node.start_mark.line + 1
        if key in seen:
            raise ProfileError(file, line, f"key {key!r} stands twice", "keep one of them")
        seen.add(key)
        yield key, _convert(value_node, file)
