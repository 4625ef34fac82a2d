"""Worklist entries by their label, and by how the patient's name sounds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from bridge.domain.phonetics import sounds_of

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_BATCH = 1000


def upgrade() -> None:
    with op.batch_alter_table("worklist_item", schema=None) as batch_op:
        for name in ("worklist_label", "patient_name_sound"):
            batch_op.add_column(sa.Column(name, TEXT, server_default="", nullable=False))
    _fill(op.get_bind())


def _fill(connection: sa.Connection) -> None:
    """Give each entry that was written before the sounds of its name."""
    after = 0
    while True:
        entries = connection.execute(
            sa.text(
                "SELECT step_pk, patient_name FROM worklist_item WHERE step_pk > :after"
                " ORDER BY step_pk LIMIT :n"
            ),
            {"after": after, "n": _BATCH},
        ).all()
        if not entries:
            return
        connection.execute(
            sa.text("UPDATE worklist_item SET patient_name_sound = :sound WHERE step_pk = :pk"),
            [{"pk": pk, "sound": sounds_of(name)} for pk, name in entries],
        )
        after = entries[-1].step_pk


def downgrade() -> None:
    raise NotImplementedError("an older version would not understand what this one wrote")
