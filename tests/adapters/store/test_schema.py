"""The migrations lead from nothing to exactly the tables, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import inspect, text

from bridge.domain.errors import BridgeError
from bridge.store import migration, schema
from bridge.store.database import Database
from bridge.store.tables import metadata
from tests.peers.postgres import Postgres


def described(database: Database) -> dict[str, Any]:
    """Everything a database says of its own schema, by table."""
    inspector = inspect(database.engine)
    return {
        table: {
            "columns": {
                c["name"]: (str(c["type"]), c["nullable"], c["default"], c.get("autoincrement"))
                for c in inspector.get_columns(table)
            },
            "collations": collations(database, table),
            "primary key": inspector.get_pk_constraint(table),
            "foreign keys": ordered(inspector.get_foreign_keys(table)),
            "unique": ordered(inspector.get_unique_constraints(table)),
            "indexes": ordered(inspector.get_indexes(table)),
            "checks": ordered(inspector.get_check_constraints(table)),
        }
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def ordered(found: Any) -> list[str]:
    def plain(value: Any) -> str:
        return str({k: str(v) for k, v in value.items()} if isinstance(value, dict) else value)

    return sorted(str(sorted((k, plain(v)) for k, v in each.items())) for each in found)


def collations(database: Database, table: str) -> list[tuple[str, str]]:
    if database.is_sqlite:
        return []
    query = text(
        "SELECT attname, collname FROM pg_attribute JOIN pg_collation c ON c.oid = attcollation"
        " WHERE attrelid = CAST(:table AS regclass) AND attnum > 0 ORDER BY attname"
    )
    with database.read() as connection:
        return [(name, each) for name, each in connection.execute(query, {"table": table})]


@pytest.fixture
def from_metadata(empty: Database, postgres: Postgres, tmp_path: Any) -> Database:
    url = f"sqlite:///{tmp_path / 'm.db'}" if empty.is_sqlite else postgres.create_database()
    database = Database(url)
    metadata.create_all(database.engine)
    return database


def test_an_upgrade_from_empty_equals_the_metadata(
    empty: Database, from_metadata: Database
) -> None:
    schema.upgrade(empty)
    assert migration.differences(empty) == []
    upgraded, wanted = described(empty), described(from_metadata)
    from_metadata.close()
    assert upgraded.keys() == wanted.keys() == metadata.tables.keys()
    for table, each in wanted.items():
        assert upgraded[table] == each, table


def test_every_text_is_compared_by_code_point(empty: Database) -> None:
    schema.upgrade(empty)
    for table in metadata.tables:
        assert {collation for _, collation in collations(empty, table)} <= {"C"}


def test_an_empty_database_has_no_revision_and_an_upgraded_one_the_newest(
    empty: Database,
) -> None:
    with empty.read() as connection:
        assert schema.revision(connection) is None
    schema.upgrade(empty)
    with empty.read() as connection:
        assert schema.revision(connection) == schema.head() == migration.newest_revision()


def test_a_database_of_a_newer_version_is_left_alone_and_named(empty: Database) -> None:
    schema.upgrade(empty)
    empty.transact(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(BridgeError, match="9999, made by a newer version"):
        schema.upgrade(empty)


def test_an_upgrade_of_what_is_newest_changes_nothing(empty: Database) -> None:
    schema.upgrade(empty)
    before = described(empty)
    schema.upgrade(empty)
    assert described(empty) == before


def test_several_nodes_may_upgrade_at_once(empty: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(schema.upgrade, empty) for _ in range(4)]:
            done.result()
    assert migration.differences(empty) == []


def test_a_difference_is_found(empty: Database) -> None:
    schema.upgrade(empty)
    empty.transact(lambda c: c.execute(text("DROP INDEX ix_timer_due_at")))
    assert migration.differences(empty) != []
