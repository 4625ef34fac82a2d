"""The journal keeps the bytes of the wire and finds a message by whatever it mentions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bridge.domain.errors import DuplicateKey
from bridge.domain.journal import Direction, Disposition, JournalEntry, Mention
from bridge.store.repositories import SqlStore

ENTRY = JournalEntry(
    direction=Direction.IN,
    protocol="hl7",
    peer="his",
    type="ORM^O01",
    control_id="M1",
    content_hash="0",
    received_at=1.0,
    disposition=Disposition.APPLIED,
    raw=bytes(range(256)),
    reply=b"\x0bMSA\x1c\r",
    error="",
    warnings=("MSH-18 lies",),
    dedupe_key="key",
    mentions=(
        (Mention.ACCESSION_NUMBER, "A1"),
        (Mention.PATIENT_ID, "A1"),
        (Mention.PATIENT_ID, "A1"),
        (Mention.ORDER_NUMBER, ""),
    ),
)


def add(store: SqlStore, entry: JournalEntry) -> int:
    return store.transact(lambda tx: tx.journal.add(entry))


def found(store: SqlStore, value: str, limit: int = 100) -> list[int]:
    return [row.pk for row in store.read(lambda tx: tx.journal.mentioning(value, limit))]


def test_every_byte_is_kept(store: SqlStore) -> None:
    pk = add(store, ENTRY)
    row = store.read(lambda tx: tx.journal.get(pk))
    assert row is not None
    assert (row.raw, row.reply, row.disposition) == (ENTRY.raw, ENTRY.reply, "applied")
    assert store.read(lambda tx: tx.journal.get(99)) is None


def test_a_reply_is_found_by_its_key(store: SqlStore) -> None:
    assert store.read(lambda tx: tx.journal.reply_to("key")) is None
    add(store, ENTRY)
    assert store.read(lambda tx: tx.journal.reply_to("key")) == ENTRY.reply


def test_a_second_message_under_one_key_is_refused_and_any_number_without(
    store: SqlStore,
) -> None:
    add(store, ENTRY)
    with pytest.raises(DuplicateKey):
        add(store, ENTRY)
    for _ in range(2):
        add(store, replace(ENTRY, dedupe_key=None))
    assert len(found(store, "A1")) == 3


def test_the_newest_come_first_and_each_once(store: SqlStore) -> None:
    pks = [add(store, replace(ENTRY, dedupe_key=None)) for _ in range(3)]
    assert found(store, "A1") == pks[::-1]
    assert found(store, "A1", 2) == pks[:0:-1]
    assert found(store, "a1") == found(store, "") == found(store, "A") == []


def test_an_identifier_of_absurd_length_is_found_all_the_same(store: SqlStore) -> None:
    long = "".join(chr(33 + (n * n) % 7919) for n in range(9000))
    entry = replace(ENTRY, mentions=((Mention.PATIENT_ID, long),))
    assert found(store, long) == []
    pk = add(store, entry)
    assert found(store, long) == [pk]


def test_given_messages_of_all_kinds_when_read_again_then_those_that_came_in_their_order(
    store: SqlStore,
) -> None:
    def came(control_id: str, at: float, **changes: Any) -> int:
        said = {"control_id": control_id, "received_at": at, "dedupe_key": None, **changes}
        return add(store, replace(ENTRY, **said))

    pks = [came(f"in{number}", 100.0 + number) for number in range(5)]
    came("out", 103.0, direction=Direction.OUT)
    came("mpps", 103.0, protocol="dicom")

    def read(since: float, until: float, after: int, limit: int) -> list[str]:
        asked = (("hl7", "fhir"), since, until, after, limit)
        return [row.control_id for row in store.read(lambda tx: tx.journal.received(*asked))]

    assert read(0.0, 1e9, 0, 10) == ["in0", "in1", "in2", "in3", "in4"]
    assert read(101.0, 104.0, 0, 10) == ["in1", "in2", "in3"]
    assert read(0.0, 1e9, pks[1], 2) == ["in2", "in3"]
    assert store.read(lambda tx: tx.journal.before(102.0)) < pks[2]
    assert store.read(lambda tx: tx.journal.before(1e9)) == 0


def test_given_a_message_when_asked_for_its_reply_then_it_is_given_by_place_and_by_key(
    store: SqlStore,
) -> None:
    pk = store.transact(lambda tx: tx.journal.add(ENTRY))

    assert store.read(lambda tx: tx.journal.reply(pk)) == ENTRY.reply
    assert store.read(lambda tx: tx.journal.reply(pk + 1)) is None
    assert store.read(lambda tx: tx.journal.applied(ENTRY.dedupe_key or "")) == pk
    assert store.read(lambda tx: tx.journal.applied("no such key")) is None
