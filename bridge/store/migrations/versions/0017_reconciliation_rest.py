"""Matched studies stay open to further orders; archives have images as they were when sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column(
        "forwarded_instance", sa.Column("shown_as", TEXT, server_default="", nullable=False)
    )
    # A procedure ID counts together with the patient.
    op.execute(
        "INSERT INTO waiting_key (key, study_pk)"
        " SELECT 'request:' || substr(waiting_key.key, 11) || ' ' || study.patient_id, study.pk"
        " FROM waiting_key JOIN study ON study.pk = waiting_key.study_pk"
        " WHERE waiting_key.key >= 'procedure:' AND waiting_key.key < 'procedure;'"
        " AND study.patient_id <> ''"
    )
    op.execute("DELETE FROM waiting_key WHERE key >= 'procedure:' AND key < 'procedure;'")
    matched = " FROM study WHERE study.outcome = 'matched'"
    op.execute(
        "INSERT INTO waiting_key (key, study_pk)"
        " SELECT 'uid:' || study.study_instance_uid, study.pk" + matched
    )
    op.execute(
        "INSERT INTO waiting_key (key, study_pk)"
        " SELECT 'accession:' || study.accession_number, study.pk"
        + matched
        + " AND study.accession_number <> ''"
    )


def downgrade() -> None:
    raise NotImplementedError("an older version would not understand what this one wrote")
