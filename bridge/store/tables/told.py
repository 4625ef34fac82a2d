"""What receivers have on record of single procedures."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Table

from bridge.store.tables.columns import PK, TEXT, metadata, text_column

# By the subject that it was told under: of an order, or of a study that was made for a procedure.
# An empty hash: something was sent, and nobody knows whether it was taken.
told_procedure = Table(
    "told_procedure",
    metadata,
    Column("destination", TEXT, primary_key=True),
    Column("subject", TEXT, primary_key=True),
    Column(
        "procedure_pk",
        PK,
        ForeignKey("requested_procedure.pk"),
        primary_key=True,
        autoincrement=False,
        index=True,
    ),
    text_column("content_hash"),
)
