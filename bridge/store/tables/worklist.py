"""The worklist, as modalities query it."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, LargeBinary, Table

from bridge.store.tables.columns import TEXT, metadata, text_column

# The worklist is a projection: one row per step that a modality may see, its matching keys folded
# and indexed, its answer already encoded, written in the transaction of whatever changed the step.
worklist_item = Table(
    "worklist_item",
    metadata,
    Column("step_pk", ForeignKey("scheduled_step.pk"), primary_key=True, autoincrement=False),
    text_column("start"),
    text_column("modality"),
    text_column("status"),
    text_column("patient_name"),
    text_column("patient_id"),
    text_column("issuer_of_patient_id"),
    text_column("patient_birth_date"),
    text_column("patient_sex"),
    text_column("accession_number"),
    text_column("requested_procedure_id"),
    text_column("study_instance_uid"),
    text_column("sps_id"),
    text_column("performing_physician"),
    text_column("station_name"),
    text_column("sps_location"),
    text_column("admission_id"),
    text_column("worklist_label"),
    text_column("patient_name_sound"),
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
