"""What is wrong with how instances are written that were kept all the same."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Double, Index, Table

from bridge.store.tables.columns import TEXT, metadata, text_column

instance_flaw = Table(
    "instance_flaw",
    metadata,
    Column("sop_instance_uid", TEXT, primary_key=True),
    text_column("study_instance_uid"),
    Column("flaws", JSON, nullable=False),
    text_column("peer"),
    Column("received_at", Double, nullable=False),
    Index("ix_instance_flaw_study_instance_uid", "study_instance_uid"),
    sqlite_with_rowid=False,
)
