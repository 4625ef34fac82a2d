"""Performed steps: every message as it came, what finds them, series, dose, how far forwarded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
PK = sa.BigInteger().with_variant(sa.Integer, "sqlite")
OPEN = sa.text("status = 'IN PROGRESS'")

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, server_default="", nullable=False)


def _of_performed_step(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["performed_step_pk"],
        ["performed_step.pk"],
        name=op.f(f"fk_{table}_performed_step_pk"),
    )


def upgrade() -> None:
    _create_messages()
    _create_keys()
    _create_results()
    _create_forwards()
    op.add_column(
        "performed_step",
        sa.Column("created_at", sa.Double(), server_default=sa.text("0"), nullable=False),
    )
    op.execute("UPDATE performed_step SET created_at = updated_at")
    # Not as a batch: SQLite would copy the table, which others refer to.
    op.execute("ALTER TABLE performed_step DROP COLUMN created")
    op.execute("ALTER TABLE performed_step DROP COLUMN last_set")
    op.create_index(
        "ix_performed_step_open",
        "performed_step",
        ["created_at"],
        unique=False,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )


def _create_messages() -> None:
    op.create_table(
        "performed_step_message",
        sa.Column("performed_step_pk", PK, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        _text("operation"),
        _text("transfer_syntax_uid"),
        sa.Column("encoded", sa.LargeBinary(), nullable=False),
        _text("peer"),
        sa.Column("received_at", sa.Double(), nullable=False),
        _of_performed_step("performed_step_message"),
        sa.PrimaryKeyConstraint(
            "performed_step_pk", "number", name=op.f("pk_performed_step_message")
        ),
    )
    # In which transfer syntax they came was not kept: whoever reads them finds out.
    op.execute(
        "INSERT INTO performed_step_message"
        " (performed_step_pk, number, operation, encoded, received_at)"
        " SELECT pk, 1, 'N-CREATE', created, updated_at FROM performed_step"
    )
    op.execute(
        "INSERT INTO performed_step_message"
        " (performed_step_pk, number, operation, encoded, received_at)"
        " SELECT pk, 2, 'N-SET', last_set, updated_at FROM performed_step"
        " WHERE last_set IS NOT NULL"
    )


def _create_keys() -> None:
    op.create_table(
        "performed_step_key",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("performed_step_pk", PK, nullable=False),
        _of_performed_step("performed_step_key"),
        sa.PrimaryKeyConstraint("key", "performed_step_pk", name=op.f("pk_performed_step_key")),
    )
    op.execute(
        "INSERT INTO performed_step_key (key, performed_step_pk)"
        " SELECT 'study:' || study_instance_uid, performed_step_pk FROM performed_step_study"
    )
    op.drop_table("performed_step_study")


def _create_results() -> None:
    op.create_table(
        "performed_series",
        sa.Column("performed_step_pk", PK, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        _text("series_instance_uid"),
        _text("protocol_name"),
        _text("description"),
        sa.Column("performing_physicians", sa.JSON(), nullable=False),
        sa.Column("operators", sa.JSON(), nullable=False),
        sa.Column("retrieve_ae_titles", sa.JSON(), nullable=False),
        sa.Column("images", sa.JSON(), nullable=False),
        sa.Column("others", sa.JSON(), nullable=False),
        _of_performed_step("performed_series"),
        sa.PrimaryKeyConstraint("performed_step_pk", "position", name=op.f("pk_performed_series")),
    )
    op.create_index(
        "ix_performed_series_series_instance_uid",
        "performed_series",
        ["series_instance_uid"],
        unique=False,
    )
    numbers = (
        "distance_to_detector",
        "distance_to_entrance",
        "entrance_dose",
        "area_dose_product",
        "ctdi_vol",
        "dose_length_product",
    )
    op.create_table(
        "radiation_dose",
        sa.Column("performed_step_pk", PK, autoincrement=False, nullable=False),
        sa.Column("fluoroscopy_time", sa.Integer(), nullable=True),
        sa.Column("number_of_exposures", sa.Integer(), nullable=True),
        *(sa.Column(name, sa.Double(), nullable=True) for name in numbers),
        _text("exposed_area"),
        _text("comments"),
        sa.Column("exposures", sa.JSON(), nullable=False),
        _of_performed_step("radiation_dose"),
        sa.PrimaryKeyConstraint("performed_step_pk", name=op.f("pk_radiation_dose")),
    )


def _create_forwards() -> None:
    op.create_table(
        "performed_step_forward",
        sa.Column("destination", TEXT, nullable=False),
        sa.Column("performed_step_pk", PK, nullable=False),
        sa.Column("taken", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sending", sa.Integer(), server_default=sa.text("0"), nullable=False),
        _of_performed_step("performed_step_forward"),
        sa.PrimaryKeyConstraint(
            "destination", "performed_step_pk", name=op.f("pk_performed_step_forward")
        ),
    )


def downgrade() -> None:
    raise NotImplementedError("an older version would not understand what this one wrote")
