"""Appointments: the numbers a scheduler knows them by, and the steps they give a time."""

from __future__ import annotations

from sqlalchemy import Column, Double, ForeignKey, Table

from bridge.store.tables.columns import TEXT, metadata, pk, text_column

appointment = Table(
    "appointment",
    metadata,
    pk(),
    text_column("occurred_at"),
    text_column("action"),
    Column("updated_at", Double, nullable=False),
)

appointment_number = Table(
    "appointment_number",
    metadata,
    Column("key", TEXT, primary_key=True),
    Column("appointment_pk", ForeignKey("appointment.pk"), nullable=False, index=True),
)

appointment_step = Table(
    "appointment_step",
    metadata,
    Column("appointment_pk", ForeignKey("appointment.pk"), primary_key=True),
    Column(
        "step_pk",
        ForeignKey("scheduled_step.pk", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
)
