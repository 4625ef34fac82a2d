"""The fixed list of mappers that rows may name: each changes a text it was given."""

from __future__ import annotations

import re
from functools import lru_cache

from bridge.domain.errors import TableValueNotFound
from bridge.domain.order import CodedConcept
from bridge.mapping.errors import instead
from bridge.mapping.source import Place, Run, Segment
from bridge.mapping.tables import CodeTable, find_column, refuse_misspelt
from bridge.mapping.targets import Kind
from bridge.mapping.uses import Mapper, Tables, Transform, Use
from bridge.mapping.words import read_words

_WHEN_MISSING = ("skip", "warn", "keep", "refuse")


def give_nothing(_value: str, _segment: Segment, _place: Place, _run: Run) -> None:
    """Say nothing: of tables without the column or without rows. Such sources are not asked."""


def make_table(use: Use, _place: Place, tables: Tables) -> Mapper:
    """Look the text up in a code table; `missing` says what an unknown one does.

    It is skipped (the default), skipped with a warning, kept as it is, or refuses the message with
    HL7's 103. With `optional: yes` a table need not have the column, and an empty cell says
    nothing; otherwise an empty cell says that what is on record is withdrawn.
    """
    use.allow("name", "column", "missing", "optional")
    table, column = _find_table(use, tables)
    missing = use.get("missing")
    policy = missing.text if missing else "skip"
    if missing and policy not in _WHEN_MISSING:
        raise missing.error(f"unknown {policy!r}", instead(policy, _WHEN_MISSING))
    if column not in table.columns or (policy == "skip" and not table.rows):
        return give_nothing
    scheme_after = 2 if table.by_scheme else 0
    optional = use.get("optional")
    empty = None if optional is not None and optional.flag else ""

    def look_up(value: str, segment: Segment, place: Place, run: Run) -> str | None:
        scheme = segment.field(place.field, 0, place.component + 2) if scheme_after else ""
        found = table.get(value, column, scheme)
        if found is not None:
            return found or empty
        if policy == "keep":
            return value
        if policy == "refuse":
            text = f"not in the table {table.name.removesuffix('.csv')}"
            run.refuse(TableValueNotFound(text, location=place.location(segment)))
        elif policy == "warn":
            run.leave_out(place.location(segment), f"not in the table {table.name}")
        return None

    return look_up


def make_words(use: Use, _place: Place, tables: Tables) -> Mapper:
    """Search the text for the patterns of a table; the first that is found decides.

    Words that speak for different things leave it open, with a warning.
    """
    use.allow("name", "column")
    table, column = _find_table(use, tables)
    # Descriptions come from a catalogue: the same ones over and over.
    find = lru_cache(maxsize=4096)(read_words(table, column).find)

    def search(value: str, segment: Segment, place: Place, run: Run) -> str | None:
        found = find(value)
        if found.is_doubtful:
            run.warn(place.location(segment), f"its words speak for {found.spoken}; none is taken")
        return found.cell or None

    return search


def _find_table(use: Use, tables: Tables) -> tuple[CodeTable, str]:
    name = use.get("name") or use.argument
    if name is None:
        raise use.node.error(f"{use.name} of what?", f"write {{{use.name}: NAME}}")
    table = tables(name)
    column = use.get("column")
    if column is None:
        return table, table.default_column()
    optional = use.get("optional")
    if optional is not None and optional.flag and column.text not in table.columns:
        refuse_misspelt(table, column.text)
        return table, column.text
    return table, find_column(table, column.text, column.file, column.line)


def make_match(use: Use, _place: Place, _tables: Tables) -> Mapper:
    r"""Keep a text that matches a regular expression as a whole; `value` may use `\1`."""
    use.allow("pattern", "value")
    pattern_node = use.get("pattern") or use.argument
    if pattern_node is None:
        raise use.node.error("match of what?", "write {match: PATTERN}")
    try:
        pattern = re.compile(pattern_node.text)
    except re.error as error:
        raise pattern_node.error(f"not a regular expression: {error}", "mend it") from None
    value_node = use.get("value")
    template = value_node.text if value_node else r"\g<0>"

    def match(value: str, _segment: Segment, _place: Place, _run: Run) -> str | None:
        found = pattern.fullmatch(value)
        return found.expand(template) or None if found else None

    return match


def make_upper(_use: Use, _place: Place, _tables: Tables) -> Mapper:
    """Capitals."""
    return lambda value, _segment, _place, _run: value.upper()


def make_code(_use: Use, _place: Place, _tables: Tables) -> Mapper:
    """`value^meaning^scheme` → code, for cells of a table."""

    def build(value: str, _segment: Segment, _place: Place, run: Run) -> CodedConcept | None:
        code, meaning, scheme = (*value.split("^"), "", "")[:3]
        return CodedConcept(code, scheme or run.site.local_scheme, meaning or code)

    return build


MAPPERS: dict[str, Transform] = {
    "table": Transform(Kind.TEXT, make_table),
    "words": Transform(Kind.TEXT, make_words),
    "match": Transform(Kind.TEXT, make_match),
    "upper": Transform(Kind.TEXT, make_upper),
    "code": Transform(Kind.CODE, make_code),
}
