"""What modalities are shown in place of identifiers that are too long for DICOM."""

from __future__ import annotations

from sqlalchemy import Column, Table

from bridge.store.tables.columns import TEXT, metadata

surrogate = Table(
    "surrogate",
    metadata,
    Column("value", TEXT, primary_key=True),
    Column("original", TEXT, nullable=False),
)
