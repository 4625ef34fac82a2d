"""What persons hold back, which destinations are down, and what was said at each attempt."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
PK = sa.BigInteger().with_variant(sa.Integer, "sqlite")

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "delivery", sa.Column("in_doubt", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    for name in ("request", "answered", "response"):
        op.add_column("attempt", sa.Column(name, TEXT, server_default="", nullable=False))
    op.create_index(
        "ix_delivery_finished_at",
        "delivery",
        ["finished_at"],
        sqlite_where=sa.text("finished_at IS NOT NULL"),
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )
    op.create_table(
        "delivery_hold",
        sa.Column("destination", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("upto_pk", PK, nullable=False),
        sa.Column("who", TEXT, server_default="", nullable=False),
        sa.Column("reason", TEXT, server_default="", nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("destination", "subject", name=op.f("pk_delivery_hold")),
    )
    op.create_index("ix_attempt_message_pk", "attempt", ["message_pk"])
    op.create_table(
        "retention_pass",
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("position", PK, nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("removed", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("removed_ever", PK, nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_retention_pass")),
    )
    op.create_table(
        "legal_hold",
        sa.Column("value", TEXT, nullable=False),
        sa.Column("who", TEXT, server_default="", nullable=False),
        sa.Column("reason", TEXT, server_default="", nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("value", name=op.f("pk_legal_hold")),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Room of removed rows is to be used again soon, however large the table has become.
        for table in ("message", "mention", "delivery", "attempt"):
            op.execute(f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0.02)")
    op.create_table(
        "destination_outage",
        sa.Column("destination", TEXT, nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("reason", TEXT, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("destination", name=op.f("pk_destination_outage")),
    )


def downgrade() -> None:
    raise NotImplementedError("an older version would send what persons hold back")
