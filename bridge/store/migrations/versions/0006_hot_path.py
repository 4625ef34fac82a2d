"""Indexes that every order paid for, and few or nothing used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_MERGED = sa.text("merged_into IS NOT NULL")


def upgrade() -> None:
    op.drop_index("ix_imaging_service_request_created_at", "imaging_service_request")
    op.drop_index("ix_patient_merged_into", "patient")
    op.create_index(
        "ix_patient_merged_into",
        "patient",
        ["merged_into"],
        sqlite_where=_MERGED,
        postgresql_where=_MERGED,
    )


def downgrade() -> None:
    op.drop_index("ix_patient_merged_into", "patient")
    op.create_index("ix_patient_merged_into", "patient", ["merged_into"])
    op.create_index(
        "ix_imaging_service_request_created_at", "imaging_service_request", ["created_at"]
    )
