"""Tables of words: patterns to search a description for, and what they speak for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bridge.mapping.errors import ProfileError
from bridge.mapping.tables import CodeTable

BESIDE, DECIDES = "beside", "decides"
"""Columns with a meaning of their own, where a table has them: see `Words`."""

_YES_NO = ("yes", "no", "")


@dataclass(frozen=True, slots=True)
class Found:
    """What the words of a text speak for. Doubtful: for several things, so `cell` is empty."""

    cell: str = ""
    spoken: str = ""

    @property
    def is_doubtful(self) -> bool:
        """Whether they speak for several things."""
        return bool(self.spoken)


_NOTHING = Found()


@dataclass(frozen=True, slots=True)
class _Word:
    pattern: re.Pattern[str]
    cell: str
    beside: frozenset[str]
    decides: bool


@dataclass(frozen=True, slots=True)
class Words:
    """The rows of a table, in order.

    Without a column `beside` the first row that is found counts. With it, words of other rows may
    stand in the same text only when the first names what they speak for there. A column `decides`
    says `no` for words that are no sign by themselves.
    """

    rows: tuple[_Word, ...]
    is_strict: bool

    def find(self, text: str) -> Found:
        """What a text speaks for."""
        first: _Word | None = None
        others: list[str] = []
        for row in self.rows:
            match = row.pattern.search(text)
            if match is None:
                continue
            if first is None or not first.cell:
                first = row
                if not self.is_strict:
                    break
                # What was read is not read again: MRI within "for MRI", CT within "PET/CT".
                text = f"{text[: match.start()]}\n{text[match.end() :]}"
            elif row.cell and row.cell != first.cell and row.cell not in first.beside:
                others.append(row.cell)
        if first is None:
            return _NOTHING
        if others:
            return Found(spoken=", ".join(dict.fromkeys((first.cell, *others))))
        return Found(first.cell)

    def decide(self, text: str) -> bool:
        """Whether the words are a sign, whatever they speak for."""
        for row in self.rows:
            match = row.pattern.search(text)
            if match is None:
                continue
            if row.decides:
                return True
            if not row.cell:
                text = f"{text[: match.start()]}\n{text[match.end() :]}"
        return False


def read_words(table: CodeTable, column: str = "") -> Words:
    """Compile a table of words; `column` holds what they speak for.

    Raises:
        ProfileError: a key is no regular expression, or `decides` neither yes nor no.
    """
    column = column or table.default_column()
    rows = []
    for key, cells in table.rows.items():
        line, written = table.lines[key]
        decides = cells.get(DECIDES, "").casefold()
        if decides not in _YES_NO:
            raise ProfileError(table.name, line, f"{decides!r} is neither yes nor no", "write one")
        beside = frozenset(cells.get(BESIDE, "").split())
        pattern = _compile(table.name, line, written)
        rows.append(_Word(pattern, cells[column], beside, decides != "no"))
    return Words(tuple(rows), BESIDE in table.columns)


def _compile(file: str, line: int, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise ProfileError(file, line, f"not a regular expression: {error}", "mend it") from None
