"""What receivers have on record of single procedures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
PK = sa.BigInteger().with_variant(sa.Integer, "sqlite")

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "told_procedure",
        sa.Column("destination", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("procedure_pk", PK, autoincrement=False, nullable=False),
        sa.Column("content_hash", TEXT, server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["procedure_pk"],
            ["requested_procedure.pk"],
            name=op.f("fk_told_procedure_procedure_pk"),
        ),
        sa.PrimaryKeyConstraint(
            "destination", "subject", "procedure_pk", name=op.f("pk_told_procedure")
        ),
    )
    op.create_index("ix_told_procedure_procedure_pk", "told_procedure", ["procedure_pk"])


def downgrade() -> None:
    raise NotImplementedError("receivers would be told again, and nothing be taken back")
