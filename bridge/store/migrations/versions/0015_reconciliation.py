"""Ranked candidates, persons' moves, what waits for orders, rejection notes, former names."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
PK = sa.BigInteger().with_variant(sa.Integer, "sqlite")

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("match_decision", schema=None) as batch_op:
        batch_op.add_column(sa.Column("candidates", sa.JSON(), server_default="[]", nullable=False))
    with op.batch_alter_table("study_resolution", schema=None) as batch_op:
        batch_op.add_column(sa.Column("patient_pk", PK, nullable=True))
        batch_op.add_column(sa.Column("undone_reason", TEXT, server_default="", nullable=False))
        batch_op.create_foreign_key(
            op.f("fk_study_resolution_patient_pk"), "patient", ["patient_pk"], ["pk"]
        )
    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.create_index("ix_patient_name_folded", ["name_folded"], unique=False)
    op.create_table(
        "patient_formerly",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("patient_pk", PK, nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_pk"], ["patient.pk"], name=op.f("fk_patient_formerly_patient_pk")
        ),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_patient_formerly")),
    )
    with op.batch_alter_table("patient_formerly", schema=None) as batch_op:
        batch_op.create_index("ix_patient_formerly_patient_pk", ["patient_pk"], unique=False)
    op.create_table(
        "waiting_key",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("study_pk", PK, nullable=False),
        sa.ForeignKeyConstraint(["study_pk"], ["study.pk"], name=op.f("fk_waiting_key_study_pk")),
        sa.PrimaryKeyConstraint("key", "study_pk", name=op.f("pk_waiting_key")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("waiting_key", schema=None) as batch_op:
        batch_op.create_index("ix_waiting_key_study_pk", ["study_pk"], unique=False)
    _rejections()
    _let_wait()


def _rejections() -> None:
    op.create_table(
        "rejection_note",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("sop_instance_uid", TEXT, nullable=False),
        sa.Column("study_instance_uid", TEXT, server_default="", nullable=False),
        sa.Column("code", TEXT, server_default="", nullable=False),
        sa.Column("meaning", TEXT, server_default="", nullable=False),
        sa.Column("peer", TEXT, server_default="", nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.Column("undone_by", TEXT, server_default="", nullable=False),
        sa.Column("undone_reason", TEXT, server_default="", nullable=False),
        sa.Column("undone_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_rejection_note")),
        sa.UniqueConstraint("sop_instance_uid", name=op.f("uq_rejection_note_sop_instance_uid")),
    )
    op.create_table(
        "rejected_instance",
        sa.Column("sop_instance_uid", TEXT, nullable=False),
        sa.Column("note_pk", PK, nullable=False),
        sa.Column("study_instance_uid", TEXT, server_default="", nullable=False),
        sa.Column("stands", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["note_pk"], ["rejection_note.pk"], name=op.f("fk_rejected_instance_note_pk")
        ),
        sa.PrimaryKeyConstraint("sop_instance_uid", "note_pk", name=op.f("pk_rejected_instance")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("rejected_instance", schema=None) as batch_op:
        batch_op.create_index("ix_rejected_instance_note_pk", ["note_pk"], unique=False)
        batch_op.create_index(
            "ix_rejected_instance_study_instance_uid", ["study_instance_uid"], unique=False
        )


def _let_wait() -> None:
    """Studies that wait already are found by what they were found by until now."""
    for prefix, column in (
        ("uid", "study_instance_uid"),
        ("accession", "accession_number"),
        ("patient", "patient_id"),
    ):
        op.execute(
            sa.text(
                f"INSERT INTO waiting_key (key, study_pk) SELECT '{prefix}:' || {column}, pk"  # noqa: S608
                f" FROM study WHERE {column} <> ''"
                " AND outcome IN ('candidates', 'conflict', 'unscheduled')"
            )
        )


def downgrade() -> None:
    raise NotImplementedError("what persons decided and what was rejected would be lost")
