r"""Code tables: CSV or YAML files beside the profiles, the first column the key.

In CSV a line that begins with `#` is a remark. In YAML a table is a list of rows, each with its
columns as keys; what a row leaves out is empty, and a list becomes texts with `\` between them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from bridge.mapping.documents import Node, read_document
from bridge.mapping.errors import ProfileError, instead

SCHEME = "scheme"
ANY = "*"
"""A key that ends so is for every code that begins like it; the longest such key counts."""


@dataclass(frozen=True, slots=True)
class CodeTable:
    """Rows by key, found whatever the case.

    A table with a column `scheme` holds a code once for each coding system; an empty scheme is for
    all others. `CT*` is for every code that begins with CT and has no row of its own.
    """

    name: str
    columns: tuple[str, ...]
    rows: Mapping[tuple[str, str], Mapping[str, str]]
    lines: Mapping[tuple[str, str], tuple[int, str]]
    """Where each row stands, and its key as written."""
    prefixes: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    """The rows whose keys end with `*`, by what is before it, the longest first."""

    @property
    def by_scheme(self) -> bool:
        """Whether the coding system is part of the key."""
        return SCHEME in self.columns

    def get(self, code: str, column: str, scheme: str = "") -> str | None:
        """The cell for a code, None when the code is not in the table; "" is a cell too."""
        code, scheme = code.strip().upper(), scheme.strip().upper()
        row = self.rows.get((code, scheme)) or (self.rows.get((code, "")) if scheme else None)
        if row is None and self.prefixes:
            row = self._by_prefix(code, scheme)
        return row[column] if row else None

    def _by_prefix(self, code: str, scheme: str) -> Mapping[str, str] | None:
        for (prefix, of_scheme), row in self.prefixes.items():
            if code.startswith(prefix) and of_scheme in ("", scheme):
                return row
        return None

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
    """Read a CSV or YAML file.

    Raises:
        ProfileError: no such file, a line of too many or too few cells, or a repeated key.
    """
    if path.suffix == ".yaml":
        return _make_table(path.name, *_read_yaml(read_document(path)))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ProfileError(path.name, 1, "there is no such file", f"create {path.name}") from None
    except UnicodeDecodeError:
        raise ProfileError(path.name, 1, "not UTF-8 text", "save the file as UTF-8") from None
    lines = _lines(text)
    _, header = next(lines, (1, []))
    if len(header) < 1 or not header[0]:
        raise ProfileError(path.name, 1, "no header", "name the columns in the first line")
    columns = tuple(header)
    return _make_table(
        path.name,
        columns,
        ((number, _row(path.name, number, columns, cells)) for number, cells in lines),
    )


def _make_table(
    name: str, columns: tuple[str, ...], lines: Iterable[tuple[int, dict[str, str]]]
) -> CodeTable:
    rows: dict[tuple[str, str], Mapping[str, str]] = {}
    places: dict[tuple[str, str], tuple[int, str]] = {}
    for number, row in lines:
        code = row[columns[0]]
        key = (code.upper(), _scheme(row))
        if key in rows:
            raise ProfileError(name, number, f"{code!r} stands twice", "keep one of them")
        rows[key] = row
        places[key] = (number, code)
    return CodeTable(name, columns, rows, places, _prefixes(rows))


def _prefixes(
    rows: Mapping[tuple[str, str], Mapping[str, str]],
) -> dict[tuple[str, str], Mapping[str, str]]:
    found = {(c[:-1], s): row for (c, s), row in rows.items() if c.endswith(ANY)}
    return dict(sorted(found.items(), key=lambda each: (-len(each[0][0]), not each[0][1])))


def _read_yaml(root: Node) -> tuple[tuple[str, ...], list[tuple[int, dict[str, str]]]]:
    if not isinstance(root.content, list) or not root.content:
        raise root.error("no list of rows", "write `- {code: CT1, modality: CT}`")
    entries = [item.entries() for item in root.items]
    columns = tuple(dict.fromkeys(column for each in entries for column in each))
    rows = []
    for item, said in zip(root.items, entries, strict=True):
        if columns[0] not in said:
            raise item.error(f"a row without {columns[0]!r}", f"add `{columns[0]}:`")
        cells = {name: "\\".join(node.texts) for name, node in said.items()}
        rows.append((item.line, {name: cells.get(name, "").strip() for name in columns}))
    return columns, rows


def find_column(table: CodeTable, column: str, file: str, line: int) -> str:
    """Check that a table has a column.

    Raises:
        ProfileError: it has not.
    """
    if column not in table.columns:
        fix = instead(column, table.columns)
        raise ProfileError(file, line, f"{table.name} has no column {column!r}", fix)
    return column


def refuse_misspelt(table: CodeTable, column: str) -> None:
    """Check that a table without an optional column does not have it under a similar name.

    Raises:
        ProfileError: it has.
    """
    for written in get_close_matches(column, table.columns, n=1, cutoff=0.8):
        raise ProfileError(table.name, 1, f"no column {written!r}", f"did you mean {column}?")


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
