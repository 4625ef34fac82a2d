"""Alembic, which runs the migrations. It is loaded only when there are some to run."""

from __future__ import annotations

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from bridge.store.database import Database
from bridge.store.schema import MIGRATIONS, head
from bridge.store.tables import metadata


def run_migrations(connection: Connection, up_to: str = "head") -> None:
    """Run, in the transaction of the connection, the migrations that its database lacks."""
    command.upgrade(_config(connection), up_to)


def newest_revision() -> str | None:
    """The newest migration as Alembic finds it, by what each says it follows."""
    return ScriptDirectory.from_config(_config(None)).get_current_head()


def differences(database: Database) -> list[object]:
    """How the database's schema differs from the tables of this version: empty when it does not."""
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def write_revision(database: Database, message: str) -> None:
    """For developers: write the migration that leads from `database` to the tables."""
    following = f"{int(head()) + 1:04}"
    with database.engine.begin() as connection:
        command.revision(_config(connection), message=message, autogenerate=True, rev_id=following)


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    if connection is not None:
        config.attributes["connection"] = connection
    return config
