"""Subscriptions that others hold here, and what they are told."""

from __future__ import annotations

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, Table, text

from bridge.store.tables.columns import PK, TEXT, metadata, pk, text_column

subscription = Table(
    "subscription",
    metadata,
    pk(),
    Column("id", TEXT, nullable=False, unique=True),
    text_column("owner"),
    text_column("topic"),
    text_column("kinds"),
    text_column("state"),
    text_column("details"),
    text_column("document"),
    text_column("release"),
    text_column("error"),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("events", PK, nullable=False, server_default=text("0")),
    Column("sent", PK, nullable=False, server_default=text("0")),
    Column("started_at", Double, nullable=False, server_default=text("0")),
    Column("sent_at", Double, nullable=False, server_default=text("0")),
    Column("updated_at", Double, nullable=False, server_default=text("0")),
    Column("ends_at", Double, nullable=False, server_default=text("0")),
)

subscription_event = Table(
    "subscription_event",
    metadata,
    Column(
        "subscription_pk", PK, ForeignKey("subscription.pk"), primary_key=True, autoincrement=False
    ),
    Column("number", PK, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    text_column("subject"),
    text_column("said"),
    Column("cause", PK, nullable=False),
    text_column("focus"),
    text_column("context"),
    Index("ix_subscription_event_subject", "subscription_pk", "subject", "number"),
)
