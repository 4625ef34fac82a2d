"""Code tables: CSV files beside the profiles, the first column the key, `#` for remarks."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.mapping.errors import ProfileError, instead

SCHEME = "scheme"


@dataclass(frozen=True, slots=True)
class CodeTable:
    """Rows by key, found whatever the case.

    A table with a column `scheme` holds a code once for each coding system; an empty scheme is for
    all others.
    """

    name: str
    columns: tuple[str, ...]
    rows: Mapping[tuple[str, str], Mapping[str, str]]
    lines: Mapping[tuple[str, str], tuple[int, str]]
    """Where each row stands, and its key as written."""

    @property
    def by_scheme(self) -> bool:
        """Whether the coding system is part of the key."""
        return SCHEME in self.columns

    def get(self, code: str, column: str, scheme: str = "") -> str | None:
        """The cell for a code, None when the code is not in the table; "" is a cell too."""
        code, scheme = code.strip().upper(), scheme.strip().upper()
        row = self.rows.get((code, scheme)) or (self.rows.get((code, "")) if scheme else None)
        return row[column] if row else None

    def patterns(self, column: str) -> tuple[tuple[re.Pattern[str], str], ...]:
        """The keys as regular expressions to search for, in the order of the file.

        Raises:
            ProfileError: a key is no regular expression.
        """
        return tuple(
            (_compile(self.name, *self.lines[key]), row[column]) for key, row in self.rows.items()
        )

    def default_column(self) -> str:
        """The column after the key (and the scheme)."""
        return next((c for c in self.columns[1:] if c != SCHEME), self.columns[0])


def read_table(path: Path) -> CodeTable:
    """Read a CSV file.

    Raises:
        ProfileError: no such file, a line of too many or too few cells, or a repeated key.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ProfileError(path.name, 1, "there is no such file", f"create {path.name}") from None
    lines = _lines(text)
    _, header = next(lines, (1, []))
    if len(header) < 1 or not header[0]:
        raise ProfileError(path.name, 1, "no header", "name the columns in the first line")
    columns = tuple(header)
    rows: dict[tuple[str, str], Mapping[str, str]] = {}
    places: dict[tuple[str, str], tuple[int, str]] = {}
    for number, cells in lines:
        row = _row(path.name, number, columns, cells)
        key = (cells[0].upper(), _scheme(row))
        if key in rows:
            raise ProfileError(path.name, number, f"{cells[0]!r} stands twice", "keep one of them")
        rows[key] = row
        places[key] = (number, cells[0])
    return CodeTable(path.name, columns, rows, places)


def find_column(table: CodeTable, column: str, file: str, line: int) -> str:
    """Check that a table has a column.

    Raises:
        ProfileError: it has not.
    """
    if column not in table.columns:
        fix = instead(column, table.columns)
        raise ProfileError(file, line, f"{table.name} has no column {column!r}", fix)
    return column


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            yield number, [cell.strip() for cell in next(csv.reader([line]))]


def _row(file: str, line: int, columns: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    if len(cells) != len(columns):
        problem = f"{len(cells)} cells for {len(columns)} columns"
        raise ProfileError(file, line, problem, "write one cell for each column")
    return dict(zip(columns, cells, strict=True))


def _scheme(row: Mapping[str, str]) -> str:
    return row.get(SCHEME, "").upper()


def _compile(file: str, line: int, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise ProfileError(file, line, f"not a regular expression: {error}", "mend it") from None
