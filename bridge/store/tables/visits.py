"""Visits, by number and account."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Double, ForeignKey, Table

from bridge.store.tables.columns import TEXT, metadata, pk, text_column

# Numbers are not unique: some senders number the visits of each patient from 1. The row of the
# patient is locked by whoever writes here, so that two messages never make one visit twice.
visit = Table(
    "visit",
    metadata,
    pk(),
    Column("patient_pk", ForeignKey("patient.pk"), nullable=False, index=True),
    Column("number_key", TEXT, index=True),
    Column("account_key", TEXT, index=True),
    Column("numbers", JSON, nullable=False),
    Column("former", JSON, nullable=False),
    text_column("patient_class"),
    text_column("status"),
    Column("attributes", JSON, nullable=False),
    text_column("occurred_at"),
    Column("updated_at", Double, nullable=False),
)
