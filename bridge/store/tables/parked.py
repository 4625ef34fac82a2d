"""Events that wait for the order they name, and what they can be found by when it comes."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Double, ForeignKey, Table

from bridge.store.tables.columns import PK, TEXT, metadata, pk, text_column

# `state` is empty while the event waits, then what became of it.
parked_event = Table(
    "parked_event",
    metadata,
    pk(),
    Column("message_pk", PK),
    Column("event", JSON, nullable=False),
    Column("origin", JSON, nullable=False),
    text_column("occurred_at"),
    text_column("state"),
    text_column("reason"),
    Column("parked_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
)

parked_key = Table(
    "parked_key",
    metadata,
    Column("key", TEXT, primary_key=True),
    Column(
        "parked_pk",
        ForeignKey("parked_event.pk", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
)
