"""Timers are rows: set anew, claimed once, and still there after a restart."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bridge.store.database import Database
from bridge.store.repositories import SqlStore
from bridge.store.timers import Timer


def start(store: SqlStore, due_at: float, subject: str = "1.2") -> None:
    store.transact(lambda tx: tx.timers.set("settle", subject, due_at))


def claim(store: SqlStore, now: float, owner: str = "node", limit: int = 10) -> list[Timer]:
    return list(store.transact(lambda tx: tx.timers.claim(owner, now, 60.0, limit)))


def finish(store: SqlStore, fired: Timer) -> bool:
    return store.transact(lambda tx: tx.timers.finish(fired))


def next_due(store: SqlStore, now: float) -> float | None:
    return store.read(lambda tx: tx.timers.next_due(now))


def test_a_timer_fires_when_it_is_due_and_once(store: SqlStore) -> None:
    start(store, 10.0)
    assert claim(store, 9.0) == []
    (fired,) = claim(store, 10.0)
    assert fired == Timer("settle", "1.2", 10.0)
    assert claim(store, 11.0) == []
    assert finish(store, fired)
    assert next_due(store, 11.0) is None


def test_a_timer_that_is_set_again_moves(store: SqlStore) -> None:
    start(store, 10.0)
    start(store, 20.0)
    assert claim(store, 10.0) == []
    assert next_due(store, 10.0) == 20.0
    start(store, 5.0)
    assert len(claim(store, 5.0)) == 1


def test_a_timer_that_is_set_again_during_its_action_fires_again(store: SqlStore) -> None:
    start(store, 10.0)
    (fired,) = claim(store, 10.0)
    start(store, 40.0)
    assert not finish(store, fired)
    assert claim(store, 39.0) == []
    (again,) = claim(store, 40.0)
    assert finish(store, again)


def test_a_timer_of_a_dead_node_fires_on_another(store: SqlStore) -> None:
    start(store, 10.0)
    assert claim(store, 10.0, "dead")
    assert claim(store, 69.0, "alive") == []
    assert next_due(store, 69.0) == 70.0
    assert len(claim(store, 70.0, "alive")) == 1


def test_a_timer_survives_a_restart(open_database: Callable[[], Database]) -> None:
    before = open_database()
    start(SqlStore(before), 10.0)
    before.close()
    assert len(claim(SqlStore(open_database()), 10.0)) == 1


def test_the_earliest_are_claimed_first_and_no_more_than_asked(store: SqlStore) -> None:
    for due_at in (3.0, 1.0, 2.0):
        start(store, due_at, str(due_at))
    assert [each.due_at for each in claim(store, 5.0, limit=2)] == [1.0, 2.0]
    assert [each.due_at for each in claim(store, 5.0, limit=2)] == [3.0]


def test_kinds_and_subjects_are_apart(store: SqlStore) -> None:
    start(store, 10.0, "1.2")
    start(store, 10.0, "1.3")
    store.transact(lambda tx: tx.timers.set("retention", "1.2", 10.0))
    assert len(claim(store, 10.0)) == 3


def test_nodes_that_claim_at_once_never_share_a_timer(
    open_database: Callable[[], Database],
) -> None:
    stores = [SqlStore(open_database()) for _ in range(4)]
    for number in range(60):
        start(stores[0], 1.0, str(number))

    def drain(number: int) -> list[Timer]:
        fired = []
        while claimed := claim(stores[number], 2.0, str(number), limit=3):
            fired += claimed
        return fired

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(drain, number) for number in range(4)]
        fired = [each for done in running for each in done.result()]
    assert sorted(int(each.subject) for each in fired) == list(range(60))
