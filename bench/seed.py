"""Filling a worklist: the first orders by HL7, as orders come; more of them by copying rows."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from bench import schedule
from bench.mllp_load import measure_rate

BASE = 10_000
"""Orders that are sent by HL7. Queries ask for these: a copy's stored answer is its original's."""

_PIECE = 5000
_DAYS = BASE // schedule.PER_DAY // len(schedule.STATIONS)
_WORKLIST = {"worklist_item": "step_pk", "worklist_station": "step_pk"}
_ORDERS = dict.fromkeys(
    (
        "patient",
        "patient_identifier",
        "imaging_service_request",
        "requested_procedure",
        "scheduled_step",
    ),
    "pk",
)
# Numbers of the base, found only once however often they are copied.
_IDENTIFIERS = {
    "accession_key",
    "filler_key",
    "placer_key",
    "rp_id",
    "value",
    "patient_id",
    "accession_number",
    "requested_procedure_id",
    "sps_id",
    "study_instance_uid",
}


def send(port: int) -> float:
    """Send the base by HL7; give the orders a second."""
    begun = time.perf_counter()
    for start in range(0, BASE, _PIECE):
        measure_rate(port, list(schedule.messages(start, start + _PIECE)), 8)
    return BASE / (time.perf_counter() - begun)


def multiply(file: Path, size: int, *, with_orders: bool = False) -> None:
    """Bring the worklist of a bridge that is stopped to `size` entries, each block days later.

    Without their orders only the worklist's own two tables are filled, which are all that a query
    reads.
    """
    tables = (_ORDERS if with_orders else {}) | _WORKLIST
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        held, step = connection.execute(
            "SELECT count(*), max(step_pk) FROM worklist_item"
        ).fetchone()
        first = held // BASE
        offset = step if first == 1 else step // first
        for copy in range(first, size // BASE):
            for table, key in tables.items():
                connection.execute(_copying(connection, table, key, copy * offset, copy))
            connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _copying(connection: sqlite3.Connection, table: str, key: str, further: int, copy: int) -> str:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(_value(column, further, copy) for column in columns)
    names, last = ", ".join(columns), further // copy
    return f"INSERT INTO {table} ({names}) SELECT {values} FROM {table} WHERE {key} <= {last}"  # noqa: S608


def _value(column: str, further: int, copy: int) -> str:
    if column in ("pk", "assigned_to") or column.endswith("_pk"):
        return f"{column} + {further}"
    if column in _IDENTIFIERS:
        return f"'{copy}.' || {column}"
    if column == "start":
        date = "substr(start, 1, 4) || '-' || substr(start, 5, 2) || '-' || substr(start, 7, 2)"
        return f"strftime('%Y%m%d', {date}, '+{copy * _DAYS} days') || substr(start, 9)"
    return column
