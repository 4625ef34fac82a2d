"""Bring a database to the schema of this version, by the migrations."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from bridge.store.database import Database
from bridge.store.tables import metadata

_MIGRATIONS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 5_115_042


def upgrade(database: Database) -> None:
    """Run the migrations that the database lacks; several nodes may do so at once."""

    def work(connection: Connection) -> None:
        if not database.is_sqlite:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
        if revision(connection) != head():
            command.upgrade(_config(connection), "head")

    database.transact(work)


def revision(connection: Connection) -> str | None:
    """The migration a database is at; None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def head() -> str | None:
    """The newest migration of this version."""
    return ScriptDirectory.from_config(_config(None)).get_current_head()


def differences(database: Database) -> list[object]:
    """How the database's schema differs from the tables of this version: empty when it does not."""
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def write_revision(database: Database, message: str) -> None:
    """For developers: write the migration that leads from `database` to the tables."""
    with database.engine.begin() as connection:
        command.revision(_config(connection), message=message, autogenerate=True)


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    if connection is not None:
        config.attributes["connection"] = connection
    return config
