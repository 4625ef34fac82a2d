"""Markdown as the statement is written in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; what would end a cell is written so that it does not."""
    lines = [_row(heads), "|" + "---|" * len(heads), *map(_row, rows)]
    return "\n".join(lines)


def section(level: int, title: str, *blocks: str) -> str:
    """A heading and the blocks below it, a blank line between each."""
    return "\n\n".join([f"{'#' * level} {title}", *(block for block in blocks if block)])


def code(text: object) -> str:
    """Words of the wire."""
    return f"`{text}`"


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(_cell(str(each)) for each in cells) + " |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
