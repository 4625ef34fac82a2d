"""Studies that are matched stay open to further orders that their identifiers lead to."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
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
