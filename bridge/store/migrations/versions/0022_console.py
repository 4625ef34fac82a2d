"""Who signs in to the console, what is done there, and people found by any word of their names."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
PK = sa.BigInteger().with_variant(sa.Integer, "sqlite")

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _accounts()
    _audit()
    _names()
    op.create_index("ix_delivery_subject", "delivery", ["subject"])
    # Few messages get into trouble, and every other would pay for an index that holds it.
    troubled = sa.text("disposition IN ('refused', 'failed', 'parked')")
    op.create_index(
        "ix_message_troubled",
        "message",
        ["disposition", "pk"],
        sqlite_where=troubled,
        postgresql_where=troubled,
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, server_default="", nullable=False)


def _accounts() -> None:
    op.create_table(
        "account",
        sa.Column("name", TEXT, nullable=False),
        _text("display_name"),
        _text("role"),
        _text("password_hash"),
        sa.Column("disabled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_account")),
    )
    op.create_table(
        "console_session",
        sa.Column("token_hash", TEXT, nullable=False),
        _text("account"),
        _text("display_name"),
        _text("role"),
        _text("provider"),
        _text("csrf_token"),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_console_session")),
    )
    op.create_index("ix_console_session_account", "console_session", ["account"])
    op.create_table(
        "sign_in_link",
        sa.Column("token_hash", TEXT, nullable=False),
        _text("account"),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in_link")),
    )
    op.create_table(
        "sign_in_failure",
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_sign_in_failure")),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        _text("event"),
        _text("type"),
        _text("action"),
        sa.Column("outcome", sa.Integer(), nullable=False),
        *map(_text, ("who", "role", "address", "patient_id")),
        *map(_text, ("object_kind", "object_id", "detail")),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_at"), "audit", ["at"])
    op.create_index("ix_audit_who_at", "audit", ["who", "at"])
    op.create_index("ix_audit_patient_id_at", "audit", ["patient_id", "at"])


def _names() -> None:
    op.create_table(
        "name_word",
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("word", TEXT, nullable=False),
        sa.Column("row_pk", PK, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("kind", "word", "row_pk", name=op.f("pk_name_word")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "name_index",
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("row_pk", PK, nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_name_index")),
    )


def downgrade() -> None:
    raise NotImplementedError("an older version would let in whoever asks")
