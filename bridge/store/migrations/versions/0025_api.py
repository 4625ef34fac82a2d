"""Keys of the JSON API."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("secret_hash", TEXT, server_default="", nullable=False),
        sa.Column("scopes", TEXT, server_default="", nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", TEXT, server_default="", nullable=False),
        sa.Column("expires_at", sa.Double()),
        sa.Column("last_used_at", sa.Double()),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_api_key")),
    )
    op.create_index("ix_api_key_secret_hash", "api_key", ["secret_hash"])


def downgrade() -> None:
    raise NotImplementedError("programs would be locked out")
