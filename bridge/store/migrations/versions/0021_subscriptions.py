"""Subscriptions that others hold here, and what they are told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
PK = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TEXTS = ("owner", "topic", "kinds", "state", "details", "document", "release", "error")
TIMES = ("started_at", "sent_at", "updated_at", "ends_at")

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "subscription",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        *(sa.Column(name, TEXT, server_default="", nullable=False) for name in TEXTS),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("events", PK, server_default=sa.text("0"), nullable=False),
        sa.Column("sent", PK, server_default=sa.text("0"), nullable=False),
        *(
            sa.Column(name, sa.Double(), server_default=sa.text("0"), nullable=False)
            for name in TIMES
        ),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_subscription")),
        sa.UniqueConstraint("id", name=op.f("uq_subscription_id")),
    )
    op.create_table(
        "subscription_event",
        sa.Column("subscription_pk", PK, autoincrement=False, nullable=False),
        sa.Column("number", PK, autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("subject", TEXT, server_default="", nullable=False),
        sa.Column("said", TEXT, server_default="", nullable=False),
        sa.Column("cause", PK, nullable=False),
        sa.Column("focus", TEXT, server_default="", nullable=False),
        sa.Column("context", TEXT, server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_pk"],
            ["subscription.pk"],
            name=op.f("fk_subscription_event_subscription_pk"),
        ),
        sa.PrimaryKeyConstraint("subscription_pk", "number", name=op.f("pk_subscription_event")),
    )
    op.create_index(
        "ix_subscription_event_subject",
        "subscription_event",
        ["subscription_pk", "subject", "number"],
    )


def downgrade() -> None:
    raise NotImplementedError("subscribers would not be told any more")
