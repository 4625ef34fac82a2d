"""Patients and every identifier they are or were known by."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Integer, Table, UniqueConstraint, false

from bridge.store.tables.columns import PK, metadata, pk, text_column

patient = Table(
    "patient",
    metadata,
    pk(),
    Column("attributes", JSON, nullable=False),
    text_column("name_folded"),
    text_column("occurred_at"),
    Column("merged_into", ForeignKey("patient.pk"), index=True),
)

# One row per identifier ever known. A merge moves the rows to the survivor as aliases, so that a
# lookup by any identifier finds the survivor at once; `assigned_to` keeps whose it was.
patient_identifier = Table(
    "patient_identifier",
    metadata,
    pk(),
    Column("patient_pk", ForeignKey("patient.pk"), nullable=False, index=True),
    Column("assigned_to", PK, nullable=False),
    text_column("value"),
    text_column("authority_key"),
    text_column("namespace"),
    text_column("universal_id"),
    text_column("universal_id_type"),
    text_column("type_code"),
    Column("rank", Integer, nullable=False),
    Column("alias", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("value", "authority_key"),
)
