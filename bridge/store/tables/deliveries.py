"""What is still to be told, and what was."""

from __future__ import annotations

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, Table, text

from bridge.store.tables.columns import PK, TEXT, metadata, pk, text_column

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
    # Whether the receiver may have heard of it although it did not confirm.
    Column("in_doubt", Integer, nullable=False, server_default=text("0")),
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
    Index("ix_delivery_subject", "subject"),
    Index(
        "ix_delivery_finished_at",
        "finished_at",
        sqlite_where=text("finished_at IS NOT NULL"),
        postgresql_where=text("finished_at IS NOT NULL"),
    ),
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
    Column("message_pk", ForeignKey("message.pk"), index=True),
    Column("at", Double, nullable=False),
    text_column("outcome"),
    text_column("error"),
    # In short, for whoever asks why: the journal lets go of the whole one day.
    text_column("request"),
    text_column("answered"),
    text_column("response"),
)

# What persons hold back: of a destination one subject, or all when the subject is empty. Up to
# `upto_pk` is sent all the same: nothing when paused, what was there when it is drained.
delivery_hold = Table(
    "delivery_hold",
    metadata,
    Column("destination", TEXT, primary_key=True),
    Column("subject", TEXT, primary_key=True),
    Column("upto_pk", PK, nullable=False),
    text_column("who"),
    text_column("reason"),
    Column("since", Double, nullable=False),
)

# Destinations that are down, for all nodes to see and one to tell of.
destination_outage = Table(
    "destination_outage",
    metadata,
    Column("destination", TEXT, primary_key=True),
    Column("since", Double, nullable=False),
    text_column("reason"),
)
