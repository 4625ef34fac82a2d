"""How far each server that we ask was read, and images that others hold."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("study", sa.Column("announced", sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        "source_cursor",
        sa.Column("source", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("since", TEXT, server_default="", nullable=False),
        sa.Column("asked_at", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("answered_at", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("problem", TEXT, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("source", "kind", name=op.f("pk_source_cursor")),
    )
    op.create_table(
        "source_version",
        sa.Column("source", TEXT, nullable=False),
        sa.Column("reference", TEXT, nullable=False),
        sa.Column("version", TEXT, server_default="", nullable=False),
        sa.Column("updated_at", TEXT, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("source", "reference", name=op.f("pk_source_version")),
    )
    op.create_index("ix_source_version_updated_at", "source_version", ["source", "updated_at"])


def downgrade() -> None:
    op.drop_table("source_version")
    op.drop_table("source_cursor")
    op.drop_column("study", "announced")
