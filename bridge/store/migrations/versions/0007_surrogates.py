"""Surrogates of identifiers that are too long for DICOM."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "surrogate",
        sa.Column("value", TEXT, nullable=False),
        sa.Column("original", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("value", name=op.f("pk_surrogate")),
    )


def downgrade() -> None:
    op.drop_table("surrogate")
