"""What persons decided of studies; nothing is ever deleted here."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Double, ForeignKey, Table

from bridge.store.tables.columns import metadata, pk, text_column

study_resolution = Table(
    "study_resolution",
    metadata,
    pk(),
    Column("study_pk", ForeignKey("study.pk"), nullable=False, index=True),
    text_column("action"),
    Column("procedure_pks", JSON, nullable=False),
    text_column("who"),
    text_column("reason"),
    Column("at", Double, nullable=False),
    text_column("undone_by"),
    text_column("undone_reason"),
    Column("undone_at", Double),
    Column("patient_pk", ForeignKey("patient.pk")),
)
