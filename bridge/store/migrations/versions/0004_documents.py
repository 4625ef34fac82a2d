"""Resources as they were received, version by version, and when things changed last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
PK = sa.BigInteger().with_variant(sa.Integer, "sqlite")

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_CHANGED = ("imaging_service_request", "patient", "study")


def upgrade() -> None:
    _create_resource()
    _create_resource_version()
    _create_resource_term()
    op.add_column(
        "patient",
        sa.Column("updated_at", sa.Double(), server_default=sa.text("0"), nullable=False),
    )
    for table in _CHANGED:
        op.create_index(f"ix_{table}_updated_at", table, ["updated_at"], unique=False)


def _create_resource() -> None:
    op.create_table(
        "resource",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("type", TEXT, server_default="", nullable=False),
        sa.Column("id", TEXT, server_default="", nullable=False),
        sa.Column("release", TEXT, server_default="", nullable=False),
        sa.Column("record_kind", TEXT, server_default="", nullable=False),
        sa.Column("record_pk", PK, nullable=True),
        sa.Column("primary", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("deleted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("projection", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_resource")),
        sa.UniqueConstraint("type", "id", name=op.f("uq_resource_type_id")),
    )
    op.create_index("ix_resource_record", "resource", ["record_kind", "record_pk"], unique=False)
    op.create_index("ix_resource_updated_at", "resource", ["updated_at"], unique=False)


def _create_resource_version() -> None:
    op.create_table(
        "resource_version",
        sa.Column("resource_pk", PK, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("tag", TEXT, server_default="", nullable=False),
        sa.Column("method", TEXT, server_default="", nullable=False),
        sa.Column("release", TEXT, server_default="", nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_pk"], ["resource.pk"], name=op.f("fk_resource_version_resource_pk")
        ),
        sa.PrimaryKeyConstraint("resource_pk", "version", name=op.f("pk_resource_version")),
    )


def _create_resource_term() -> None:
    op.create_table(
        "resource_term",
        sa.Column("type", TEXT, nullable=False),
        sa.Column("parameter", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.Column("resource_pk", PK, nullable=False),
        sa.Column("until", TEXT, server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_pk"], ["resource.pk"], name=op.f("fk_resource_term_resource_pk")
        ),
        sa.PrimaryKeyConstraint(
            "type", "parameter", "value", "resource_pk", name=op.f("pk_resource_term")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_resource_term_resource_pk", "resource_term", ["resource_pk"], unique=False)


def downgrade() -> None:
    for table in _CHANGED:
        op.drop_index(f"ix_{table}_updated_at", table_name=table)
    op.drop_column("patient", "updated_at")
    for table in ("resource_term", "resource_version", "resource"):
        op.drop_table(table)
