"""The tables, for SQLite and PostgreSQL alike; the migrations lead to exactly these."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects import postgresql

# Compared by code point on both databases: ranges and prefixes must not depend on a locale.
TEXT = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows itself only in a column that is literally INTEGER.
_PK = BigInteger().with_variant(Integer, "sqlite")


def _pk() -> Column[int]:
    return Column("pk", _PK, primary_key=True, autoincrement=True)


def _text(name: str, default: str = "") -> Column[str]:
    return Column(name, TEXT, nullable=False, server_default=default)


patient = Table(
    "patient",
    metadata,
    _pk(),
    Column("attributes", JSON, nullable=False),
    _text("name_folded"),
    _text("occurred_at"),
    Column("merged_into", ForeignKey("patient.pk"), index=True),
)

# One row per identifier ever known. A merge moves the rows to the survivor as aliases, so that a
# lookup by any identifier finds the survivor at once; `assigned_to` keeps whose it was.
patient_identifier = Table(
    "patient_identifier",
    metadata,
    _pk(),
    Column("patient_pk", ForeignKey("patient.pk"), nullable=False, index=True),
    Column("assigned_to", _PK, nullable=False),
    _text("value"),
    _text("authority_key"),
    _text("namespace"),
    _text("universal_id"),
    _text("universal_id_type"),
    _text("type_code"),
    Column("rank", Integer, nullable=False),
    Column("alias", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("value", "authority_key"),
)

imaging_service_request = Table(
    "imaging_service_request",
    metadata,
    _pk(),
    Column("patient_pk", ForeignKey("patient.pk"), nullable=False, index=True),
    _text("accession_number"),
    Column("accession_key", TEXT, index=True),
    Column("filler_key", TEXT, unique=True),
    Column("placer_key", TEXT, index=True),
    Column("numbers", JSON, nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("sources", JSON, nullable=False),
    _text("source"),
    _text("occurred_at"),
    _text("held_reason"),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Index("ix_imaging_service_request_created_at", "created_at"),
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
    _pk(),
    Column("order_pk", ForeignKey("imaging_service_request.pk"), nullable=False, index=True),
    _text("rp_id"),
    Column("study_instance_uid", TEXT, index=True),
    Column("code", JSON),
    Column("attributes", JSON, nullable=False),
    Index("ix_requested_procedure_rp_id", "rp_id"),
)

scheduled_step = Table(
    "scheduled_step",
    metadata,
    _pk(),
    Column("procedure_pk", ForeignKey("requested_procedure.pk"), nullable=False),
    Column("sps_id", TEXT),  # unique in its procedure once it is known
    _text("status"),
    _text("modality"),
    Column("station_ae_titles", JSON, nullable=False),
    _text("start_date"),
    _text("start_time"),
    Column("protocol_codes", JSON, nullable=False),
    Column("attributes", JSON, nullable=False),
    UniqueConstraint("procedure_pk", "sps_id"),
)

# The worklist is a projection: one row per step that a modality may see, its matching keys folded
# and indexed, its answer already encoded, written in the transaction of whatever changed the step.
worklist_item = Table(
    "worklist_item",
    metadata,
    Column("step_pk", ForeignKey("scheduled_step.pk"), primary_key=True, autoincrement=False),
    _text("start"),
    _text("modality"),
    _text("status"),
    _text("patient_name"),
    _text("patient_id"),
    _text("issuer_of_patient_id"),
    _text("patient_birth_date"),
    _text("patient_sex"),
    _text("accession_number"),
    _text("requested_procedure_id"),
    _text("study_instance_uid"),
    _text("sps_id"),
    _text("performing_physician"),
    _text("station_name"),
    _text("sps_location"),
    _text("admission_id"),
    Column("any_station", Boolean, nullable=False),
    Column("ascii_only", Boolean, nullable=False),
    Column("encoded", LargeBinary, nullable=False),
    Index("ix_worklist_item_start", "start"),
    Index("ix_worklist_item_patient_name", "patient_name"),
    Index("ix_worklist_item_patient_id", "patient_id"),
    Index("ix_worklist_item_accession_number", "accession_number"),
    Index("ix_worklist_item_study_instance_uid", "study_instance_uid"),
    Index("ix_worklist_item_modality_start", "modality", "start"),
)

worklist_station = Table(
    "worklist_station",
    metadata,
    Column("ae_title", TEXT, primary_key=True),
    Column("start", TEXT, primary_key=True),
    Column("step_pk", ForeignKey("worklist_item.step_pk"), primary_key=True),
    Index("ix_worklist_station_step_pk", "step_pk"),
    sqlite_with_rowid=False,
)

performed_step = Table(
    "performed_step",
    metadata,
    _pk(),
    Column("sop_instance_uid", TEXT, nullable=False, unique=True),
    _text("status"),
    Column("document", JSON, nullable=False),
    Column("instances", JSON, nullable=False),
    Column("created", LargeBinary, nullable=False),
    Column("last_set", LargeBinary),
    Column("updated_at", Double, nullable=False),
)

performed_step_link = Table(
    "performed_step_link",
    metadata,
    Column("performed_step_pk", ForeignKey("performed_step.pk"), primary_key=True),
    Column("step_pk", ForeignKey("scheduled_step.pk"), primary_key=True),
    Index("ix_performed_step_link_step_pk", "step_pk"),
)

performed_step_study = Table(
    "performed_step_study",
    metadata,
    Column("study_instance_uid", TEXT, primary_key=True),
    Column("performed_step_pk", ForeignKey("performed_step.pk"), primary_key=True),
)

study = Table(
    "study",
    metadata,
    _pk(),
    Column("study_instance_uid", TEXT, nullable=False, unique=True),
    _text("state"),
    _text("outcome"),
    _text("patient_id"),
    _text("accession_number"),
    Column("identity", JSON, nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("request_attributes", JSON, nullable=False),
    Column("performed_step_uids", JSON, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Index("ix_study_created_at", "created_at"),
    Index("ix_study_outcome_patient_id", "outcome", "patient_id"),
    Index("ix_study_outcome_accession_number", "outcome", "accession_number"),
)

series = Table(
    "series",
    metadata,
    _pk(),
    Column("study_pk", ForeignKey("study.pk"), nullable=False),
    _text("series_instance_uid"),
    _text("modality"),
    Column("number", Integer),
    Column("attributes", JSON, nullable=False),
    UniqueConstraint("study_pk", "series_instance_uid"),
)

instance = Table(
    "instance",
    metadata,
    _pk(),
    Column("series_pk", ForeignKey("series.pk"), nullable=False, index=True),
    Column("sop_instance_uid", TEXT, nullable=False, unique=True),
    _text("sop_class_uid"),
    _text("transfer_syntax_uid"),
    Column("number", Integer),
    _text("path"),
    _text("digest"),
    Column("size", BigInteger, nullable=False),
    Column("attributes", JSON, nullable=False),
    _text("peer"),
    Column("received_at", Double, nullable=False),
)

# Same SOP Instance UID, other bytes: kept beside the first, never over it.
instance_conflict = Table(
    "instance_conflict",
    metadata,
    _pk(),
    _text("sop_instance_uid"),
    _text("study_instance_uid"),
    _text("path"),
    _text("digest"),
    _text("peer"),
    Column("received_at", Double, nullable=False),
    UniqueConstraint("sop_instance_uid", "digest"),
)

match_decision = Table(
    "match_decision",
    metadata,
    _pk(),
    Column("study_pk", ForeignKey("study.pk"), nullable=False, index=True),
    _text("outcome"),
    _text("reason"),
    Column("procedure_pks", JSON, nullable=False),
    Column("evidence", JSON, nullable=False),
    _text("decided_by"),
    Column("decided_at", Double, nullable=False),
)

study_procedure = Table(
    "study_procedure",
    metadata,
    Column("study_pk", ForeignKey("study.pk"), primary_key=True),
    Column("procedure_pk", ForeignKey("requested_procedure.pk"), primary_key=True),
    Index("ix_study_procedure_procedure_pk", "procedure_pk"),
)

message = Table(
    "message",
    metadata,
    _pk(),
    _text("direction"),
    _text("protocol"),
    _text("peer"),
    _text("type"),
    _text("control_id"),
    _text("content_hash"),
    Column("received_at", Double, nullable=False, index=True),
    _text("disposition"),
    _text("error"),
    Column("warnings", JSON, nullable=False),
    Column("dedupe_key", TEXT, unique=True),
    Column("raw", LargeBinary, nullable=False),
    Column("reply", LargeBinary, nullable=False),
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

delivery = Table(
    "delivery",
    metadata,
    _pk(),
    _text("destination"),
    _text("subject"),
    _text("kind"),
    _text("state"),
    Column("not_before", Double, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    _text("lease_owner"),
    Column("lease_until", Double, nullable=False, server_default=text("0")),
    _text("correlation"),
    _text("last_error"),
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
    _text("content_hash"),
    Column("confirmed_at", Double, nullable=False),
)

attempt = Table(
    "attempt",
    metadata,
    _pk(),
    Column("delivery_pk", ForeignKey("delivery.pk"), nullable=False, index=True),
    Column("message_pk", ForeignKey("message.pk")),
    Column("at", Double, nullable=False),
    _text("outcome"),
    _text("error"),
)

timer = Table(
    "timer",
    metadata,
    Column("kind", TEXT, primary_key=True),
    Column("subject", TEXT, primary_key=True),
    Column("due_at", Double, nullable=False),
    _text("lease_owner"),
    Column("lease_until", Double, nullable=False, server_default=text("0")),
    Index("ix_timer_due_at", "due_at"),
)
