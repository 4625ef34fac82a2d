"""Attribute matching (PS3.4 C.2.2.2) as SQL conditions: what a key asks of a column.

A stored value of zero length never matches a key that asks for something.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_
from sqlalchemy.dialects import sqlite

from bridge.domain.attribute_matching import is_wildcard, name_pattern
from bridge.domain.names import fold_name
from bridge.domain.phonetics import sounds_sought
from bridge.domain.worklist import DateTimeRange

_LAST = "\U0010ffff"

Conditions = list[ColumnElement[bool]]


def in_range(column: ColumnElement[Any], bounds: DateTimeRange) -> Conditions:
    """Range matching (C.2.2.2.5): inclusive, an open end is empty."""
    if not bounds:
        return []
    conditions = [column >= bounds.first] if bounds.first else [column > ""]
    if bounds.last:
        conditions.append(column <= bounds.last)
    return conditions


def any_of(column: ColumnElement[Any], values: tuple[str, ...]) -> Conditions:
    """List matching: any of these, as they are."""
    return [column.in_(values)] if values else []


def any_text(column: ColumnElement[Any], texts: tuple[str, ...], dialect: str) -> Conditions:
    """Any of these, each a single value or with wildcards (C.2.2.2.4)."""
    if not texts:
        return []
    exact = tuple(t for t in texts if not is_wildcard(t))
    wild = [and_(column != "", like(column, t, dialect)) for t in texts if is_wildcard(t)]
    return [or_(column.in_(exact) if exact else false(), *wild)]


def matches_name(column: ColumnElement[Any], key: str, dialect: str) -> Conditions:
    """PN matching: accents, case and trailing carets do not count (PS3.4 C.2.2.2.1 lets us say).

    A key in ideographs, or whose first group is empty, is looked for in every component group.
    """
    if not key:
        return []
    folded = name_pattern(key)
    anywhere = folded.lstrip("=")
    if folded.isascii() and anywhere == folded:
        return _from_the_beginning(column, folded, dialect)
    further = [like(column, f"*={anywhere}{end}", dialect) for end in ("", "=*")]
    if anywhere != folded:
        return [column != "", or_(*further)]
    return [or_(and_(*_from_the_beginning(column, folded, dialect)), *further)]


def _from_the_beginning(column: ColumnElement[Any], folded: str, dialect: str) -> Conditions:
    if not is_wildcard(folded):
        return [or_(column == folded, column.startswith(folded + "=", autoescape=True))]
    prefix = folded.split("*", maxsplit=1)[0].split("?", maxsplit=1)[0]
    conditions = [column != "", like(column, folded, dialect)]
    if prefix:  # lets the index find the stretch of names before LIKE looks at each
        conditions = [column >= prefix, column < prefix + _LAST, *conditions]
    return conditions


def matches_words(column: ColumnElement[Any], key: str, dialect: str) -> Conditions:
    """Each word of a name begins a word of the name that is held, in any order (C.2.2.2.1.1)."""
    words = re.split(r"[ ^=]+", fold_name(key))
    return [
        or_(*(like(column, f"{before}{word}*", dialect) for before in ("", *_BEFORE_A_WORD)))
        for word in words
        if word.strip("*?")
    ]


_BEFORE_A_WORD = ("* ", "*^", "*=", "*-")


def matches_sound(column: ColumnElement[Any], key: str, dialect: str) -> Conditions:
    """Fuzzy matching of a name (`domain.phonetics`), on the column of its sounds."""
    return [like(column, f"*{each}*", dialect) for each in sounds_sought(key)]


def any_value(column: ColumnElement[Any], texts: tuple[str, ...], dialect: str) -> Conditions:
    """As `any_text`, on a column that may hold several values, joined by backslashes.

    A wildcard may reach over the end of one of several values.
    """
    if not texts:
        return []
    wild = [or_(*(like(column, p, dialect) for p in _among(t))) for t in texts if t]
    return [or_(*any_text(column, texts, dialect), *wild)]


def _among(text: str) -> tuple[str, str, str]:
    return f"{text}\\*", f"*\\{text}", f"*\\{text}\\*"


def like(column: ColumnElement[Any], pattern: str, dialect: str) -> ColumnElement[bool]:
    """Wildcard matching by the database: case counts on both."""
    if dialect == sqlite.dialect.name:
        return column.op("GLOB")(pattern.replace("[", "[[]"))
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return column.like(escaped.replace("*", "%").replace("?", "_"), escape="\\")
