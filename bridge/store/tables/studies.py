"""Studies as received, and what was decided of them."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    Table,
    UniqueConstraint,
)

from bridge.store.tables.columns import TEXT, metadata, pk, text_column

study = Table(
    "study",
    metadata,
    pk(),
    Column("study_instance_uid", TEXT, nullable=False, unique=True),
    text_column("state"),
    text_column("outcome"),
    text_column("patient_id"),
    text_column("accession_number"),
    Column("identity", JSON, nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("request_attributes", JSON, nullable=False),
    Column("performed_step_uids", JSON, nullable=False),
    # Images of it that others hold, as they announced them.
    Column("announced", JSON(none_as_null=True)),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Index("ix_study_created_at", "created_at"),
    Index("ix_study_updated_at", "updated_at"),
    Index("ix_study_outcome_patient_id", "outcome", "patient_id"),
    Index("ix_study_outcome_accession_number", "outcome", "accession_number"),
)

# What studies are searched by (PS3.4 C.6.2.1), folded and indexed: a projection of the study.
study_key = Table(
    "study_key",
    metadata,
    Column("study_pk", ForeignKey("study.pk"), primary_key=True, autoincrement=False),
    text_column("patient_name"),
    text_column("patient_id"),
    text_column("issuer_of_patient_id"),
    text_column("patient_birth_date"),
    text_column("patient_sex"),
    text_column("accession_number"),
    text_column("study_date"),
    text_column("study_time"),
    text_column("study_id"),
    text_column("study_description"),
    text_column("referring_physician"),
    # Patient ID, accession number and attributes as the order has them; nothing when unmatched.
    Column("presented", JSON),
    Index("ix_study_key_patient_name", "patient_name"),
    Index("ix_study_key_patient_id", "patient_id"),
    Index("ix_study_key_accession_number", "accession_number"),
    Index("ix_study_key_study_date", "study_date", "study_time"),
)

series = Table(
    "series",
    metadata,
    pk(),
    Column("study_pk", ForeignKey("study.pk"), nullable=False),
    text_column("series_instance_uid"),
    text_column("modality"),
    Column("number", Integer),
    Column("attributes", JSON, nullable=False),
    UniqueConstraint("study_pk", "series_instance_uid"),
)

instance = Table(
    "instance",
    metadata,
    pk(),
    Column("series_pk", ForeignKey("series.pk"), nullable=False, index=True),
    Column("sop_instance_uid", TEXT, nullable=False, unique=True),
    text_column("sop_class_uid"),
    text_column("transfer_syntax_uid"),
    Column("number", Integer),
    text_column("path"),
    text_column("digest"),
    Column("size", BigInteger, nullable=False),
    Column("attributes", JSON, nullable=False),
    text_column("peer"),
    Column("received_at", Double, nullable=False),
)

# Same SOP Instance UID, other bytes: kept beside the first, never over it.
instance_conflict = Table(
    "instance_conflict",
    metadata,
    pk(),
    text_column("sop_instance_uid"),
    text_column("study_instance_uid"),
    text_column("path"),
    text_column("digest"),
    text_column("peer"),
    Column("received_at", Double, nullable=False),
    UniqueConstraint("sop_instance_uid", "digest"),
)

match_decision = Table(
    "match_decision",
    metadata,
    pk(),
    Column("study_pk", ForeignKey("study.pk"), nullable=False, index=True),
    text_column("outcome"),
    text_column("reason"),
    Column("procedure_pks", JSON, nullable=False),
    Column("evidence", JSON, nullable=False),
    text_column("decided_by"),
    Column("decided_at", Double, nullable=False),
    Column("candidates", JSON, nullable=False, server_default="[]"),
)

# What an order or a patient may bring that decides a study which waits for it; see
# `domain.matching.waiting_keys`.
waiting_key = Table(
    "waiting_key",
    metadata,
    Column("key", TEXT, primary_key=True),
    Column("study_pk", ForeignKey("study.pk"), primary_key=True),
    Index("ix_waiting_key_study_pk", "study_pk"),
    sqlite_with_rowid=False,
)

study_procedure = Table(
    "study_procedure",
    metadata,
    Column("study_pk", ForeignKey("study.pk"), primary_key=True),
    Column("procedure_pk", ForeignKey("requested_procedure.pk"), primary_key=True),
    Index("ix_study_procedure_procedure_pk", "procedure_pk"),
)
