"""What destinations have of the images."""

from __future__ import annotations

from sqlalchemy import Column, Double, Table

from bridge.store.tables.columns import TEXT, metadata, text_column

forwarded_instance = Table(
    "forwarded_instance",
    metadata,
    Column("destination", TEXT, primary_key=True),
    Column("study_instance_uid", TEXT, primary_key=True),
    Column("sop_instance_uid", TEXT, primary_key=True),
    Column("forwarded_at", Double, nullable=False),
    # Whose and which order's it was then; nothing where that was not noted.
    text_column("shown_as"),
    sqlite_with_rowid=False,
)
