"""What a source was read of, on both databases."""

from __future__ import annotations

from bridge.store.repositories import SqlStore, SqlTransaction


def test_given_versions_then_those_between_two_days_are_found_until_dropped(
    store: SqlStore,
) -> None:
    def apply(tx: SqlTransaction) -> None:
        for uid, day in (("1", "20260101"), ("2", "20260102"), ("3", "20260103")):
            tx.sources.applied("pacs", uid, "v", day)
        tx.sources.applied("other", "4", "v", "20260102")

    store.transact(apply)
    found = store.read(lambda tx: tx.sources.between("pacs", "20260102", "99999999"))
    assert list(found) == ["2", "3"]
    store.transact(lambda tx: tx.sources.drop("pacs", "2"))
    assert list(store.read(lambda tx: tx.sources.between("pacs", "20260101", "20260102"))) == ["1"]
