"""Studies by what they are searched for: name, birth date, study date and time."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from bridge.store.documents import load_identifier
from bridge.store.study_keys import study_keys

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
PK = sa.BigInteger().with_variant(sa.Integer, "sqlite")

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_COLUMNS = (
    "patient_name",
    "patient_id",
    "issuer_of_patient_id",
    "patient_birth_date",
    "patient_sex",
    "accession_number",
    "study_date",
    "study_time",
    "study_id",
    "study_description",
    "referring_physician",
)
_INDEXES = {
    "ix_study_key_patient_name": ["patient_name"],
    "ix_study_key_patient_id": ["patient_id"],
    "ix_study_key_accession_number": ["accession_number"],
    "ix_study_key_study_date": ["study_date", "study_time"],
}
_BATCH = 1000


def upgrade() -> None:
    op.create_table(
        "study_key",
        sa.Column("study_pk", PK, autoincrement=False, nullable=False),
        *(sa.Column(name, TEXT, server_default="", nullable=False) for name in _COLUMNS),
        sa.Column("presented", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["study_pk"], ["study.pk"], name=op.f("fk_study_key_study_pk")),
        sa.PrimaryKeyConstraint("study_pk", name=op.f("pk_study_key")),
    )
    with op.batch_alter_table("study_key", schema=None) as batch_op:
        for name, columns in _INDEXES.items():
            batch_op.create_index(name, columns, unique=False)
    _fill(op.get_bind())


def _fill(connection: sa.Connection) -> None:
    """Give each study that was received before its row."""
    keys = sa.table("study_key", sa.column("study_pk"), *(sa.column(name) for name in _COLUMNS))
    after = 0
    while True:
        studies = connection.execute(
            sa.text(
                "SELECT pk, identity, attributes FROM study WHERE pk > :after ORDER BY pk LIMIT :n"
            ),
            {"after": after, "n": _BATCH},
        ).all()
        if not studies:
            return
        connection.execute(keys.insert(), [_row(*study) for study in studies])
        after = studies[-1].pk


def _row(pk: int, identity: Any, attributes: Any) -> dict[str, Any]:
    patient_id, name, accession, *_ = _loaded(identity)
    keys = study_keys(
        patient_id=load_identifier(patient_id),
        patient_name=name,
        accession=load_identifier(accession),
        attributes=_loaded(attributes),
    )
    return {"study_pk": pk, **{name: keys[name] for name in _COLUMNS}}


def _loaded(document: Any) -> Any:
    return json.loads(document) if isinstance(document, str) else document


def downgrade() -> None:
    raise NotImplementedError("the keys are made again by the migration itself")
