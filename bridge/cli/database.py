"""`bridge db`: the database brought to the schema of this version."""

from __future__ import annotations

import argparse
import os
from typing import Any

from bridge.settings import load
from bridge.store import schema
from bridge.store.database import Database


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parsers of this command."""
    database = commands.add_parser("db", help="database").add_subparsers(required=True)
    migrate = database.add_parser("migrate", parents=[common], help="bring the schema up to date")
    migrate.set_defaults(run=_migrate)


def _migrate(options: argparse.Namespace) -> int:
    settings = load(options.config, os.environ)
    database = Database(str(settings.database))
    try:
        schema.upgrade(database)
        with database.read() as connection:
            print(f"{settings.database.masked()} is at revision {schema.revision(connection)}")
    finally:
        database.close()
    return 0
