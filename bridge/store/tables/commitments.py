"""Requests for storage commitment."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Double, Index, Table, UniqueConstraint

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

# Those that archives were sent, by Transaction UID; `instances` are SOP Instance UIDs.
requested_commitment = Table(
    "requested_commitment",
    metadata,
    pk(),
    text_column("transaction_uid"),
    text_column("destination"),
    text_column("study_instance_uid"),
    Column("instances", JSON, nullable=False),
    Column("requested_at", Double, nullable=False),
    Column("answered_at", Double, nullable=True),
    text_column("shown_as"),
    UniqueConstraint("transaction_uid"),
    Index(None, "destination", "study_instance_uid"),
)
