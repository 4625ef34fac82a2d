"""Modality Performed Procedure Steps."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    text,
)

from bridge.store.tables.columns import TEXT, metadata, pk, text_column

performed_step = Table(
    "performed_step",
    metadata,
    pk(),
    Column("sop_instance_uid", TEXT, nullable=False, unique=True),
    text_column("status"),
    Column("document", JSON, nullable=False),
    Column("instances", JSON, nullable=False),
    Column("created_at", Double, nullable=False, server_default=text("0")),
    Column("updated_at", Double, nullable=False),
    Index(
        "ix_performed_step_open",
        "created_at",
        sqlite_where=text("status = 'IN PROGRESS'"),
        postgresql_where=text("status = 'IN PROGRESS'"),
    ),
)

# Every N-CREATE and N-SET that was taken, as it came: what is read back and forwarded.
performed_step_message = Table(
    "performed_step_message",
    metadata,
    Column("performed_step_pk", ForeignKey("performed_step.pk"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    text_column("operation"),
    text_column("transfer_syntax_uid"),
    Column("encoded", LargeBinary, nullable=False),
    text_column("peer"),
    Column("received_at", Double, nullable=False),
)

performed_step_link = Table(
    "performed_step_link",
    metadata,
    Column("performed_step_pk", ForeignKey("performed_step.pk"), primary_key=True),
    Column("step_pk", ForeignKey("scheduled_step.pk"), primary_key=True),
    Index("ix_performed_step_link_step_pk", "step_pk"),
)

# What a performed step is found by: `study:UID`, `accession:NUMBER`, `request:RP-ID`.
performed_step_key = Table(
    "performed_step_key",
    metadata,
    Column("key", TEXT, primary_key=True),
    Column("performed_step_pk", ForeignKey("performed_step.pk"), primary_key=True),
)

performed_series = Table(
    "performed_series",
    metadata,
    Column("performed_step_pk", ForeignKey("performed_step.pk"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    text_column("series_instance_uid"),
    text_column("protocol_name"),
    text_column("description"),
    Column("performing_physicians", JSON, nullable=False),
    Column("operators", JSON, nullable=False),
    Column("retrieve_ae_titles", JSON, nullable=False),
    Column("images", JSON, nullable=False),
    Column("others", JSON, nullable=False),
    Index("ix_performed_series_series_instance_uid", "series_instance_uid"),
)

# Radiation Dose Module: units as in `domain.radiation_dose`.
radiation_dose = Table(
    "radiation_dose",
    metadata,
    Column(
        "performed_step_pk", ForeignKey("performed_step.pk"), primary_key=True, autoincrement=False
    ),
    Column("fluoroscopy_time", Integer),
    Column("number_of_exposures", Integer),
    Column("distance_to_detector", Double),
    Column("distance_to_entrance", Double),
    Column("entrance_dose", Double),
    text_column("exposed_area"),
    Column("area_dose_product", Double),
    Column("ctdi_vol", Double),
    Column("dose_length_product", Double),
    text_column("comments"),
    Column("exposures", JSON, nullable=False),
)

# How far each destination was told of a performed step: the message it took last, and the one
# that was being sent, which it may have taken as well.
performed_step_forward = Table(
    "performed_step_forward",
    metadata,
    Column("destination", TEXT, primary_key=True),
    Column("performed_step_pk", ForeignKey("performed_step.pk"), primary_key=True),
    Column("taken", Integer, nullable=False, server_default=text("0")),
    Column("sending", Integer, nullable=False, server_default=text("0")),
)
