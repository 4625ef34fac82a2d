"""Every message, raw, and the identifiers it mentions."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Double, ForeignKey, Index, LargeBinary, Table, text

from bridge.store.tables.columns import TEXT, metadata, pk, text_column

# Few messages get into trouble, and every other would pay for an index that holds it.
_TROUBLED = text("disposition IN ('refused', 'failed', 'parked')")

message = Table(
    "message",
    metadata,
    pk(),
    text_column("direction"),
    text_column("protocol"),
    text_column("peer"),
    text_column("type"),
    text_column("control_id"),
    text_column("content_hash"),
    Column("received_at", Double, nullable=False, index=True),
    text_column("disposition"),
    text_column("error"),
    Column("warnings", JSON, nullable=False),
    Column("dedupe_key", TEXT, unique=True),
    Column("raw", LargeBinary, nullable=False),
    Column("reply", LargeBinary, nullable=False),
    Index(
        "ix_message_troubled",
        "disposition",
        "pk",
        sqlite_where=_TROUBLED,
        postgresql_where=_TROUBLED,
    ),
)

mention = Table(
    "mention",
    metadata,
    Column("value", TEXT, primary_key=True),
    Column("kind", TEXT, primary_key=True),
    Column("message_pk", ForeignKey("message.pk"), primary_key=True),
    Index("ix_mention_message_pk", "message_pk"),
    sqlite_with_rowid=False,
)
