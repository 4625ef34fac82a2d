"""The mapping profiles that were in force, one version after the other."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Double, Index, Table

from bridge.store.tables.columns import metadata, pk, text_column

# What a profile said from `taken_up_at` on (unix time): path → text, as `mapping.outline` has it.
# Nothing is deleted here, so that any two versions can be compared and any message be explained.
mapping_version = Table(
    "mapping_version",
    metadata,
    pk(),
    text_column("profile"),
    text_column("language"),
    text_column("digest"),
    Column("outline", JSON, nullable=False),
    Column("taken_up_at", Double, nullable=False),
    Index("ix_mapping_version_profile", "profile", "pk"),
)
