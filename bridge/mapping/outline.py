"""What a profile says after all that it extends, as plain texts: to see how two of them differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from bridge.mapping.chain import ProfileDocument, read_chain
from bridge.mapping.difference import Difference
from bridge.mapping.documents import Node
from bridge.mapping.shelf import Shelf
from bridge.mapping.tables import read_table

_MERGED = ("tables", "options", "authorities", "defaults", "systems", "statuses")
"""Sections whose keys are laid over each other one by one."""

_LISTED = ("imaging", "order_control")
"""Sections whose items are added to those of what is extended."""


def outline(name: str, directory: Path | None, keys: Collection[str]) -> dict[str, str]:
    """What a profile says, by path: rows by level and target, options, rules, rows of tables.

    Raises:
        ProfileError: the profile or what it extends cannot be read.
    """
    shelf = Shelf.of(directory)
    said: dict[str, str] = {}
    for document in read_chain(name, shelf, keys):
        _remove(said, document)
        for section, node in document.entries.items():
            if section in _MERGED:
                said |= {f"{section}.{key}": _text(value) for key, value in node.entries().items()}
            elif section in _LISTED:
                for number, item in enumerate(node.items, start=1):
                    said[f"{section}.{document.name}[{number}]"] = _text(item)
            elif section == "rows":
                said |= dict(_rows(node))
    return said | dict(_tables(said, shelf))


def compare_outlines(before: dict[str, str], after: dict[str, str]) -> tuple[Difference, ...]:
    """What differs, in the order of the first."""
    return tuple(
        Difference(path, before.get(path, ""), after.get(path, ""))
        for path in dict.fromkeys((*before, *after))
        if before.get(path) != after.get(path)
    )


def _rows(node: Node) -> Iterator[tuple[str, str]]:
    """Rows for a target replace all rows for it in what is extended."""
    found: dict[str, list[str]] = {}
    for level, rows in node.entries().items():
        for row in rows.items:
            entries = row.entries()
            target = entries["to"].text if "to" in entries else ""
            rest = {key: value for key, value in entries.items() if key != "to"}
            text = _text(Node(rest, row.file, row.line))
            found.setdefault(f"rows.{level}.{target}", []).append(text)
    return ((path, "; ".join(texts)) for path, texts in found.items())


def _remove(said: dict[str, str], document: ProfileDocument) -> None:
    if "remove" not in document.entries:
        return
    removed = set(document.entries["remove"].texts)
    for path in [path for path in said if path.startswith("rows.")]:
        if path.rpartition(".")[2] in removed:
            del said[path]


def _tables(said: dict[str, str], shelf: Shelf) -> Iterator[tuple[str, str]]:
    """The rows of the tables that the profile names itself."""
    for path, file in said.items():
        section, _, name = path.partition(".")
        found = shelf.find(file) if section == "tables" else None
        if found is None:
            continue
        table = read_table(found)
        for (code, scheme), row in table.rows.items():
            cells = ", ".join(f"{column}={cell}" for column, cell in row.items() if cell)
            yield f"tables.{name}[{code}{f'^{scheme}' if scheme else ''}]", cells


def _text(node: Node) -> str:
    """A value as YAML would write it on one line."""
    content = node.content
    if isinstance(content, dict):
        return f"{{{', '.join(f'{key}: {_text(value)}' for key, value in content.items())}}}"
    if isinstance(content, list):
        return f"[{', '.join(map(_text, content))}]"
    return content
