"""One way to change what is kept: whole or not at all, and a lost race is run again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, text

from bridge.domain.delivery import EventKind
from bridge.domain.errors import BridgeError, DataTypeError, DuplicateKey, ResourceBusy
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.patient import Patient, PatientDetails
from bridge.store.database import LONGEST_PAUSE_SECONDS, Database
from bridge.store.repositories import SqlStore
from bridge.store.statement import Statement
from bridge.store.tables import patient
from tests.peers.postgres import Postgres
from tests.peers.process import wait_until

P1 = Identifier("P1", Authority("HOSP"))
BINH = PatientDetails(identifiers=(P1,), attributes={"PatientName": "TRAN^BINH"})


def count(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(patient)).scalar_one()


def test_what_work_returns_is_committed(database: Database, store: SqlStore) -> None:
    made = store.transact(lambda tx: tx.patients.add(BINH, ""))
    assert store.read(lambda tx: tx.patients.find(P1)) == made
    assert count(database) == 1


def test_work_that_raises_is_undone(database: Database, store: SqlStore) -> None:
    def work(tx: Any) -> None:
        tx.patients.add(BINH, "")
        raise BridgeError("no")

    with pytest.raises(BridgeError, match="no"):
        store.transact(work)
    assert count(database) == 0


def test_two_that_create_the_same_patient_end_in_one(database: Database, store: SqlStore) -> None:
    """Both look before either has written: the one that loses the race looks again."""
    both_looked = threading.Barrier(2)
    tries: list[bool] = []

    def work(tx: Any) -> Patient:
        found: Patient | None = tx.patients.find(P1)
        tries.append(found is None)
        if not database.is_sqlite and len(tries) <= 2:
            both_looked.wait(10)
        made: Patient = found or tx.patients.add(BINH, "")
        return made

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(store.transact, work) for _ in range(2)]
        first, second = (each.result() for each in running)
    assert first.pk == second.pk
    assert count(database) == 1
    assert sorted(tries) == ([False, True] if database.is_sqlite else [False, True, True])


def test_what_is_read_together_is_of_one_moment(store: SqlStore) -> None:
    """By statements of the hot path as well as by others: a study is gathered by several."""

    def work(tx: Any) -> tuple[Patient | None, tuple[object, ...], Patient | None]:
        before = tx.patients.find(P1)
        store.transact(lambda other: other.patients.add(BINH, ""))
        return before, tuple(tx.visits.of_patient(1) or ()), tx.patients.find(P1)

    before, _, after = store.read(work)

    assert before is None
    assert after is None
    assert store.read(lambda tx: tx.patients.find(P1)) is not None


def test_what_stands_still_in_the_middle_gives_back_its_locks_and_is_run_again(
    database: Database,
) -> None:
    """A bridge that was stopped while it held an order, and goes on."""
    if database.is_sqlite:
        pytest.skip("SQLite has no sessions to end")
    stopped: list[int] = []

    def is_gone() -> bool:
        session = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
        with database.read() as other:
            return not other.execute(session, {"pid": stopped[0]}).scalar_one()

    def work(connection: Connection) -> str:
        limit = text("SHOW idle_in_transaction_session_timeout")
        allowed = connection.execute(limit).scalar_one()
        if not stopped:
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '10ms'"))
            stopped.append(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
            wait_until(is_gone, "the session that stands still is ended")
        Statement(select(func.count()).select_from(patient)).scalar(connection, {})
        return str(allowed)

    assert database.transact(work) == f"{LONGEST_PAUSE_SECONDS}s"


def test_a_race_that_is_always_lost_is_a_duplicate(store: SqlStore) -> None:
    store.transact(lambda tx: tx.patients.add(BINH, ""))
    with pytest.raises(DuplicateKey) as caught:
        store.transact(lambda tx: tx.patients.add(BINH, ""))
    assert caught.value.permanent


def test_a_database_that_is_not_there_asks_to_try_again(postgres: Postgres) -> None:
    nowhere = Database(f"postgresql://bridge@127.0.0.1:{postgres.port}/nowhere")
    with pytest.raises(ResourceBusy) as caught:
        nowhere.transact(lambda c: c.execute(text("SELECT 1")))
    assert not caught.value.permanent
    with pytest.raises(ResourceBusy), nowhere.read() as connection:
        connection.execute(text("SELECT 1"))
    nowhere.close()


def test_a_lost_connection_is_opened_again(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("an SQLite connection cannot be cut")
    tries: list[int] = []

    def work(connection: Connection) -> int:
        tries.append(1)
        if len(tries) == 1:
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with database.engine.connect() as other:
                other.execute(text(f"SELECT pg_terminate_backend({pid})"))
        return int(connection.execute(text("SELECT 1")).scalar_one())

    assert database.transact(work) == 1
    assert len(tries) == 2


def test_a_deadlock_is_run_again(database: Database, store: SqlStore) -> None:
    for value in ("P1", "P2"):
        details = PatientDetails(identifiers=(Identifier(value, Authority("HOSP")),))
        store.transact(lambda tx, d=details: tx.patients.add(d, ""))  # type: ignore[misc]
    met = threading.Barrier(2)
    tries: list[int] = []

    def lock(first: int, second: int) -> Callable[[Connection], None]:
        def work(connection: Connection) -> None:
            tries.append(first)
            for place, pk in enumerate((first, second)):
                connection.execute(
                    patient.update().where(patient.c.pk == pk).values(name_folded=str(first))
                )
                if place == 0 and len(tries) <= 2 and not database.is_sqlite:
                    met.wait(10)

        return work

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(database.transact, lock(*pks)) for pks in ((1, 2), (2, 1))]:
            done.result()
    # One side was undone and ran again; by chance the other may be undone by that in turn.
    assert len(tries) == 2 if database.is_sqlite else len(tries) > 2


def test_what_can_never_be_stored_is_refused_for_good(database: Database, store: SqlStore) -> None:
    """To ask again would be of no use: NUL, and identifiers that no index takes."""
    for value in ("P\x00", "".join(chr(33 + (n * n) % 7919) for n in range(9000))):
        details = PatientDetails(identifiers=(Identifier(value, Authority("HOSP")),))
        if database.is_sqlite:
            store.transact(lambda tx, d=details: tx.patients.add(d, ""))  # type: ignore[misc]
            continue
        with pytest.raises(DataTypeError) as caught:
            store.transact(lambda tx, d=details: tx.patients.add(d, ""))  # type: ignore[misc]
        assert caught.value.permanent


def test_queued_deliveries_and_timers_are_told_after_the_commit(database: Database) -> None:
    told: list[str] = []
    store = SqlStore(
        database,
        deliveries_queued=lambda: told.append("delivery"),
        timer_set=lambda due_at: told.append(f"timer {due_at}"),
    )

    def work(tx: Any) -> None:
        tx.timers.set("settle", "1.2", 1.0)
        tx.deliveries.enqueue("ehr", "study:1.2", EventKind.STUDY_AVAILABLE, "1.2", 1.0)
        assert told == []

    store.transact(work)
    assert sorted(told) == ["delivery", "timer 1.0"]
    told.clear()
    store.transact(lambda tx: tx.timers.claim("node", 0.0, 1.0, 1))
    assert told == []


def test_what_was_committed_is_seen_by_every_read_after_it(store: SqlStore) -> None:
    """Eight threads: no connection for reading keeps an old view of the database."""

    def work(thread: int) -> None:
        for number in range(15):
            identifier = Identifier(f"{thread}.{number}", Authority("HOSP"))
            details = PatientDetails(identifiers=(identifier,))
            assert not store.read(lambda tx, i=identifier: tx.patients.is_known(i))  # type: ignore[misc]
            store.transact(lambda tx, d=details: tx.patients.add(d, ""))  # type: ignore[misc]
            assert store.read(lambda tx, i=identifier: tx.patients.is_known(i))  # type: ignore[misc]
            assert store.read(lambda tx, i=identifier: tx.patients.find(i))  # type: ignore[misc]

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, thread) for thread in range(8)]:
            done.result()
