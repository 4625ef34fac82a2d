"""FHIR resources as they were received, with their versions and what they are found by."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
    false,
)

from bridge.store.tables.columns import PK, TEXT, metadata, pk, text_column

# The newest content of each. `record_kind` and `record_pk` name the row of the domain that the
# resource stands for; both are empty when there is none. `primary` is the one whose id the row has.
# `projection` is what the row looked like when the content was written: what of it has changed
# since is laid over the content on reading.
resource = Table(
    "resource",
    metadata,
    pk(),
    text_column("type"),
    text_column("id"),
    text_column("release"),
    text_column("record_kind"),
    Column("record_pk", PK),
    Column("primary", Boolean, nullable=False, server_default=false()),
    Column("version", Integer, nullable=False),
    Column("deleted", Boolean, nullable=False, server_default=false()),
    Column("content", LargeBinary, nullable=False),
    Column("projection", LargeBinary, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    UniqueConstraint("type", "id"),
    Index("ix_resource_record", "record_kind", "record_pk"),
    Index("ix_resource_updated_at", "updated_at"),
)

# What a version looked like when it was written: what its writer was answered.
resource_version = Table(
    "resource_version",
    metadata,
    Column("resource_pk", ForeignKey("resource.pk"), primary_key=True),
    Column("version", Integer, primary_key=True),
    text_column("tag"),
    text_column("method"),
    text_column("release"),
    Column("content", LargeBinary, nullable=False),
    Column("at", Double, nullable=False),
)

# One row for each value that a search parameter finds a resource by. Dates have an end as well.
resource_term = Table(
    "resource_term",
    metadata,
    Column("type", TEXT, primary_key=True),
    Column("parameter", TEXT, primary_key=True),
    Column("value", TEXT, primary_key=True),
    Column("resource_pk", ForeignKey("resource.pk"), primary_key=True),
    text_column("until"),
    Index("ix_resource_term_resource_pk", "resource_pk"),
    sqlite_with_rowid=False,
)
