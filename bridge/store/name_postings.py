"""Which rows have a word: bits, for each word and each block of rows that follow one another.

Two words that half of all people bear are compared in blocks of thousands at once, whatever they
have in common. A block is stored as the lesser of two forms: the numbers of its rows, two bytes
each, or all its bits.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from bridge.store.statement import Statement
from bridge.store.tables import name_posting
from bridge.store.tables.columns import PK

BLOCK = 4096
"""Rows of a block; never another, for what is stored depends on it."""

_BYTES_OF_ALL = BLOCK // 8
_WORDS_AT_ONCE = 500
_POSTING = name_posting.c

_CHOSEN = select(_POSTING.block, _POSTING.bits).where(
    _POSTING.kind == bindparam("kind"),
    _POSTING.word >= bindparam("first"),
    _POSTING.word <= bindparam("last"),
)
# A list as one parameter: the statement is the same however many blocks are looked at.
_LISTED = func.json_each(bindparam("blocks")).table_valued("value")
_READ_SQLITE = Statement(_CHOSEN.where(_POSTING.block.in_(select(_LISTED.c.value))))
_READ_POSTGRESQL = Statement(
    _CHOSEN.where(_POSTING.block == func.any(bindparam("blocks", type_=postgresql.ARRAY(PK))))
)

Place = tuple[int, str]
"""A block and a word."""


def dump(bits: int) -> bytes:
    """As it is stored."""
    if bits.bit_count() * 2 >= _BYTES_OF_ALL:
        return bits.to_bytes(_BYTES_OF_ALL, "little")
    numbers = sorted(_set_bits(bits))
    return struct.pack(f"<{len(numbers)}H", *numbers)


def load(stored: bytes) -> int:
    """What was stored."""
    if len(stored) == _BYTES_OF_ALL:
        return int.from_bytes(stored, "little")
    bits = 0
    for number in struct.unpack(f"<{len(stored) // 2}H", stored):
        bits |= 1 << number
    return bits


def place_of(row_pk: int, word: str) -> tuple[Place, int]:
    """Where a row's word is kept, and the row's bit there."""
    block, number = divmod(row_pk, BLOCK)
    return (block, word), 1 << number


def rows_of(block: int, bits: int) -> Iterator[int]:
    """The rows of a block, the newest first."""
    return (block * BLOCK + number for number in _set_bits(bits))


def _set_bits(bits: int) -> Iterator[int]:
    while bits:
        highest = bits.bit_length() - 1
        yield highest
        bits ^= 1 << highest


def newest_block(connection: Connection, kind: str) -> int:
    """The last block that has any; -1 when there is none."""
    found = connection.execute(select(func.max(_POSTING.block)).where(_POSTING.kind == kind))
    newest = found.scalar()
    return -1 if newest is None else int(newest)


def read(
    connection: Connection, kind: str, blocks: Sequence[int], word: str, *, whole: bool
) -> tuple[dict[int, int], int]:
    """The rows of these blocks with a word, or with one that begins so; and what that cost.

    The cost is how many words were read, in each block anew.
    """
    on_sqlite = connection.dialect.name == sqlite.dialect.name
    of_blocks = json.dumps(blocks) if on_sqlite else list(blocks)
    asked = {
        "kind": kind,
        "blocks": of_blocks,
        "first": word,
        "last": word if whole else _end(word),
    }
    stored = (_READ_SQLITE if on_sqlite else _READ_POSTGRESQL).rows(connection, asked)
    found: dict[int, int] = {}
    for block, bits in stored:
        found[block] = found.get(block, 0) | load(bits)
    return found, len(stored)


def _end(word: str) -> str:
    """Beyond every word that begins so."""
    return word + "\U0010ffff"


def add(connection: Connection, kind: str, rows: Iterable[tuple[int, str]]) -> None:
    """Keep which rows have which words. One transaction at a time: it writes what it read."""
    added: dict[Place, int] = {}
    for row_pk, word in rows:
        place, bit = place_of(row_pk, word)
        added[place] = added.get(place, 0) | bit
    known = _known(connection, kind, added)
    changed = [
        {"kind": kind, "block": place[0], "word": place[1], "bits": dump(bits | had)}
        for place, bits in added.items()
        if bits | (had := known.get(place, 0)) != had
    ]
    if changed:
        on_sqlite = connection.dialect.name == sqlite.dialect.name
        new = (sqlite if on_sqlite else postgresql).insert(name_posting)
        key = (_POSTING.kind, _POSTING.block, _POSTING.word)
        kept = new.on_conflict_do_update(index_elements=key, set_={"bits": new.excluded.bits})
        connection.execute(kept, changed)


def _known(connection: Connection, kind: str, places: Iterable[Place]) -> dict[Place, int]:
    """What is kept at these places."""
    words: dict[int, list[str]] = {}
    for block, word in places:
        words.setdefault(block, []).append(word)
    found: dict[Place, int] = {}
    for block, every in words.items():
        for first in range(0, len(every), _WORDS_AT_ONCE):
            query = select(_POSTING.word, _POSTING.bits).where(
                _POSTING.kind == kind,
                _POSTING.block == block,
                _POSTING.word.in_(every[first : first + _WORDS_AT_ONCE]),
            )
            found |= {(block, word): load(bits) for word, bits in connection.execute(query)}
    return found
