"""The words of names, so that a person is found by any of them in any order."""

from __future__ import annotations

from sqlalchemy import Column, Double, LargeBinary, Table

from bridge.store.tables.columns import PK, TEXT, metadata

# A projection of patients and studies that follows them at some distance (`name_index`): orders
# and images, which arrive by the hundred, do not wait for it. `bits` are of `name_postings`. The
# block leads, for whoever writes is in the newest and whoever reads begins there.
name_posting = Table(
    "name_posting",
    metadata,
    Column("kind", TEXT, primary_key=True),
    Column("block", PK, primary_key=True, autoincrement=False),
    Column("word", TEXT, primary_key=True),
    Column("bits", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# What versions before `name_posting` search, and keep up while nodes of theirs work beside ours.
name_word = Table(
    "name_word",
    metadata,
    Column("kind", TEXT, primary_key=True),
    Column("word", TEXT, primary_key=True),
    Column("row_pk", PK, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

name_index = Table(
    "name_index",
    metadata,
    Column("kind", TEXT, primary_key=True),
    Column("until", Double, nullable=False),
    Column("row_pk", PK, nullable=False),
)
