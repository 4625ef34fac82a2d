"""The columns that all tables are made of, and their one catalogue."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, Text
from sqlalchemy.dialects import postgresql

# Compared by code point on both databases: ranges and prefixes must not depend on a locale.
TEXT = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows itself only in a column that is literally INTEGER.
PK = BigInteger().with_variant(Integer, "sqlite")


def pk() -> Column[int]:
    """The number a row is known by inside the database."""
    return Column("pk", PK, primary_key=True, autoincrement=True)


def text_column(name: str, default: str = "") -> Column[str]:
    """A text that is empty when nothing was said."""
    return Column(name, TEXT, nullable=False, server_default=default)
