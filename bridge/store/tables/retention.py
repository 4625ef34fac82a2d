"""How far retention got, and what must be kept whatever its age."""

from __future__ import annotations

from sqlalchemy import Column, Double, Integer, Table

from bridge.store.tables.columns import PK, TEXT, metadata, text_column

retention_pass = Table(
    "retention_pass",
    metadata,
    Column("kind", TEXT, primary_key=True),
    Column("position", PK, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("removed", Integer, nullable=False),
    Column("kept", Integer, nullable=False),
    Column("removed_ever", PK, nullable=False),
)

legal_hold = Table(
    "legal_hold",
    metadata,
    Column("value", TEXT, primary_key=True),
    text_column("who"),
    text_column("reason"),
    Column("since", Double, nullable=False),
)
