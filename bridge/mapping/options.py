"""The `options:` of a profile: what its sender does differently beyond what its fields mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from enum import StrEnum
from typing import Any, get_origin, get_type_hints

from bridge.domain.sender_options import SenderOptions
from bridge.mapping.documents import Node
from bridge.mapping.errors import instead

_TYPES = get_type_hints(SenderOptions)
_NAMES = tuple(each.name for each in fields(SenderOptions))


def compile_options(nodes: Iterable[Node]) -> SenderOptions:
    """Read the options of a profile and all it extends, the most general first.

    Raises:
        ProfileError: an option is unknown or cannot have that value.
    """
    said: dict[str, Any] = {}
    for node in nodes:
        said |= {name: _read(name, value) for name, value in node.entries(_NAMES).items()}
    return SenderOptions(**said)


def _read(name: str, node: Node) -> object:
    kind = _TYPES[name]
    if kind is bool:
        return node.flag
    if kind is int:
        if not node.text.isdecimal():
            raise node.error(f"{name} is not a number", "write digits")
        return int(node.text)
    if get_origin(kind) is tuple:
        return tuple(node.texts)
    if issubclass(kind, StrEnum):
        if node.text not in set(kind):
            raise node.error(f"unknown {name} {node.text!r}", instead(node.text, tuple(kind)))
        return kind(node.text)
    return node.text
