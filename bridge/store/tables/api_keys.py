"""Keys of the JSON API."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Table

from bridge.store.tables.columns import TEXT, metadata, text_column

# Secrets are kept as their SHA-256: who reads the database uses none of them.
api_key = Table(
    "api_key",
    metadata,
    Column("name", TEXT, primary_key=True),
    text_column("secret_hash"),
    text_column("scopes"),
    Column("created_at", Double, nullable=False),
    text_column("created_by"),
    Column("expires_at", Double),
    Column("last_used_at", Double),
    Index("ix_api_key_secret_hash", "secret_hash"),
)
