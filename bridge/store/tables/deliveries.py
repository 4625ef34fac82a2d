"""What is still to be told, and what was."""

from __future__ import annotations

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, Table, text

from bridge.store.tables.columns import TEXT, metadata, pk, text_column

delivery = Table(
    "delivery",
    metadata,
    pk(),
    text_column("destination"),
    text_column("subject"),
    text_column("kind"),
    text_column("state"),
    Column("not_before", Double, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    text_column("lease_owner"),
    Column("lease_until", Double, nullable=False, server_default=text("0")),
    text_column("correlation"),
    text_column("last_error"),
    Column("created_at", Double, nullable=False),
    Column("finished_at", Double),
    # What is not finished is little, whatever the table holds: a queue in order, and its lanes.
    Index(
        "ix_delivery_queue",
        "destination",
        "pk",
        sqlite_where=text("finished_at IS NULL"),
        postgresql_where=text("finished_at IS NULL"),
    ),
    Index(
        "ix_delivery_lane",
        "destination",
        "subject",
        "pk",
        sqlite_where=text("finished_at IS NULL"),
        postgresql_where=text("finished_at IS NULL"),
    ),
    Index("ix_delivery_state", "state"),
)

# What each destination last confirmed of each subject: the hash tells whether there is news.
confirmation = Table(
    "confirmation",
    metadata,
    Column("destination", TEXT, primary_key=True),
    Column("subject", TEXT, primary_key=True),
    text_column("content_hash"),
    Column("confirmed_at", Double, nullable=False),
)

attempt = Table(
    "attempt",
    metadata,
    pk(),
    Column("delivery_pk", ForeignKey("delivery.pk"), nullable=False, index=True),
    Column("message_pk", ForeignKey("message.pk")),
    Column("at", Double, nullable=False),
    text_column("outcome"),
    text_column("error"),
)
