"""Performed steps that an older version kept are found, told of and go on after the upgrade."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from bridge.domain.performed_step import Operation
from bridge.store import schema
from bridge.store.database import Database
from bridge.store.migration import run_migrations
from bridge.store.repositories import SqlStore
from tests.unit.services.core import Core

DOCUMENT = {
    "scheduled": [["1.2.1", ["A1", "", "", "", ""], "R1", "S1"]],
    "patient_id": ["P1", "", "", "", ""],
    "patient_name": "TRAN^P1",
    "modality": "CT",
    "station_ae_title": "CT01",
    "pps_id": "PPS1",
    "attributes": {},
}


@pytest.mark.parametrize(
    ("status", "reason", "last_set", "wrong"),
    [("IN PROGRESS", "", None, False), ("DISCONTINUED", "110514", b"ended", True)],
)
def test_performed_steps_kept_before(
    empty: Database, status: str, reason: str, last_set: bytes | None, wrong: bool
) -> None:
    empty.transact(lambda connection: run_migrations(connection, "0012"))
    with empty.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO performed_step"
                " (pk, sop_instance_uid, status, document, instances, created, last_set,"
                " updated_at)"
                " VALUES (7, '1.9.1', :status, :document, '{}', :created, :last_set, 5)"
            ),
            {
                "status": status,
                "document": json.dumps(DOCUMENT | {"discontinuation_reason": reason}),
                "created": b"begun",
                "last_set": last_set,
            },
        )
        connection.execute(text("INSERT INTO performed_step_study VALUES ('1.2.1', 7)"))
    schema.upgrade(empty)
    store = SqlStore(empty)
    (found,) = store.read(lambda tx: tx.performed_steps.of_study("1.2.1"))
    assert (found.sop_instance_uid, found.created_at) == ("1.9.1", 5.0)
    assert found.wrong_entry is wrong
    messages = store.read(lambda tx: tx.performed_step_messages.of("1.9.1"))
    expected = [(1, Operation.CREATE, b"begun"), (2, Operation.SET, b"ended")]
    assert [(m.number, m.operation, m.encoded) for m in messages] == expected[: 1 + bool(last_set)]
    if status == "IN PROGRESS":
        Core(empty).end_step("1.9.1", "COMPLETED")
        messages = store.read(lambda tx: tx.performed_step_messages.of("1.9.1"))
        assert [each.number for each in messages] == [1, 2]
