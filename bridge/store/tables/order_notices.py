"""How orders stood when destinations were told of them."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Table

from bridge.store.tables.columns import PK, metadata, text_column

order_notice = Table(
    "order_notice",
    metadata,
    Column(
        "order_pk",
        PK,
        ForeignKey("imaging_service_request.pk"),
        primary_key=True,
        autoincrement=False,
    ),
    text_column("notice"),
)
