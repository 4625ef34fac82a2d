"""What destinations have of the images."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "forwarded_instance",
        sa.Column("destination", TEXT, nullable=False),
        sa.Column("study_instance_uid", TEXT, nullable=False),
        sa.Column("sop_instance_uid", TEXT, nullable=False),
        sa.Column("forwarded_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint(
            "destination",
            "study_instance_uid",
            "sop_instance_uid",
            name=op.f("pk_forwarded_instance"),
        ),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise NotImplementedError("everything would be forwarded again")
