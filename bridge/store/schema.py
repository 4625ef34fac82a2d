"""Which schema a database has, and bringing it to that of this version by the migrations."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from bridge.domain.errors import BridgeError
from bridge.store.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 5_115_042
_VERSION_TABLE = "alembic_version"


def upgrade(database: Database) -> None:
    """Run the migrations that the database lacks; several nodes may do so at once.

    Raises:
        BridgeError: the database cannot be reached, or a newer version of the bridge made it.
    """

    def work(connection: Connection) -> None:
        if not database.is_sqlite:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
        present = revision(connection)
        if present is not None and present > head():
            raise BridgeError(
                f"the database is at revision {present}, made by a newer version of the bridge;"
                f" this one knows {head()}"
            )
        if present != head():
            # A start that has nothing to migrate need not wait for Alembic to be loaded.
            from bridge.store.migration import run_migrations  # noqa: PLC0415

            run_migrations(connection)

    database.transact(work)


def revision(connection: Connection) -> str | None:
    """The migration a database is at; None when it is empty."""
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar()  # noqa: S608
    return None if found is None else str(found)


def head() -> str:
    """The newest migration of this version: the files are named `REVISION_what.py`, in order."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
