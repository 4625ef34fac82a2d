"""The tables of docs/mapping.md, written from what the code knows."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, get_type_hints

from bridge.domain.sender_options import SenderOptions, described_options
from bridge.mapping import conditions
from bridge.mapping.cells import COLUMNS
from bridge.mapping.element_readers import ELEMENT_READERS
from bridge.mapping.imaging import RULE_KEYS
from bridge.mapping.outbound import PROFILE_KEYS as OUTBOUND_KEYS
from bridge.mapping.outbound_rows import ROW_KEYS as OUTBOUND_ROW_KEYS
from bridge.mapping.outbound_rows import WHEN_KEYS as OUTBOUND_WHEN_KEYS
from bridge.mapping.outbound_values import VALUES
from bridge.mapping.profiles import PROFILE_KEYS
from bridge.mapping.rows import ROW_KEYS
from bridge.mapping.shelf import Shelf
from bridge.mapping.targets import TARGETS, Target
from bridge.mapping.transforms import MAPPERS, READERS, Transform

_BLOCK = re.compile(r"<!-- begin (\w+) -->\n.*?<!-- end \1 -->\n", re.DOTALL)
_ABOUT = re.compile(r"^about: *(.+)$", re.MULTILINE)


def renew(text: str) -> str:
    """The guide with each of its tables as the code has it now.

    Raises:
        KeyError: it has a table that nobody knows.
    """
    return _BLOCK.sub(lambda found: _block(found[1]), text)


def _block(name: str) -> str:
    return f"<!-- begin {name} -->\n{''.join(BLOCKS[name]())}<!-- end {name} -->\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    columns = list(head)
    yield f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}\n"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n"


def _keys(about: Mapping[str, str]) -> Callable[[], Iterator[str]]:
    return lambda: _table(("Key", "Meaning"), ((f"`{key}`", text) for key, text in about.items()))


def _targets() -> Iterator[str]:
    for level, targets in TARGETS.items():
        yield f"**`{level.value}`**\n\n"
        yield from _table(
            ("Target", "Takes", "Of several values"),
            ((f"`{name}`", each.kind.value, _joined(each)) for name, each in targets.items()),
        )
        yield "\n"


def _joined(target: Target) -> str:
    return "all" if target.joined else "the first"


def _readers() -> Iterator[str]:
    return _transforms(READERS)


def _mappers() -> Iterator[str]:
    return _transforms(MAPPERS)


def _transforms(transforms: Mapping[str, Transform]) -> Iterator[str]:
    return _table(
        ("Transform", "Makes", "What it does"),
        ((f"`{name}`", each.makes.value, _doc(each.make)) for name, each in transforms.items()),
    )


def _element_readers() -> Iterator[str]:
    return _table(
        ("Transform", "Makes"),
        ((f"`{name}`", each.makes.value) for name, each in ELEMENT_READERS.items()),
    )


def _doc(make: Callable[..., Any]) -> str:
    """The whole docstring as one paragraph."""
    return " ".join(inspect.getdoc(make).split()) if inspect.getdoc(make) else ""  # type: ignore[union-attr]


def _options() -> Iterator[str]:
    kinds = get_type_hints(SenderOptions)
    return _table(
        ("Option", "Value", "Default", "Meaning"),
        (
            (f"`{name}`", _kind(kinds[name]), f"`{_written(default)}`", about)
            for name, default, about in described_options()
        ),
    )


def _kind(kind: Any) -> str:
    if kind is bool:
        return "yes or no"
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return ", ".join(f"`{each.value}`" for each in kind if each.value)
    if kind is int:
        return "whole number"
    return "text" if kind is str else "list of texts"


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "[]" if value == () else str(value) or "''"


def _profiles() -> Iterator[str]:
    shelf = Shelf.of()

    def row(name: str) -> tuple[str, str, str]:
        path = shelf.find(f"{name}.yaml")
        about = _ABOUT.search(path.read_text("utf-8")) if path else None
        return f"`{name}`", shelf.language(name), about[1].strip("'\"") if about else ""

    return _table(("Profile", "Reads", "About"), map(row, shelf.profiles()))


BLOCKS: dict[str, Callable[[], Iterator[str]]] = {
    "profiles": _profiles,
    "keys": _keys(PROFILE_KEYS),
    "row_keys": _keys(ROW_KEYS),
    "when_keys": _keys(conditions.WHEN_KEYS),
    "rule_keys": _keys(RULE_KEYS),
    "columns": _keys(COLUMNS),
    "targets": _targets,
    "readers": _readers,
    "mappers": _mappers,
    "element_readers": _element_readers,
    "options": _options,
    "outbound_keys": _keys(OUTBOUND_KEYS),
    "outbound_row_keys": _keys(OUTBOUND_ROW_KEYS),
    "outbound_when_keys": _keys(OUTBOUND_WHEN_KEYS),
    "outbound_values": lambda: _table(
        ("Value", "What it is"), ((f"`{name}`", about) for name, about in VALUES.items())
    ),
}
