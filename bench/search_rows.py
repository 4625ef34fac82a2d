"""A million messages with their orders, patients, studies and deliveries, written directly.

Names are drawn as they come in a Vietnamese hospital that sees guests: 38% of the common ones are
NGUYỄN, a tenth are of a long tail of rare names, some are in several scripts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, func, insert, select, text

from bridge.domain.delivery import DeliveryState, EventKind
from bridge.domain.names import fold_name
from bridge.store.database import Database
from bridge.store.tables import (
    attempt,
    delivery,
    imaging_service_request,
    mention,
    message,
    patient,
    patient_identifier,
    requested_procedure,
    scheduled_step,
    study,
    study_key,
)

MESSAGES_OF_AN_ORDER = 4
DELIVERIES = 100_000
EVERYWHERE = "TEST"
"""A patient ID that every tenth message mentions."""

NOW = 1_767_225_600.0
FAMILY = ("NGUYỄN", "TRẦN", "LÊ", "PHẠM", "HOÀNG", "PHAN", "VŨ", "ĐẶNG", "BÙI", "ĐỖ")
GIVEN = tuple(
    a + b
    for a in ("ÁNH", "BÌNH", "CHI", "DŨNG", "GIANG", "HÀ", "KHÁNH", "LAN", "MAI", "NAM", "OANH")
    for b in ("", " ANH", " TÂM", " PHƯƠNG", " SƠN", " TRANG")
)
_FAMILY_WEIGHTS = (38, 12, 10, 7, 5, 5, 4, 3, 2, 1)
_MIDDLE = ("VĂN", "THỊ", "HỮU", "ĐỨC", "MINH", "NGỌC", "THANH", "QUỐC", "XUÂN", "KIM")
_OF_SEVERAL_SCRIPTS = (
    "YAMADA^TARO=山田^太郎=やまだ^たろう",
    "HONG^GILDONG=洪^吉洞=홍^길동",
    "WANG^XIAODONG=王^小東",
    "ИВАНОВ^ПЁТР",
)
_SYLLABLES = ("BA", "DO", "KE", "LI", "MU", "NOR", "PRA", "SAN", "TEL", "VES", "WOL", "ZIM")
_BATCH = 20_000
_RAW = (
    b"MSH|^~\\&|KIS|HAUS|BRIDGE|HOSP|20260101||ORM^O01|C%d|P|2.5.1\r" + b"OBX|1|TX|||" + b"x" * 700
)
_DESTINATIONS = ("fhir", "his", "archive")

Row = tuple[Any, dict[str, Any]]


def fill(database: Database, messages: int) -> bool:
    """Write so many messages and what belongs to them; False when the database is filled already.

    Raises ValueError when it holds another number of them.
    """
    with database.read() as connection:
        held = connection.execute(select(func.max(message.c.pk))).scalar() or 0
    if held:
        if held != messages:
            raise ValueError(f"the database holds {held:,} messages, not {messages:,}")
        return False
    chance, orders = random.Random(1), messages // MESSAGES_OF_AN_ORDER
    with database.engine.connect().execution_options(write=True) as connection:
        _hurry(connection, is_sqlite=database.is_sqlite)
        for first in range(0, orders, _BATCH):
            numbers = range(first, min(orders, first + _BATCH))
            _write(connection, (row for number in numbers for row in _rows(number + 1, chance)))
        for first in range(0, DELIVERIES, _BATCH):
            numbers = range(first, min(DELIVERIES, first + _BATCH))
            _write(connection, (row for number in numbers for row in _told(number + 1)))
    if not database.is_sqlite:  # as its own worker does by and by; nobody does on SQLite
        alone = database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        with alone as connection:
            connection.execute(text("VACUUM ANALYZE"))
    return True


def _hurry(connection: Connection, *, is_sqlite: bool) -> None:
    """What is lost if the machine fails is written again."""
    if is_sqlite:
        connection.exec_driver_sql("PRAGMA synchronous=OFF")
        return
    connection.exec_driver_sql("SET synchronous_commit = off")
    connection.exec_driver_sql("SET session_replication_role = replica")  # foreign keys are right
    connection.commit()


def _write(connection: Connection, rows: Iterator[Row]) -> None:
    tables: dict[Any, list[dict[str, Any]]] = {}
    for table, row in rows:
        tables.setdefault(table, []).append(row)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    for table, each in tables.items():
        connection.execute(insert(table), each)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("COMMIT")
    connection.commit()


def _name(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.02:
        return chance.choice(_OF_SEVERAL_SCRIPTS)
    if kind < 0.12:
        parts = ("".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4))) for _ in range(2))
        return "^".join(parts)
    family = chance.choices(FAMILY, _FAMILY_WEIGHTS)[0]
    return f"{family}^{chance.choice(_MIDDLE)} {chance.choice(GIVEN)}"


def _rows(pk: int, chance: random.Random) -> Iterator[Row]:
    """Everything of one patient with one order."""
    name, at, uid = _name(chance), NOW + pk * 10.0, f"1.2.826.0.1.3680043.10.{pk}"
    yield from _patient(pk, at, name)
    yield from _order(pk, at, uid)
    yield from _study(pk, at, uid, name)
    yield from _messages(pk, at, uid)


def _patient(pk: int, at: float, name: str) -> Iterator[Row]:
    yield (
        patient,
        {
            "pk": pk,
            "attributes": {"PatientName": name, "PatientBirthDate": "19700101"},
            "name_folded": fold_name(name),
            "updated_at": at,
        },
    )
    yield (
        patient_identifier,
        {
            "patient_pk": pk,
            "assigned_to": pk,
            "value": f"P{pk:08}",
            "authority_key": "HOSP",
            "rank": 0,
        },
    )


def _order(pk: int, at: float, uid: str) -> Iterator[Row]:
    yield (
        imaging_service_request,
        {
            "pk": pk,
            "patient_pk": pk,
            "accession_number": f"ACC{pk:08}",
            "accession_key": f"ACC{pk:08}^HOSP",
            "filler_key": f"F{pk:08}^RIS",
            "placer_key": f"O{pk:08}^HIS",
            "numbers": [[f"ACC{pk:08}", "HOSP", "", "", ""], None, None],
            "attributes": {},
            "sources": {},
            "created_at": at,
            "updated_at": at,
        },
    )
    yield (
        requested_procedure,
        {
            "pk": pk,
            "order_pk": pk,
            "study_instance_uid": uid,
            "attributes": {"RequestedProcedureDescription": "CT sọ não"},
        },
    )
    yield (
        scheduled_step,
        {
            "procedure_pk": pk,
            "sps_id": "1",
            "status": "scheduled",
            "modality": "CT",
            "station_ae_titles": [],
            "protocol_codes": [],
            "attributes": {},
        },
    )


def _study(pk: int, at: float, uid: str, name: str) -> Iterator[Row]:
    yield (
        study,
        {
            "pk": pk,
            "study_instance_uid": uid,
            "state": "complete",
            "outcome": "matched",
            "patient_id": f"P{pk:08}",
            "accession_number": f"ACC{pk:08}",
            "identity": {},
            "attributes": {"PatientName": name},
            "request_attributes": [],
            "performed_step_uids": [],
            "created_at": at,
            "updated_at": at,
        },
    )
    yield (
        study_key,
        {
            "study_pk": pk,
            "patient_name": fold_name(name),
            "patient_id": f"P{pk:08}",
            "accession_number": f"ACC{pk:08}",
            "study_date": "20260101",
            "study_description": "CT sọ não",
        },
    )


def _messages(pk: int, at: float, uid: str) -> Iterator[Row]:
    for part in range(MESSAGES_OF_AN_ORDER):
        number = (pk - 1) * MESSAGES_OF_AN_ORDER + part + 1
        yield (
            message,
            {
                "pk": number,
                "direction": "in" if part else "out",
                "protocol": "hl7",
                "peer": "his 10.0.0.1:40000" if part else "fhir",
                "type": "ADT^A08" if part == 3 else "ORM^O01",
                "control_id": f"C{number}",
                "received_at": at + part,
                "disposition": "refused" if number % 1000 == 0 else "applied",
                "warnings": [],
                "raw": _RAW % number,
                "reply": b"MSA|AA",
            },
        )
        for kind, value in (
            ("control id", f"C{number}"),
            ("patient id", f"P{pk:08}"),
            ("accession number", f"ACC{pk:08}"),
            ("order number", f"O{pk:08}"),
            ("study instance uid", uid),
        ):
            yield mention, {"value": value, "kind": kind, "message_pk": number}
        if number % 10 == 0:
            yield mention, {"value": EVERYWHERE, "kind": "patient id", "message_pk": number}


def _told(pk: int) -> Iterator[Row]:
    """A delivery: most are over, the newest wait, and of all some were refused for good."""
    state = DeliveryState.PENDING if pk > DELIVERIES - 500 else DeliveryState.DELIVERED
    if pk % 500 == 0:
        state = DeliveryState.DEAD
    at, is_over = NOW + pk * 10.0, state is not DeliveryState.PENDING
    error = "422 the server wants another profile" if state is DeliveryState.DEAD else ""
    yield (
        delivery,
        {
            "pk": pk,
            "destination": _DESTINATIONS[pk % len(_DESTINATIONS)],
            "subject": f"1.2.826.0.1.3680043.10.{pk}",
            "kind": EventKind.STUDY_AVAILABLE.value,
            "state": state.value,
            "not_before": at,
            "created_at": at,
            "finished_at": at if is_over else None,
            "last_error": error,
        },
    )
    if is_over:
        yield (
            attempt,
            {"delivery_pk": pk, "at": at, "outcome": state.value, "error": error},
        )
