"""The store of a configuration, opened for a command; and rows on a terminal."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from bridge.domain.errors import BridgeError
from bridge.settings import load
from bridge.store.database import Database
from bridge.store.overview import schema_problem


@contextmanager
def opened(options: argparse.Namespace) -> Iterator[Database]:
    """The database of the configuration, closed again afterwards.

    Raises:
        BridgeError: it cannot be reached, or its schema is not that of this version.
    """
    settings = load(options.config, os.environ)
    file = settings.database.file
    if file is not None and not file.is_file():
        raise BridgeError(f"there is no database {file} yet; `bridge serve` makes it")
    database = Database(str(settings.database))
    try:
        problem = schema_problem(database)
        if problem:
            raise BridgeError(f"database {settings.database.masked()}: {problem}")
        yield database
    finally:
        database.close()


def utc_time(moment: float) -> str:
    """Unix time as UTC in ISO 8601."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def print_row(*cells: object) -> None:
    """One line, its cells separated by tabs."""
    print("\t".join(" ".join(str(cell).split("\n")).replace("\t", " ") for cell in cells))
