"""How far each server that we ask was read."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Integer, Table, text

from bridge.store.tables.columns import TEXT, metadata, text_column

# Up to when (`since`, a FHIR instant) a type of resource was read, and how the last poll went.
source_cursor = Table(
    "source_cursor",
    metadata,
    Column("source", TEXT, primary_key=True),
    Column("kind", TEXT, primary_key=True),
    text_column("since"),
    Column("asked_at", Double, nullable=False, server_default=text("0")),
    Column("answered_at", Double, nullable=False, server_default=text("0")),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    text_column("problem"),
)

# Which version of a resource was applied, so that polls may overlap and notifications repeat.
source_version = Table(
    "source_version",
    metadata,
    Column("source", TEXT, primary_key=True),
    Column("reference", TEXT, primary_key=True),
    text_column("version"),
    text_column("updated_at"),
    Index("ix_source_version_updated_at", "source", "updated_at"),
)
