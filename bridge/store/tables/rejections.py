"""Rejection notes (IHE RAD IOCM) and what they hide; nothing is ever deleted here."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, ForeignKey, Index, Table, UniqueConstraint

from bridge.store.tables.columns import TEXT, metadata, pk, text_column

rejection_note = Table(
    "rejection_note",
    metadata,
    pk(),
    Column("sop_instance_uid", TEXT, nullable=False),
    text_column("study_instance_uid"),
    text_column("code"),
    text_column("meaning"),
    text_column("peer"),
    Column("received_at", Double, nullable=False),
    text_column("undone_by"),
    text_column("undone_reason"),
    Column("undone_at", Double),
    UniqueConstraint("sop_instance_uid"),
)

# What a note hides, whether or not it has arrived yet; `stands` until a person takes that back.
rejected_instance = Table(
    "rejected_instance",
    metadata,
    Column("sop_instance_uid", TEXT, primary_key=True),
    Column("note_pk", ForeignKey("rejection_note.pk"), primary_key=True),
    text_column("study_instance_uid"),
    Column("stands", Boolean, nullable=False),
    Index("ix_rejected_instance_note_pk", "note_pk"),
    Index("ix_rejected_instance_study_instance_uid", "study_instance_uid"),
    sqlite_with_rowid=False,
)
