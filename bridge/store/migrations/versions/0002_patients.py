"""Visits, links between patients, and what a merge can be undone by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
PK = sa.BigInteger().with_variant(sa.Integer, "sqlite")

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "patient", sa.Column("removed", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    for column in (
        sa.Column("visit", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("flag", TEXT, server_default="", nullable=False),
        sa.Column("patient_ids", sa.JSON(), server_default="[]", nullable=False),
    ):
        op.add_column("imaging_service_request", column)
    _create_visit()
    _create_patient_link()
    _create_patient_merge()


def _create_visit() -> None:
    op.create_table(
        "visit",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("patient_pk", PK, nullable=False),
        sa.Column("number_key", TEXT, nullable=True),
        sa.Column("account_key", TEXT, nullable=True),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.Column("former", sa.JSON(), nullable=False),
        sa.Column("patient_class", TEXT, server_default="", nullable=False),
        sa.Column("status", TEXT, server_default="", nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("occurred_at", TEXT, server_default="", nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["patient_pk"], ["patient.pk"], name=op.f("fk_visit_patient_pk")),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_visit")),
    )
    for column in ("patient_pk", "number_key", "account_key"):
        op.create_index(op.f(f"ix_visit_{column}"), "visit", [column])


def _create_patient_link() -> None:
    op.create_table(
        "patient_link",
        sa.Column("patient_pk", PK, nullable=False),
        sa.Column("other_pk", PK, nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_pk"], ["patient.pk"], name=op.f("fk_patient_link_patient_pk")
        ),
        sa.ForeignKeyConstraint(
            ["other_pk"], ["patient.pk"], name=op.f("fk_patient_link_other_pk")
        ),
        sa.PrimaryKeyConstraint("patient_pk", "other_pk", name=op.f("pk_patient_link")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_patient_link_other_pk", "patient_link", ["other_pk"])


def _create_patient_merge() -> None:
    op.create_table(
        "patient_merge",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("retired_pk", PK, nullable=False),
        sa.Column("survivor_pk", PK, nullable=False),
        sa.Column("source", TEXT, server_default="", nullable=False),
        sa.Column("occurred_at", TEXT, server_default="", nullable=False),
        sa.Column("merged_at", sa.Double(), nullable=False),
        sa.Column("undone_at", sa.Double(), nullable=True),
        sa.Column("undone_by", TEXT, server_default="", nullable=False),
        sa.Column("moved", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["retired_pk"], ["patient.pk"], name=op.f("fk_patient_merge_retired_pk")
        ),
        sa.ForeignKeyConstraint(
            ["survivor_pk"], ["patient.pk"], name=op.f("fk_patient_merge_survivor_pk")
        ),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_patient_merge")),
    )
    for column in ("retired_pk", "survivor_pk"):
        op.create_index(op.f(f"ix_patient_merge_{column}"), "patient_merge", [column])


def downgrade() -> None:
    for table in ("patient_merge", "patient_link", "visit"):
        op.drop_table(table)
    with op.batch_alter_table("imaging_service_request") as batch:
        for name in ("patient_ids", "flag", "visit"):
            batch.drop_column(name)
    with op.batch_alter_table("patient") as batch:
        batch.drop_column("removed")
