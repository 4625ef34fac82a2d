"""Who signs in to the console, and what was done there."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, Index, Integer, Table, false

from bridge.store.tables.columns import TEXT, metadata, pk, text_column

account = Table(
    "account",
    metadata,
    Column("name", TEXT, primary_key=True),
    text_column("display_name"),
    text_column("role"),
    text_column("password_hash"),
    Column("disabled", Boolean, nullable=False, server_default=false()),
    Column("created_at", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
)

# Secrets are kept as their SHA-256: who reads the database signs in with none of them.
console_session = Table(
    "console_session",
    metadata,
    Column("token_hash", TEXT, primary_key=True),
    text_column("account"),
    text_column("display_name"),
    text_column("role"),
    text_column("provider"),  # empty for accounts of ours
    text_column("csrf_token"),
    Column("created_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Index("ix_console_session_account", "account"),
)

# One-time links: the first sign-in of a fresh bridge, and those an administrator asks for.
sign_in_link = Table(
    "sign_in_link",
    metadata,
    Column("token_hash", TEXT, primary_key=True),
    text_column("account"),  # empty: to make the first administrator
    Column("expires_at", Double, nullable=False),
)

# Sign-ins that failed, by name and by address, so that guessing takes longer than a lifetime.
sign_in_failure = Table(
    "sign_in_failure",
    metadata,
    Column("subject", TEXT, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("since", Double, nullable=False),
)

# PS3.15 A.5 and RFC 3881: who did what to which record. Rows are added and never changed.
audit = Table(
    "audit",
    metadata,
    pk(),
    Column("at", Double, nullable=False, index=True),
    text_column("event"),
    text_column("type"),
    text_column("action"),
    Column("outcome", Integer, nullable=False),
    text_column("who"),
    text_column("role"),
    text_column("address"),
    text_column("patient_id"),
    text_column("object_kind"),
    text_column("object_id"),
    text_column("detail"),
    Index("ix_audit_who_at", "who", "at"),
    Index("ix_audit_patient_id_at", "patient_id", "at"),
)
