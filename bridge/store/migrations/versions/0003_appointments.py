"""Appointments, events that wait for their order, and what happened to a step and when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
PK = sa.BigInteger().with_variant(sa.Integer, "sqlite")

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, column in _columns():
        op.add_column(table, column)
    _create_appointment()
    _create_parked_event()


def _columns() -> tuple[tuple[str, sa.Column[object]], ...]:
    return (
        (
            "imaging_service_request",
            sa.Column("replaces", sa.JSON(), server_default="[]", nullable=False),
        ),
        (
            "requested_procedure",
            sa.Column("occurred_at", TEXT, server_default="", nullable=False),
        ),
        ("scheduled_step", sa.Column("history", sa.JSON(), server_default="[]", nullable=False)),
        ("scheduled_step", sa.Column("scheduled_at", TEXT, server_default="", nullable=False)),
    )


def _create_appointment() -> None:
    op.create_table(
        "appointment",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("occurred_at", TEXT, server_default="", nullable=False),
        sa.Column("action", TEXT, server_default="", nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_appointment")),
    )
    op.create_table(
        "appointment_number",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("appointment_pk", PK, nullable=False),
        sa.ForeignKeyConstraint(
            ["appointment_pk"],
            ["appointment.pk"],
            name=op.f("fk_appointment_number_appointment_pk"),
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_appointment_number")),
    )
    op.create_index(
        op.f("ix_appointment_number_appointment_pk"), "appointment_number", ["appointment_pk"]
    )
    op.create_table(
        "appointment_step",
        sa.Column("appointment_pk", PK, nullable=False),
        sa.Column("step_pk", PK, nullable=False),
        sa.ForeignKeyConstraint(
            ["appointment_pk"],
            ["appointment.pk"],
            name=op.f("fk_appointment_step_appointment_pk"),
        ),
        sa.ForeignKeyConstraint(
            ["step_pk"],
            ["scheduled_step.pk"],
            name=op.f("fk_appointment_step_step_pk"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("appointment_pk", "step_pk", name=op.f("pk_appointment_step")),
    )
    op.create_index(op.f("ix_appointment_step_step_pk"), "appointment_step", ["step_pk"])


def _create_parked_event() -> None:
    op.create_table(
        "parked_event",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("message_pk", PK, nullable=True),
        sa.Column("event", sa.JSON(), nullable=False),
        sa.Column("origin", sa.JSON(), nullable=False),
        sa.Column("occurred_at", TEXT, server_default="", nullable=False),
        sa.Column("state", TEXT, server_default="", nullable=False),
        sa.Column("reason", TEXT, server_default="", nullable=False),
        sa.Column("parked_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_parked_event")),
    )
    op.create_table(
        "parked_key",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("parked_pk", PK, nullable=False),
        sa.ForeignKeyConstraint(
            ["parked_pk"],
            ["parked_event.pk"],
            name=op.f("fk_parked_key_parked_pk"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", "parked_pk", name=op.f("pk_parked_key")),
    )
    op.create_index(op.f("ix_parked_key_parked_pk"), "parked_key", ["parked_pk"])


def downgrade() -> None:
    for table in (
        "parked_key",
        "parked_event",
        "appointment_step",
        "appointment_number",
        "appointment",
    ):
        op.drop_table(table)
    for table, column in reversed(_columns()):
        op.drop_column(table, column.name)
