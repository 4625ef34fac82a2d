"""How long the console's search box takes among many messages: `python -m bench.search`.

The database is written directly, as orders would have left it: for each patient an order with its
procedure and step, and messages that mention them. Names are drawn as Vietnamese names are, so that
some words are in very many of them.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from bridge.domain.access import Role, SignedIn
from bridge.domain.names import fold_name
from bridge.services.find_anything import FindAnything
from bridge.services.follow_names import FollowNames
from bridge.services.read_journal import MessageFilter, ReadJournal
from bridge.store import schema
from bridge.store.database import Database
from bridge.store.repositories import SqlStore
from bridge.store.tables import (
    imaging_service_request,
    mention,
    message,
    patient,
    patient_identifier,
    requested_procedure,
    scheduled_step,
)

_FAMILY = ("NGUYỄN", "TRẦN", "LÊ", "PHẠM", "HOÀNG", "PHAN", "VŨ", "ĐẶNG", "BÙI", "ĐỖ")
_FAMILY_WEIGHTS = (38, 12, 10, 7, 5, 5, 4, 3, 2, 1)
_MIDDLE = ("VĂN", "THỊ", "HỮU", "ĐỨC", "MINH", "NGỌC", "THANH", "QUỐC", "XUÂN", "KIM")
_GIVEN = tuple(
    a + b
    for a in ("ÁNH", "BÌNH", "CHI", "DŨNG", "GIANG", "HÀ", "KHÁNH", "LAN", "MAI", "NAM", "OANH")
    for b in ("", " ANH", " TÂM", " PHƯƠNG", " SƠN", " TRANG")
)
_MESSAGES_OF_AN_ORDER = 4
_BATCH = 20_000
_RAW = (
    b"MSH|^~\\&|KIS|HAUS|BRIDGE|HOSP|20260101||ORM^O01|C%d|P|2.5.1\r" + b"OBX|1|TX|||" + b"x" * 700
)
_USER = SignedIn(name="bench", role=Role.VIEWER)
_NOW = 1_767_225_600.0


def fill(database: Database, messages: int) -> None:
    """Write so many messages with their orders and patients."""
    chance = random.Random(1)
    orders = messages // _MESSAGES_OF_AN_ORDER
    with database.engine.connect().execution_options(write=True) as connection:
        connection.exec_driver_sql("PRAGMA synchronous=OFF")
        for first in range(0, orders, _BATCH):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            _fill_batch(connection, range(first, min(orders, first + _BATCH)), chance)
            connection.exec_driver_sql("COMMIT")


def _fill_batch(connection: Connection, numbers: range, chance: random.Random) -> None:
    rows: dict[Any, list[dict[str, Any]]] = {}
    for number in numbers:
        for table, row in _rows(number + 1, chance):
            rows.setdefault(table, []).append(row)
    for table, each in rows.items():
        connection.execute(insert(table), each)


def _rows(pk: int, chance: random.Random) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Everything of one patient with one order."""
    name = "^".join(
        (
            chance.choices(_FAMILY, _FAMILY_WEIGHTS)[0],
            f"{chance.choice(_MIDDLE)} {chance.choice(_GIVEN)}",
        )
    )
    at, uid = _NOW + pk * 10.0, f"1.2.826.0.1.3680043.10.{pk}"
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
    yield from _messages(pk, at, uid)


def _messages(pk: int, at: float, uid: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    for part in range(_MESSAGES_OF_AN_ORDER):
        number = (pk - 1) * _MESSAGES_OF_AN_ORDER + part + 1
        yield (
            message,
            {
                "pk": number,
                "direction": "in" if part else "out",
                "protocol": "hl7",
                "peer": "his 10.0.0.1:40000",
                "type": "ORM^O01",
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


def measure(store: SqlStore, messages: int, repeats: int) -> None:
    """Search each kind of thing again and again, and say how long it took."""
    search, chance = FindAnything(store, time.time), random.Random(2)
    orders = messages // _MESSAGES_OF_AN_ORDER
    kinds: dict[str, Callable[[], str]] = {
        "accession number": lambda: f"ACC{chance.randint(1, orders):08}",
        "patient ID": lambda: f"P{chance.randint(1, orders):08}",
        "order number": lambda: f"O{chance.randint(1, orders):08}",
        "Study Instance UID": lambda: f"1.2.826.0.1.3680043.10.{chance.randint(1, orders)}",
        "control ID": lambda: f"C{chance.randint(1, messages)}",
        "name, whole": lambda: "nguyen van anh",
        "name, any order": lambda: f"{chance.choice(_GIVEN)} {chance.choice(_FAMILY)}",
        "name, one common word": lambda: "nguyen",
        "name, two common words": lambda: "van nguyen",
        "name, a beginning": lambda: "khan phuo",
        "beginning of a number": lambda: f"ACC{chance.randint(1, orders):08}"[:7],
        "nothing of that name": lambda: "nguyen zzz",
        "nothing at all": lambda: "no-such-thing-9",
    }
    print(f"{messages:,} messages, {orders:,} orders and patients; milliseconds")
    for kind, text in kinds.items():
        sought = [text() for _ in range(repeats)]
        _tell(kind, [_seconds(partial(search.find, each, _USER)) for each in sought])
    journal = ReadJournal(store, time.time)
    for kind, chosen in {
        "journal, newest": MessageFilter(),
        "journal, refused": MessageFilter(disposition="refused"),
        "journal, no such type": MessageFilter(type="ZZZ"),
    }.items():
        _tell(kind, [_seconds(partial(journal.page, chosen)) for _ in range(repeats)])


def _tell(kind: str, took: list[float]) -> None:
    milliseconds = [each * 1000 for each in took]
    print(
        f"{kind:24} median {statistics.median(milliseconds):7.1f}  worst {max(milliseconds):7.1f}"
    )


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Fill a database, index its names, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--database", help="URL; a SQLite file of its own without it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.database or f"sqlite:///{Path(folder) / 'bridge.db'}"
        database = Database(url)
        schema.upgrade(database)
        fill(database, options.messages)
        store = SqlStore(database)
        names = FollowNames(store, lambda: _NOW + options.messages * 10.0)
        print(f"names indexed in {_seconds(names.catch_up):.1f} s")
        measure(store, options.messages, options.repeats)
        database.close()


if __name__ == "__main__":
    main()
