"""What passed over links to peers, and what somebody was alerted to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
PK = sa.BigInteger().with_variant(sa.Integer, "sqlite")

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "link",
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("peer", TEXT, nullable=False),
        sa.Column("first_seen_at", sa.Double(), nullable=False),
        sa.Column("last_success_at", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_failure_at", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_failure", TEXT, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("kind", "peer", name=op.f("pk_link")),
    )
    op.create_table(
        "link_hour",
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("peer", TEXT, nullable=False),
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("successes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "peer", "hour", name=op.f("pk_link_hour")),
    )
    op.create_index("ix_link_hour_hour", "link_hour", ["hour"])
    _create_alerts()


def _create_alerts() -> None:
    op.create_table(
        "alert",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("words", TEXT, server_default="", nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.Column("raised_at", sa.Double()),
        sa.Column("over_at", sa.Double()),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_alert")),
    )
    op.create_index(
        "uq_alert_key",
        "alert",
        ["key"],
        unique=True,
        sqlite_where=sa.text("over_at IS NULL"),
        postgresql_where=sa.text("over_at IS NULL"),
    )
    op.create_table(
        "alert_told",
        sa.Column("alert_pk", PK, autoincrement=False, nullable=False),
        sa.Column("channel", TEXT, nullable=False),
        sa.Column("what", TEXT, nullable=False),
        sa.Column("told_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["alert_pk"], ["alert.pk"], name=op.f("fk_alert_told_alert_pk")),
        sa.PrimaryKeyConstraint("alert_pk", "channel", "what", name=op.f("pk_alert_told")),
    )


def downgrade() -> None:
    raise NotImplementedError("what is usual would have to be learnt again")
