"""Requests for storage commitment."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Double, Table, UniqueConstraint

from bridge.store.tables.columns import metadata, pk, text_column

storage_commitment = Table(
    "storage_commitment",
    metadata,
    pk(),
    text_column("ae_title"),
    text_column("transaction_uid"),
    Column("instances", JSON, nullable=False),
    Column("requested_at", Double, nullable=False),
    UniqueConstraint("ae_title", "transaction_uid"),
)
