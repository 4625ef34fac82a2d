"""What receivers have on record of procedures is kept by receiver, subject and procedure."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.domain.told import IN_DOUBT
from bridge.store.repositories import SqlStore
from tests.unit.services.core import Core, order, procedure


def told(store: SqlStore, destination: str, subject: str) -> Mapping[int, str]:
    return store.read(lambda tx: tx.told_procedures.of(destination, subject))


def test_what_is_put_stands_until_it_is_put_anew_or_forgotten(core: Core) -> None:
    core.place(order("NW", procedure("1.2.1", "R1"), procedure("1.2.2", "R2")))
    first, second = (each.pk for each in core.held_order().procedures)
    store = core.store
    store.transact(lambda tx: tx.told_procedures.put("his", "order:1", first, "hash"))
    store.transact(lambda tx: tx.told_procedures.put("his", "order:1", second, IN_DOUBT))
    store.transact(lambda tx: tx.told_procedures.put("his", "study:1.2", first, "other"))
    store.transact(lambda tx: tx.told_procedures.put("ris", "order:1", first, "ris"))
    assert told(store, "his", "order:1") == {first: "hash", second: IN_DOUBT}

    store.transact(lambda tx: tx.told_procedures.put("his", "order:1", first, "newer"))
    store.transact(lambda tx: tx.told_procedures.forget("his", "order:1", second))
    assert told(store, "his", "order:1") == {first: "newer"}
    assert told(store, "his", "study:1.2") == {first: "other"}
    assert told(store, "ris", "order:1") == {first: "ris"}
    assert told(store, "ris", "study:1.2") == {}
