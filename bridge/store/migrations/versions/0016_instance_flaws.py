"""What is wrong with instances that were kept all the same."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "instance_flaw",
        sa.Column("sop_instance_uid", TEXT, nullable=False),
        sa.Column("study_instance_uid", TEXT, server_default="", nullable=False),
        sa.Column("flaws", sa.JSON(), nullable=False),
        sa.Column("peer", TEXT, server_default="", nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("sop_instance_uid", name=op.f("pk_instance_flaw")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_instance_flaw_study_instance_uid", "instance_flaw", ["study_instance_uid"])


def downgrade() -> None:
    raise NotImplementedError("what is wrong with instances would be forgotten")
