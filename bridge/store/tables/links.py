"""What passed over links to peers, and what somebody was alerted to."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Index, Integer, Table, text

from bridge.store.tables.columns import PK, TEXT, metadata, pk, text_column

link = Table(
    "link",
    metadata,
    Column("kind", TEXT, primary_key=True),
    Column("peer", TEXT, primary_key=True),
    Column("first_seen_at", Double, nullable=False),
    Column("last_success_at", Double, nullable=False, server_default=text("0")),
    Column("last_failure_at", Double, nullable=False, server_default=text("0")),
    text_column("last_failure"),
)

link_hour = Table(
    "link_hour",
    metadata,
    Column("kind", TEXT, primary_key=True),
    Column("peer", TEXT, primary_key=True),
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("successes", BigInteger, nullable=False),
    Index("ix_link_hour_hour", "hour"),
)

alert = Table(
    "alert",
    metadata,
    pk(),
    Column("key", TEXT, nullable=False),
    text_column("words"),
    Column("seen_at", Double, nullable=False),
    Column("raised_at", Double),
    Column("over_at", Double),
    Index(
        "uq_alert_key",
        "key",
        unique=True,
        sqlite_where=text("over_at IS NULL"),
        postgresql_where=text("over_at IS NULL"),
    ),
)

alert_told = Table(
    "alert_told",
    metadata,
    Column("alert_pk", PK, ForeignKey("alert.pk"), primary_key=True, autoincrement=False),
    Column("channel", TEXT, primary_key=True),
    Column("what", TEXT, primary_key=True),
    Column("told_at", Double, nullable=False),
)
