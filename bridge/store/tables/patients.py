"""Patients and every identifier they are or were known by."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    false,
    text,
)

from bridge.store.tables.columns import PK, metadata, pk, text_column

patient = Table(
    "patient",
    metadata,
    pk(),
    Column("attributes", JSON, nullable=False),
    text_column("name_folded"),
    text_column("occurred_at"),
    Column("merged_into", ForeignKey("patient.pk")),
    Column("updated_at", Double, nullable=False, server_default=text("0"), index=True),
    Column("removed", Boolean, nullable=False, server_default=false()),
    # Few are merged, and every new patient would pay for saying that it is not.
    Index(
        "ix_patient_merged_into",
        "merged_into",
        sqlite_where=text("merged_into IS NOT NULL"),
        postgresql_where=text("merged_into IS NOT NULL"),
    ),
    Index("ix_patient_name_folded", "name_folded"),
)

# Name, birth date and sex that a record said before: images that were made then still carry them.
patient_formerly = Table(
    "patient_formerly",
    metadata,
    pk(),
    Column("patient_pk", ForeignKey("patient.pk"), nullable=False, index=True),
    Column("attributes", JSON, nullable=False),
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

# Two records of one person that stay two (ADT^A24); the lesser pk comes first.
patient_link = Table(
    "patient_link",
    metadata,
    Column("patient_pk", ForeignKey("patient.pk"), primary_key=True),
    Column("other_pk", ForeignKey("patient.pk"), primary_key=True),
    Index("ix_patient_link_other_pk", "other_pk"),
    sqlite_with_rowid=False,
)

# What became of two records at a merge, so that it can be taken back: `moved` lists what changed
# its owner, by pk. A merge of two identifiers of one record has that record on both sides.
patient_merge = Table(
    "patient_merge",
    metadata,
    pk(),
    Column("retired_pk", ForeignKey("patient.pk"), nullable=False, index=True),
    Column("survivor_pk", ForeignKey("patient.pk"), nullable=False, index=True),
    text_column("source"),
    text_column("occurred_at"),
    Column("merged_at", Double, nullable=False),
    Column("undone_at", Double),
    text_column("undone_by"),
    Column("moved", JSON, nullable=False),
)
