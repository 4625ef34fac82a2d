"""The words of names in blocks of rows: two that half of all people bear are compared at once.

`name_word` stays as it is for nodes of the version before.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, islice
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from bridge.store.name_postings import dump, place_of

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
PK = sa.BigInteger().with_variant(sa.Integer, "sqlite")

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_BATCH = 2000


def upgrade() -> None:
    op.create_table(
        "name_posting",
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("block", PK, autoincrement=False, nullable=False),
        sa.Column("word", TEXT, nullable=False),
        sa.Column("bits", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "block", "word", name=op.f("pk_name_posting")),
        sqlite_with_rowid=False,
    )
    _fill(op.get_bind())


def _fill(connection: sa.Connection) -> None:
    """What was indexed by words is by blocks, and as far."""
    columns = ("kind", "block", "word", "bits")
    posting = sa.table("name_posting", *(sa.column(name) for name in columns))
    rows = _postings(connection)
    while batch := list(islice(rows, _BATCH)):
        connection.execute(posting.insert(), batch)
    connection.execute(
        sa.text(
            "INSERT INTO name_index (kind, until, row_pk)"
            " SELECT kind || ' postings', until, row_pk FROM name_index"
        )
    )


def _postings(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    query = sa.text("SELECT kind, word, row_pk FROM name_word ORDER BY kind, word, row_pk")
    with connection.execute(query, execution_options={"yield_per": 10_000}) as words:
        placed = ((row.kind, *place_of(row.row_pk, row.word)) for row in words)
        for (kind, place), rows in groupby(placed, key=lambda row: row[:2]):
            bits = sum(bit for _kind, _place, bit in rows)
            yield {"kind": kind, "block": place[0], "word": place[1], "bits": dump(bits)}


def downgrade() -> None:
    raise NotImplementedError("nothing is gained by it: what it adds is left alone")
