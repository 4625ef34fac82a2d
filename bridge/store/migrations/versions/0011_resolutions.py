"""What persons decided of studies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
PK = sa.BigInteger().with_variant(sa.Integer, "sqlite")

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "study_resolution",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("study_pk", PK, nullable=False),
        sa.Column("action", TEXT, server_default="", nullable=False),
        sa.Column("procedure_pks", sa.JSON(), nullable=False),
        sa.Column("who", TEXT, server_default="", nullable=False),
        sa.Column("reason", TEXT, server_default="", nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("undone_by", TEXT, server_default="", nullable=False),
        sa.Column("undone_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["study_pk"], ["study.pk"], name=op.f("fk_study_resolution_study_pk")
        ),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_study_resolution")),
    )
    with op.batch_alter_table("study_resolution", schema=None) as batch_op:
        batch_op.create_index("ix_study_resolution_study_pk", ["study_pk"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("what persons decided would be lost")
