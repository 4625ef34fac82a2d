"""Retention on both databases: what is old goes, what is needed stays, and room is given back."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from os import urandom
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from bridge.domain.audit import AuditAction, AuditEvent, AuditEventId
from bridge.domain.delivery import DeliveryState, RetryDecision
from bridge.domain.errors import BridgeError
from bridge.domain.retention import SECONDS_PER_DAY, Pass, RetentionKind, RetentionPolicy
from bridge.domain.sender_options import SenderOptions, UnknownOrder
from bridge.services.retain import RETENTION, Retain
from bridge.services.steer_deliveries import Act
from bridge.store import schema
from bridge.store.database import Database
from bridge.store.space import DatabaseSpace
from bridge.store.tables import attempt, audit, delivery, mention, message, parked_event
from tests.unit.services.core import DESTINATIONS, SENT, Core, order, patient, procedure

DAY = SECONDS_PER_DAY
ANNA = Act(by="anna", reason="case 7")
NEVER_WAITS = SenderOptions(unknown_order=UnknownOrder.REFUSE)
TEN_DAYS = RetentionPolicy(days=dict.fromkeys(RetentionKind, 10.0))


@dataclass
class House:
    """A bridge whose clock is turned, and retention of ten days over it."""

    core: Core
    database: Database
    policy: RetentionPolicy = TEN_DAYS

    @property
    def retain(self) -> Retain:
        return Retain(
            store=self.core.store,
            space=DatabaseSpace(self.database),
            policy=self.policy,
            clock=lambda: self.core.now,
            interval=3600.0,
        )

    def later(self, days: float) -> None:
        self.core.now += days * DAY

    def count(self, table: Any) -> int:
        with self.database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    def run(self) -> dict[RetentionKind, tuple[int, int]]:
        return {done.kind: (done.removed, done.kept) for done in self.retain.run()}

    def found(self, value: str) -> list[str]:
        rows = self.core.store.read(lambda tx: tx.journal.mentioning(value))
        return [row.disposition for row in rows]

    def order(self, accession: str, control: str = "NW", patient_id: str = "P1") -> None:
        uid = f"1.2.{accession[1:]}"
        who = patient(patient_id)
        self.core.place(order(control, procedure(uid), accession=accession, who=who))

    def cancelled(self, accession: str, patient_id: str = "P1") -> None:
        """An order of which nothing is left to be done or told."""
        self.order(accession, patient_id=patient_id)
        self.order(accession, "CA", patient_id)
        self.tell_all()

    def tell_all(self) -> None:
        for name in DESTINATIONS:
            while claimed := self.core.outbox.claim(name, "node", self.core.now, 60.0, 50):
                for each in claimed:
                    self.core.outbox.delivered(each, SENT, self.core.now)


@pytest.fixture
def house(core: Core, database: Database) -> House:
    return House(core, database)


def test_what_is_old_and_over_goes_with_all_that_hangs_on_it(house: House) -> None:
    house.cancelled("A1")
    house.later(11)
    house.cancelled("A2")
    removed = house.run()
    assert removed[RetentionKind.MESSAGES] == (6, 0)  # two in, and four told
    assert house.found("A1") == []
    assert sorted(house.found("A2")) == ["applied", "applied", "sent", "sent", "sent"]
    with house.database.read() as connection:
        left = select(mention.c.message_pk).distinct()
        assert len(connection.execute(left).all()) == house.count(message) == 6
    assert house.count(delivery) == 4
    assert house.run()[RetentionKind.MESSAGES] == (0, 0)


def test_an_open_order_keeps_its_messages_until_it_is_done(house: House) -> None:
    house.order("A1")
    house.tell_all()
    house.cancelled("A2")
    house.later(11)
    house.cancelled("A3")
    assert house.run()[RetentionKind.MESSAGES] == (6, 4)
    assert house.found("A1") == ["sent", "sent", "applied"]
    house.order("A1", "CA")
    house.tell_all()
    house.later(11)
    house.cancelled("A4")
    house.run()
    assert house.found("A1") == []


def test_a_study_without_an_order_keeps_what_names_it(house: House) -> None:
    house.cancelled("A1")
    house.core.image(study_uid="1.2.1", accession="")
    house.core.settle()
    assert house.core.outcome("1.2.1") is not None
    house.later(11)
    house.cancelled("A2")
    house.run()
    assert len(house.found("1.2.1")) > 0


def test_what_is_not_told_yet_keeps_its_messages_and_itself(house: House) -> None:
    house.order("A1")
    house.order("A1", "CA")
    house.later(11)
    house.order("A2")
    told = house.run()
    assert told[RetentionKind.MESSAGES] == (0, 2)
    assert told[RetentionKind.DELIVERIES] == (0, 0)
    house.tell_all()
    house.later(11)
    house.cancelled("A3")
    house.run()
    assert house.found("A1") == []


def test_a_dead_letter_goes_by_a_rule_of_its_own(house: House) -> None:
    house.policy = RetentionPolicy(days={RetentionKind.DELIVERIES: 1.0})
    house.order("A1")
    (head,) = house.core.outbox.claim("ris", "node", house.core.now, 60.0, 1)
    dead = RetryDecision(DeliveryState.DEAD)
    house.core.store.transact(lambda tx: tx.deliveries.fail(head, "no", dead, None, house.core.now))
    house.tell_all()
    house.later(2)
    house.order("A2")
    house.run()
    assert house.count(attempt) == 1
    house.policy = RetentionPolicy(days={RetentionKind.DEAD_LETTERS: 1.0})
    assert house.run() == {RetentionKind.DEAD_LETTERS: (1, 0)}
    assert house.count(attempt) == 0


@pytest.mark.parametrize("value", ["A1", "1.2.1", "P1"])
def test_a_legal_hold_keeps_all_that_has_to_do_with_it(house: House, value: str) -> None:
    house.cancelled("A1", "P1")
    house.cancelled("A2", "P2")
    house.retain.hold(value, ANNA)
    house.later(11)
    house.cancelled("A3", "P3")
    house.run()
    assert len(house.found("A1")) == 5
    assert house.found("A2") == []
    assert house.count(delivery) == 8
    assert [(each.value, each.who, each.reason) for each in house.retain.holds()] == [
        (value, "anna", "case 7")
    ]
    assert house.retain.release(value, ANNA)
    assert not house.retain.release(value, ANNA)
    house.later(11)
    house.cancelled("A4", "P4")
    house.run()
    assert house.found("A1") == []


def test_a_hold_names_something(house: House) -> None:
    with pytest.raises(BridgeError):
        house.retain.hold("  ", ANNA)


def test_payloads_go_first_and_a_repetition_is_then_a_new_message(house: House) -> None:
    house.policy = RetentionPolicy(days={RetentionKind.PAYLOADS: 10.0})
    event = order(accession="A1", at="20260101000000")
    house.core.send(event, raw=b"first")
    house.core.place(order("CA", accession="A1", at="20260102000000"))
    house.tell_all()
    house.later(11)
    house.cancelled("A2")
    house.run()
    rows = house.core.store.read(lambda tx: tx.journal.mentioning("A1"))
    assert {(row.raw, row.reply) for row in rows} == {(b"", b"")}
    answer = house.core.send(event, raw=b"first")
    assert answer.disposition.value in ("stale", "applied", "noted")


def test_what_was_parked_and_is_over_goes_and_what_waits_stays(house: House) -> None:
    for accession in ("A1", "A2"):
        house.core.send(order("SC", accession=accession, status="CM"))
    house.order("A1")
    house.later(11)
    assert house.count(parked_event) == 2
    house.policy = RetentionPolicy(days={RetentionKind.PARKED: 1.0, RetentionKind.MESSAGES: 1.0})
    house.run()
    assert house.count(parked_event) == 1
    assert house.found("A2") == ["parked"]


def test_the_audit_trail_goes_when_that_is_asked_for(house: House) -> None:
    def seen(patient_id: str) -> None:
        event = AuditEvent(
            at=house.core.now,
            event=AuditEventId.PATIENT_RECORD,
            action=AuditAction.READ,
            who="anna",
            patient_id=patient_id,
        )
        house.core.store.transact(lambda tx: tx.audit.add(event))

    for patient_id in ("P1", "P2"):
        seen(patient_id)
    house.retain.hold("P2", ANNA)
    house.later(11)
    seen("P3")
    assert house.run()[RetentionKind.AUDIT] == (1, 2)  # what P2 is held by is held, too
    assert house.count(audit) == 3


def test_the_newest_row_stays_so_that_no_number_is_given_twice(house: House) -> None:
    house.cancelled("A1")
    house.later(11)
    house.run()
    assert house.count(delivery) == 1
    with house.database.read() as connection:
        newest = connection.execute(select(func.max(delivery.c.pk))).scalar_one()
    house.cancelled("A2")
    with house.database.read() as connection:
        assert connection.execute(select(func.max(delivery.c.pk))).scalar_one() > newest


def test_many_go_in_small_steps_between_which_others_write(house: House) -> None:
    house.policy = RetentionPolicy(days={RetentionKind.MESSAGES: 10.0})
    for number in range(450):  # each with numbers of its own
        unknown = order("SC", accession=f"X{number}", placer=f"Y{number}", status="IP")
        house.core.send(unknown, options=NEVER_WAITS)
    house.later(11)
    house.core.send(raw=b"")
    step = house.retain.step(RetentionKind.MESSAGES)
    assert (step.removed, step.ended_at) == (200, None)
    house.core.send(raw=b"")
    step = house.retain.step(RetentionKind.MESSAGES)
    step = house.retain.step(RetentionKind.MESSAGES)
    assert (step.removed, step.removed_ever, step.kept) == (450, 450, 0)
    assert step.ended_at is not None
    assert house.retain.status()[1].last == step
    again = house.retain.step(RetentionKind.MESSAGES)
    assert (again.removed, again.removed_ever) == (0, 450)


def test_the_timer_comes_again_and_ends_when_nothing_is_to_be_let_go_of(house: House) -> None:
    house.cancelled("A1")
    house.later(11)
    house.cancelled("A2")
    house.retain.start()

    def fire() -> None:
        house.core.now += 2.0
        (fired,) = house.core.store.transact(
            lambda tx: tx.timers.claim("node", house.core.now, 60.0, 10)
        )
        assert fired.kind == RETENTION
        house.retain.look(fired, house.core.now)

    fire()
    while DatabaseSpace(house.database).give_back():
        pass
    assert house.found("A1") == []
    due = house.core.store.read(lambda tx: tx.timers.next_due(house.core.now))
    assert due is not None
    house.core.now = due
    house.policy = RetentionPolicy()
    fire()
    assert house.core.store.read(lambda tx: tx.timers.next_due(house.core.now)) is None
    house.retain.start()
    assert house.core.store.read(lambda tx: tx.timers.next_due(house.core.now)) is None


def test_a_kind_that_was_never_looked_at_says_so(house: House) -> None:
    assert house.retain.status()[0].last == Pass(kind=RetentionKind.PAYLOADS)


def test_room_is_given_back_to_the_system_on_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "bridge.db"
    database = Database(f"sqlite:///{path}")
    try:
        schema.upgrade(database)
        before = shrunk(path, database)
    finally:
        database.close()
    assert path.stat().st_size < before / 3


def test_an_older_file_is_compacted_once_and_shrinks_by_itself_from_then_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bridge.db"
    with sqlite3.connect(path) as older:
        older.execute("CREATE TABLE made_before (pk INTEGER)")
        older.execute("DROP TABLE made_before")
    database = Database(f"sqlite:///{path}")
    try:
        schema.upgrade(database)
        shrunk(path, database)
        space = DatabaseSpace(database)
        assert not space.give_back()
        size, free = space.size()
        assert free > size / 2
        space.compact()
        assert space.size()[1] == 0
        shrunk(path, database)
        assert space.size()[1] == 0
    finally:
        database.close()
    assert path.stat().st_size < size / 3


def shrunk(path: Path, database: Database) -> int:
    """Fill a database, let go of nearly all, and say how large it was."""
    core = Core(database)
    house = House(core, database)
    for number in range(100):
        core.send(raw=str(number).encode() + bytes(20_000))
    house.later(11)
    core.send(raw=b"new")
    with database.read() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    size = path.stat().st_size
    house.run()
    with database.read() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    return size


def test_room_is_used_again_and_given_back_on_postgresql(core: Core, database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("of PostgreSQL")
    house, space = House(core, database), DatabaseSpace(database)

    def fill() -> int:
        for _ in range(60):
            core.send(raw=urandom(50_000))
        house.later(11)
        core.send(raw=b"new")
        return space.size()[0]

    full = fill()
    house.run()
    with database.engine.connect() as connection:  # what autovacuum does after a while
        alone = connection.execution_options(isolation_level="AUTOCOMMIT")
        alone.execute(text("VACUUM message"))
    assert fill() - full < 500_000
    house.run()
    space.compact()
    assert space.size()[0] < full - 2_000_000
