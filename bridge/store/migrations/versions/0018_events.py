"""How orders stood when destinations were told of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
PK = sa.BigInteger().with_variant(sa.Integer, "sqlite")

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "order_notice",
        sa.Column("order_pk", PK, autoincrement=False, nullable=False),
        sa.Column("notice", TEXT, server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["order_pk"],
            ["imaging_service_request.pk"],
            name=op.f("fk_order_notice_order_pk"),
        ),
        sa.PrimaryKeyConstraint("order_pk", name=op.f("pk_order_notice")),
    )


def downgrade() -> None:
    raise NotImplementedError("orders would be told of again")
