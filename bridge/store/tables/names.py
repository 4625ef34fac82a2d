"""The words of names, so that a person is found by any of them in any order."""

from __future__ import annotations

from sqlalchemy import Column, Double, Table

from bridge.store.tables.columns import PK, TEXT, metadata

# A projection of patients and studies that follows them at some distance (`name_index`): orders
# and images, which arrive by the hundred, do not wait for it.
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
