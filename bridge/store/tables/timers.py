"""What is to happen later."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Table, text

from bridge.store.tables.columns import TEXT, metadata, text_column

timer = Table(
    "timer",
    metadata,
    Column("kind", TEXT, primary_key=True),
    Column("subject", TEXT, primary_key=True),
    Column("due_at", Double, nullable=False),
    text_column("lease_owner"),
    Column("lease_until", Double, nullable=False, server_default=text("0")),
    Index("ix_timer_due_at", "due_at"),
)
