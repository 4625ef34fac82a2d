"""The newest messages that mention an identifier, of which there may be very many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Select, Subquery, desc, func, select, union_all

from bridge.domain.journal import Mention
from bridge.store.tables import mention

_LONGEST = 250


def newest_mentioning(value: str, most: int, before: int | None = None) -> Select[Any]:
    """The rows of those before a row: all of the newest `most`, and of each kind no more."""
    every = list(_of_each_kind(value, before, most))
    return select(union_all(*(select(each.c.message_pk) for each in every)).subquery())


def mentioned_most_since(
    connection: Connection, value: str, most: int, before: int | None = None
) -> int:
    """From which row on `newest_mentioning` gives all there are; 0 when that is from the first."""
    every = _of_each_kind(value, before, 1, most - 1)
    farthest = union_all(*(select(each.c.message_pk) for each in every)).subquery()
    found = connection.execute(select(func.max(farthest.c.message_pk)))
    return found.scalar() or 0


def _of_each_kind(value: str, before: int | None, most: int, but: int = 0) -> Iterator[Subquery]:
    """Kind by kind, for of each the index has them in order."""
    for kind in Mention:
        query = select(mention.c.message_pk).where(
            mention.c.value == value[:_LONGEST], mention.c.kind == kind.value
        )
        if before is not None:
            query = query.where(mention.c.message_pk < before)
        yield query.order_by(desc(mention.c.message_pk)).limit(most).offset(but).subquery()
