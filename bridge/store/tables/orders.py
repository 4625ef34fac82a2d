"""Orders, requested procedures and scheduled steps."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Double, ForeignKey, Index, Table, UniqueConstraint, text

from bridge.store.tables.columns import TEXT, metadata, pk, text_column

imaging_service_request = Table(
    "imaging_service_request",
    metadata,
    pk(),
    Column("patient_pk", ForeignKey("patient.pk"), nullable=False, index=True),
    text_column("accession_number"),
    Column("accession_key", TEXT, index=True),
    Column("filler_key", TEXT, unique=True),
    Column("placer_key", TEXT, index=True),
    Column("numbers", JSON, nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("sources", JSON, nullable=False),
    text_column("source"),
    text_column("occurred_at"),
    text_column("held_reason"),
    Column("replaces", JSON, nullable=False, server_default="[]"),
    Column("visit", JSON, nullable=False, server_default="[]"),
    text_column("flag"),
    Column("patient_ids", JSON, nullable=False, server_default="[]"),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    # When it first lacked nothing that a worklist entry needs (unix time); nothing while it does.
    Column("listed_at", Double),
    Index("ix_imaging_service_request_updated_at", "updated_at"),
    Index(
        "ix_imaging_service_request_held",
        "held_reason",
        sqlite_where=text("held_reason <> ''"),
        postgresql_where=text("held_reason <> ''"),
    ),
)

requested_procedure = Table(
    "requested_procedure",
    metadata,
    pk(),
    Column("order_pk", ForeignKey("imaging_service_request.pk"), nullable=False, index=True),
    text_column("rp_id"),
    Column("study_instance_uid", TEXT, index=True),
    Column("code", JSON),
    Column("attributes", JSON, nullable=False),
    text_column("occurred_at"),
    Index("ix_requested_procedure_rp_id", "rp_id"),
)

scheduled_step = Table(
    "scheduled_step",
    metadata,
    pk(),
    Column("procedure_pk", ForeignKey("requested_procedure.pk"), nullable=False),
    Column("sps_id", TEXT),  # unique in its procedure once it is known
    text_column("status"),
    text_column("modality"),
    Column("station_ae_titles", JSON, nullable=False),
    text_column("start_date"),
    text_column("start_time"),
    Column("protocol_codes", JSON, nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("history", JSON, nullable=False, server_default="[]"),
    text_column("scheduled_at"),
    UniqueConstraint("procedure_pk", "sps_id"),
)
