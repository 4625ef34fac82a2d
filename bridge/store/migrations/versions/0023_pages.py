"""When orders came on the worklist, and which mapping profiles were in force."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
PK = sa.BigInteger().with_variant(sa.Integer, "sqlite")

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("imaging_service_request", sa.Column("listed_at", sa.Double(), nullable=True))
    op.create_table(
        "mapping_version",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("profile", TEXT, server_default="", nullable=False),
        sa.Column("language", TEXT, server_default="", nullable=False),
        sa.Column("digest", TEXT, server_default="", nullable=False),
        sa.Column("outline", sa.JSON(), nullable=False),
        sa.Column("taken_up_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_mapping_version")),
    )
    op.create_index("ix_mapping_version_profile", "mapping_version", ["profile", "pk"])


def downgrade() -> None:
    raise NotImplementedError("an older version would not say when orders are listed")
