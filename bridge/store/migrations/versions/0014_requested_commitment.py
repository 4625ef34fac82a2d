"""Requests for storage commitment that archives were sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
PK = sa.BigInteger().with_variant(sa.Integer, "sqlite")

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "requested_commitment",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("transaction_uid", TEXT, server_default="", nullable=False),
        sa.Column("destination", TEXT, server_default="", nullable=False),
        sa.Column("study_instance_uid", TEXT, server_default="", nullable=False),
        sa.Column("instances", sa.JSON(), nullable=False),
        sa.Column("requested_at", sa.Double(), nullable=False),
        sa.Column("answered_at", sa.Double(), nullable=True),
        sa.Column("shown_as", TEXT, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_requested_commitment")),
        sa.UniqueConstraint(
            "transaction_uid", name=op.f("uq_requested_commitment_transaction_uid")
        ),
    )
    op.create_index(
        op.f("ix_requested_commitment_destination_study_instance_uid"),
        "requested_commitment",
        ["destination", "study_instance_uid"],
    )


def downgrade() -> None:
    raise NotImplementedError("archives would answer requests that nobody knows of any more")
