"""The tables of the first version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
PK = sa.BigInteger().with_variant(sa.Integer, "sqlite")

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "confirmation",
        sa.Column("destination", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("content_hash", TEXT, server_default="", nullable=False),
        sa.Column("confirmed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("destination", "subject", name=op.f("pk_confirmation")),
    )
    op.create_table(
        "delivery",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("destination", TEXT, server_default="", nullable=False),
        sa.Column("subject", TEXT, server_default="", nullable=False),
        sa.Column("kind", TEXT, server_default="", nullable=False),
        sa.Column("state", TEXT, server_default="", nullable=False),
        sa.Column("not_before", sa.Double(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_owner", TEXT, server_default="", nullable=False),
        sa.Column("lease_until", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("correlation", TEXT, server_default="", nullable=False),
        sa.Column("last_error", TEXT, server_default="", nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_delivery")),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index(
            "ix_delivery_lane",
            ["destination", "subject", "pk"],
            unique=False,
            sqlite_where=sa.text("finished_at IS NULL"),
            postgresql_where=sa.text("finished_at IS NULL"),
        )
        batch_op.create_index(
            "ix_delivery_queue",
            ["destination", "pk"],
            unique=False,
            sqlite_where=sa.text("finished_at IS NULL"),
            postgresql_where=sa.text("finished_at IS NULL"),
        )
        batch_op.create_index("ix_delivery_state", ["state"], unique=False)

    op.create_table(
        "instance_conflict",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("sop_instance_uid", TEXT, server_default="", nullable=False),
        sa.Column("study_instance_uid", TEXT, server_default="", nullable=False),
        sa.Column("path", TEXT, server_default="", nullable=False),
        sa.Column("digest", TEXT, server_default="", nullable=False),
        sa.Column("peer", TEXT, server_default="", nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_instance_conflict")),
        sa.UniqueConstraint(
            "sop_instance_uid", "digest", name=op.f("uq_instance_conflict_sop_instance_uid_digest")
        ),
    )
    op.create_table(
        "message",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("direction", TEXT, server_default="", nullable=False),
        sa.Column("protocol", TEXT, server_default="", nullable=False),
        sa.Column("peer", TEXT, server_default="", nullable=False),
        sa.Column("type", TEXT, server_default="", nullable=False),
        sa.Column("control_id", TEXT, server_default="", nullable=False),
        sa.Column("content_hash", TEXT, server_default="", nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.Column("disposition", TEXT, server_default="", nullable=False),
        sa.Column("error", TEXT, server_default="", nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("dedupe_key", TEXT, nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("reply", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_message")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_message_dedupe_key")),
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_message_received_at"), ["received_at"], unique=False)

    op.create_table(
        "patient",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("name_folded", TEXT, server_default="", nullable=False),
        sa.Column("occurred_at", TEXT, server_default="", nullable=False),
        sa.Column("merged_into", PK, nullable=True),
        sa.ForeignKeyConstraint(
            ["merged_into"], ["patient.pk"], name=op.f("fk_patient_merged_into")
        ),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_patient")),
    )
    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_patient_merged_into"), ["merged_into"], unique=False)

    op.create_table(
        "performed_step",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("sop_instance_uid", TEXT, nullable=False),
        sa.Column("status", TEXT, server_default="", nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("instances", sa.JSON(), nullable=False),
        sa.Column("created", sa.LargeBinary(), nullable=False),
        sa.Column("last_set", sa.LargeBinary(), nullable=True),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_performed_step")),
        sa.UniqueConstraint("sop_instance_uid", name=op.f("uq_performed_step_sop_instance_uid")),
    )
    op.create_table(
        "study",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("study_instance_uid", TEXT, nullable=False),
        sa.Column("state", TEXT, server_default="", nullable=False),
        sa.Column("outcome", TEXT, server_default="", nullable=False),
        sa.Column("patient_id", TEXT, server_default="", nullable=False),
        sa.Column("accession_number", TEXT, server_default="", nullable=False),
        sa.Column("identity", sa.JSON(), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("request_attributes", sa.JSON(), nullable=False),
        sa.Column("performed_step_uids", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_study")),
        sa.UniqueConstraint("study_instance_uid", name=op.f("uq_study_study_instance_uid")),
    )
    with op.batch_alter_table("study", schema=None) as batch_op:
        batch_op.create_index("ix_study_created_at", ["created_at"], unique=False)
        batch_op.create_index(
            "ix_study_outcome_accession_number", ["outcome", "accession_number"], unique=False
        )
        batch_op.create_index(
            "ix_study_outcome_patient_id", ["outcome", "patient_id"], unique=False
        )

    op.create_table(
        "timer",
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("lease_owner", TEXT, server_default="", nullable=False),
        sa.Column("lease_until", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name=op.f("pk_timer")),
    )
    with op.batch_alter_table("timer", schema=None) as batch_op:
        batch_op.create_index("ix_timer_due_at", ["due_at"], unique=False)

    op.create_table(
        "attempt",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("delivery_pk", PK, nullable=False),
        sa.Column("message_pk", PK, nullable=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("outcome", TEXT, server_default="", nullable=False),
        sa.Column("error", TEXT, server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_pk"], ["delivery.pk"], name=op.f("fk_attempt_delivery_pk")
        ),
        sa.ForeignKeyConstraint(["message_pk"], ["message.pk"], name=op.f("fk_attempt_message_pk")),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_attempt")),
    )
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_attempt_delivery_pk"), ["delivery_pk"], unique=False)

    op.create_table(
        "imaging_service_request",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("patient_pk", PK, nullable=False),
        sa.Column("accession_number", TEXT, server_default="", nullable=False),
        sa.Column("accession_key", TEXT, nullable=True),
        sa.Column("filler_key", TEXT, nullable=True),
        sa.Column("placer_key", TEXT, nullable=True),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("source", TEXT, server_default="", nullable=False),
        sa.Column("occurred_at", TEXT, server_default="", nullable=False),
        sa.Column("held_reason", TEXT, server_default="", nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_pk"], ["patient.pk"], name=op.f("fk_imaging_service_request_patient_pk")
        ),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_imaging_service_request")),
        sa.UniqueConstraint("filler_key", name=op.f("uq_imaging_service_request_filler_key")),
    )
    with op.batch_alter_table("imaging_service_request", schema=None) as batch_op:
        batch_op.create_index("ix_imaging_service_request_created_at", ["created_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_imaging_service_request_accession_key"), ["accession_key"], unique=False
        )
        batch_op.create_index(
            "ix_imaging_service_request_held",
            ["held_reason"],
            unique=False,
            sqlite_where=sa.text("held_reason <> ''"),
            postgresql_where=sa.text("held_reason <> ''"),
        )
        batch_op.create_index(
            batch_op.f("ix_imaging_service_request_patient_pk"), ["patient_pk"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_imaging_service_request_placer_key"), ["placer_key"], unique=False
        )

    op.create_table(
        "match_decision",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("study_pk", PK, nullable=False),
        sa.Column("outcome", TEXT, server_default="", nullable=False),
        sa.Column("reason", TEXT, server_default="", nullable=False),
        sa.Column("procedure_pks", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("decided_by", TEXT, server_default="", nullable=False),
        sa.Column("decided_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_pk"], ["study.pk"], name=op.f("fk_match_decision_study_pk")
        ),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_match_decision")),
    )
    with op.batch_alter_table("match_decision", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_match_decision_study_pk"), ["study_pk"], unique=False)

    op.create_table(
        "mention",
        sa.Column("value", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("message_pk", PK, nullable=False),
        sa.ForeignKeyConstraint(["message_pk"], ["message.pk"], name=op.f("fk_mention_message_pk")),
        sa.PrimaryKeyConstraint("value", "kind", "message_pk", name=op.f("pk_mention")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("mention", schema=None) as batch_op:
        batch_op.create_index("ix_mention_message_pk", ["message_pk"], unique=False)

    op.create_table(
        "patient_identifier",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("patient_pk", PK, nullable=False),
        sa.Column("assigned_to", PK, nullable=False),
        sa.Column("value", TEXT, server_default="", nullable=False),
        sa.Column("authority_key", TEXT, server_default="", nullable=False),
        sa.Column("namespace", TEXT, server_default="", nullable=False),
        sa.Column("universal_id", TEXT, server_default="", nullable=False),
        sa.Column("universal_id_type", TEXT, server_default="", nullable=False),
        sa.Column("type_code", TEXT, server_default="", nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("alias", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_pk"], ["patient.pk"], name=op.f("fk_patient_identifier_patient_pk")
        ),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_patient_identifier")),
        sa.UniqueConstraint(
            "value", "authority_key", name=op.f("uq_patient_identifier_value_authority_key")
        ),
    )
    with op.batch_alter_table("patient_identifier", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_patient_identifier_patient_pk"), ["patient_pk"], unique=False
        )

    op.create_table(
        "performed_step_study",
        sa.Column("study_instance_uid", TEXT, nullable=False),
        sa.Column("performed_step_pk", PK, nullable=False),
        sa.ForeignKeyConstraint(
            ["performed_step_pk"],
            ["performed_step.pk"],
            name=op.f("fk_performed_step_study_performed_step_pk"),
        ),
        sa.PrimaryKeyConstraint(
            "study_instance_uid", "performed_step_pk", name=op.f("pk_performed_step_study")
        ),
    )
    op.create_table(
        "series",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("study_pk", PK, nullable=False),
        sa.Column("series_instance_uid", TEXT, server_default="", nullable=False),
        sa.Column("modality", TEXT, server_default="", nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["study_pk"], ["study.pk"], name=op.f("fk_series_study_pk")),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_series")),
        sa.UniqueConstraint(
            "study_pk", "series_instance_uid", name=op.f("uq_series_study_pk_series_instance_uid")
        ),
    )
    op.create_table(
        "instance",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("series_pk", PK, nullable=False),
        sa.Column("sop_instance_uid", TEXT, nullable=False),
        sa.Column("sop_class_uid", TEXT, server_default="", nullable=False),
        sa.Column("transfer_syntax_uid", TEXT, server_default="", nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("path", TEXT, server_default="", nullable=False),
        sa.Column("digest", TEXT, server_default="", nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("peer", TEXT, server_default="", nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["series_pk"], ["series.pk"], name=op.f("fk_instance_series_pk")),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_instance")),
        sa.UniqueConstraint("sop_instance_uid", name=op.f("uq_instance_sop_instance_uid")),
    )
    with op.batch_alter_table("instance", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_instance_series_pk"), ["series_pk"], unique=False)

    op.create_table(
        "requested_procedure",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("order_pk", PK, nullable=False),
        sa.Column("rp_id", TEXT, server_default="", nullable=False),
        sa.Column("study_instance_uid", TEXT, nullable=True),
        sa.Column("code", sa.JSON(), nullable=True),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_pk"],
            ["imaging_service_request.pk"],
            name=op.f("fk_requested_procedure_order_pk"),
        ),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_requested_procedure")),
    )
    with op.batch_alter_table("requested_procedure", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_requested_procedure_order_pk"), ["order_pk"], unique=False
        )
        batch_op.create_index("ix_requested_procedure_rp_id", ["rp_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_requested_procedure_study_instance_uid"),
            ["study_instance_uid"],
            unique=False,
        )

    op.create_table(
        "scheduled_step",
        sa.Column("pk", PK, autoincrement=True, nullable=False),
        sa.Column("procedure_pk", PK, nullable=False),
        sa.Column("sps_id", TEXT, nullable=True),
        sa.Column("status", TEXT, server_default="", nullable=False),
        sa.Column("modality", TEXT, server_default="", nullable=False),
        sa.Column("station_ae_titles", sa.JSON(), nullable=False),
        sa.Column("start_date", TEXT, server_default="", nullable=False),
        sa.Column("start_time", TEXT, server_default="", nullable=False),
        sa.Column("protocol_codes", sa.JSON(), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["procedure_pk"],
            ["requested_procedure.pk"],
            name=op.f("fk_scheduled_step_procedure_pk"),
        ),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_scheduled_step")),
        sa.UniqueConstraint(
            "procedure_pk", "sps_id", name=op.f("uq_scheduled_step_procedure_pk_sps_id")
        ),
    )
    op.create_table(
        "study_procedure",
        sa.Column("study_pk", PK, nullable=False),
        sa.Column("procedure_pk", PK, nullable=False),
        sa.ForeignKeyConstraint(
            ["procedure_pk"],
            ["requested_procedure.pk"],
            name=op.f("fk_study_procedure_procedure_pk"),
        ),
        sa.ForeignKeyConstraint(
            ["study_pk"], ["study.pk"], name=op.f("fk_study_procedure_study_pk")
        ),
        sa.PrimaryKeyConstraint("study_pk", "procedure_pk", name=op.f("pk_study_procedure")),
    )
    with op.batch_alter_table("study_procedure", schema=None) as batch_op:
        batch_op.create_index("ix_study_procedure_procedure_pk", ["procedure_pk"], unique=False)

    op.create_table(
        "performed_step_link",
        sa.Column("performed_step_pk", PK, nullable=False),
        sa.Column("step_pk", PK, nullable=False),
        sa.ForeignKeyConstraint(
            ["performed_step_pk"],
            ["performed_step.pk"],
            name=op.f("fk_performed_step_link_performed_step_pk"),
        ),
        sa.ForeignKeyConstraint(
            ["step_pk"], ["scheduled_step.pk"], name=op.f("fk_performed_step_link_step_pk")
        ),
        sa.PrimaryKeyConstraint(
            "performed_step_pk", "step_pk", name=op.f("pk_performed_step_link")
        ),
    )
    with op.batch_alter_table("performed_step_link", schema=None) as batch_op:
        batch_op.create_index("ix_performed_step_link_step_pk", ["step_pk"], unique=False)

    op.create_table(
        "worklist_item",
        sa.Column("step_pk", PK, autoincrement=False, nullable=False),
        sa.Column("start", TEXT, server_default="", nullable=False),
        sa.Column("modality", TEXT, server_default="", nullable=False),
        sa.Column("status", TEXT, server_default="", nullable=False),
        sa.Column("patient_name", TEXT, server_default="", nullable=False),
        sa.Column("patient_id", TEXT, server_default="", nullable=False),
        sa.Column("issuer_of_patient_id", TEXT, server_default="", nullable=False),
        sa.Column("patient_birth_date", TEXT, server_default="", nullable=False),
        sa.Column("patient_sex", TEXT, server_default="", nullable=False),
        sa.Column("accession_number", TEXT, server_default="", nullable=False),
        sa.Column("requested_procedure_id", TEXT, server_default="", nullable=False),
        sa.Column("study_instance_uid", TEXT, server_default="", nullable=False),
        sa.Column("sps_id", TEXT, server_default="", nullable=False),
        sa.Column("performing_physician", TEXT, server_default="", nullable=False),
        sa.Column("station_name", TEXT, server_default="", nullable=False),
        sa.Column("sps_location", TEXT, server_default="", nullable=False),
        sa.Column("admission_id", TEXT, server_default="", nullable=False),
        sa.Column("any_station", sa.Boolean(), nullable=False),
        sa.Column("ascii_only", sa.Boolean(), nullable=False),
        sa.Column("encoded", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["step_pk"], ["scheduled_step.pk"], name=op.f("fk_worklist_item_step_pk")
        ),
        sa.PrimaryKeyConstraint("step_pk", name=op.f("pk_worklist_item")),
    )
    with op.batch_alter_table("worklist_item", schema=None) as batch_op:
        batch_op.create_index(
            "ix_worklist_item_accession_number", ["accession_number"], unique=False
        )
        batch_op.create_index(
            "ix_worklist_item_modality_start", ["modality", "start"], unique=False
        )
        batch_op.create_index("ix_worklist_item_patient_id", ["patient_id"], unique=False)
        batch_op.create_index("ix_worklist_item_patient_name", ["patient_name"], unique=False)
        batch_op.create_index("ix_worklist_item_start", ["start"], unique=False)
        batch_op.create_index(
            "ix_worklist_item_study_instance_uid", ["study_instance_uid"], unique=False
        )

    op.create_table(
        "worklist_station",
        sa.Column("ae_title", TEXT, nullable=False),
        sa.Column("start", TEXT, nullable=False),
        sa.Column("step_pk", PK, nullable=False),
        sa.ForeignKeyConstraint(
            ["step_pk"], ["worklist_item.step_pk"], name=op.f("fk_worklist_station_step_pk")
        ),
        sa.PrimaryKeyConstraint("ae_title", "start", "step_pk", name=op.f("pk_worklist_station")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("worklist_station", schema=None) as batch_op:
        batch_op.create_index("ix_worklist_station_step_pk", ["step_pk"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first migration")
