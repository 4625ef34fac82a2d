"""Requests for storage commitment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
PK = sa.BigInteger().with_variant(sa.Integer, "sqlite")

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "storage_commitment",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("ae_title", TEXT, server_default="", nullable=False),
        sa.Column("transaction_uid", TEXT, server_default="", nullable=False),
        sa.Column("instances", sa.JSON(), nullable=False),
        sa.Column("requested_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_storage_commitment")),
        sa.UniqueConstraint(
            "ae_title",
            "transaction_uid",
            name=op.f("uq_storage_commitment_ae_title_transaction_uid"),
        ),
    )


def downgrade() -> None:
    raise NotImplementedError("requests for storage commitment would be lost")
