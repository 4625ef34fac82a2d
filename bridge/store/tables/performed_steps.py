"""Modality Performed Procedure Steps."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Double, ForeignKey, Index, LargeBinary, Table

from bridge.store.tables.columns import TEXT, metadata, pk, text_column

performed_step = Table(
    "performed_step",
    metadata,
    pk(),
    Column("sop_instance_uid", TEXT, nullable=False, unique=True),
    text_column("status"),
    Column("document", JSON, nullable=False),
    Column("instances", JSON, nullable=False),
    Column("created", LargeBinary, nullable=False),
    Column("last_set", LargeBinary),
    Column("updated_at", Double, nullable=False),
)

performed_step_link = Table(
    "performed_step_link",
    metadata,
    Column("performed_step_pk", ForeignKey("performed_step.pk"), primary_key=True),
    Column("step_pk", ForeignKey("scheduled_step.pk"), primary_key=True),
    Index("ix_performed_step_link_step_pk", "step_pk"),
)

performed_step_study = Table(
    "performed_step_study",
    metadata,
    Column("study_instance_uid", TEXT, primary_key=True),
    Column("performed_step_pk", ForeignKey("performed_step.pk"), primary_key=True),
)
