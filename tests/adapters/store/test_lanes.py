"""Lanes whatever happens: never two of one on their way, never overtaken, and nothing lost."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from bridge.delivery.dispatcher import Dispatcher
from bridge.delivery.worker import Pace
from bridge.domain.delivery import (
    Delivery,
    DeliveryState,
    EventKind,
    Exchange,
    RetryDecision,
    RetryPolicy,
    Sent,
    TransportError,
)
from bridge.services.outbox import Claims
from bridge.services.steer_deliveries import Act, DeliveryFilter, Lane, SteerDeliveries
from bridge.store.database import Database
from bridge.store.repositories import SqlStore
from bridge.store.tables import (
    attempt,
    audit,
    confirmation,
    delivery,
    delivery_hold,
    destination_outage,
)

LEASE = 60.0
SUBJECTS = st.sampled_from(["a", "b"])
KINDS = st.sampled_from(
    [EventKind.STUDY_AVAILABLE, EventKind.STUDY_CHANGED, EventKind.STUDY_WITHDRAWN]
)
OUTCOMES = st.sampled_from(
    [
        None,
        None,
        RetryDecision(DeliveryState.PENDING, delay=5.0),
        RetryDecision(DeliveryState.PENDING, delay=5.0, counts=False),
        RetryDecision(DeliveryState.PARKED),
        RetryDecision(DeliveryState.DEAD),
    ]
)
ACT = Act(by="anna")
TABLES = (attempt, confirmation, delivery, delivery_hold, destination_outage, audit)


def clear(database: Database) -> None:
    for table in TABLES:
        database.transact(lambda connection, table=table: connection.execute(delete(table)))  # type: ignore[misc]


class Lanes:
    """Three nodes, two lanes and a person. What is told carries the version it was claimed at."""

    def __init__(self, store: SqlStore, database: Database) -> None:
        clear(database)
        self.store, self.database, self.now = store, database, 0.0
        self.steer = SteerDeliveries(store=store, clock=lambda: self.now)
        self.versions = {"a": 0, "b": 0}
        self.events: list[tuple[str, EventKind, int]] = []
        self.in_hand: list[tuple[Delivery, int, float]] = []
        self.told: list[tuple[Delivery, int]] = []
        self.ever_dead: set[int] = set()

    def rows(self) -> Sequence[Any]:
        with self.database.read() as connection:
            return connection.execute(select(delivery).order_by(delivery.c.pk)).all()

    def happen(self, subject: str, kind: EventKind) -> None:
        self.versions[subject] += 1
        self.events.append((subject, kind, self.versions[subject]))
        self.store.transact(
            lambda tx: tx.deliveries.enqueue("ehr", subject, kind, subject, self.now)
        )

    def claim(self, owner: str, limit: int) -> None:
        before = self.rows()
        claimed = self.store.transact(
            lambda tx: tx.deliveries.claim("ehr", owner, self.now, LEASE, limit)
        )
        for each in claimed:
            lane = [row for row in before if row.subject == each.subject]
            assert all(row.finished_at is not None for row in lane if row.pk < each.pk)
            others = [row for row in lane if row.pk != each.pk and row.state == "sending"]
            assert all(row.lease_until <= self.now for row in others)
            self.in_hand.append((each, self.versions[each.subject], self.now + LEASE))

    def end(self, place: int, decision: RetryDecision | None, reached: bool) -> None:
        if not self.in_hand:
            return
        each, version, _ = self.in_hand.pop(place % len(self.in_hand))
        mine = any(
            row.pk == each.pk and row.state == "sending" and row.lease_owner == each.owner
            for row in self.rows()
        )
        said = Exchange(may_have_arrived=reached)
        if decision is None:
            self.store.transact(lambda tx: tx.deliveries.finish(each, "told", None, self.now))
            self.told += [(each, version)] if mine else []
            return
        if mine and decision.state is DeliveryState.DEAD:
            self.ever_dead.add(each.pk)
        self.store.transact(
            lambda tx: tx.deliveries.fail(each, "no", decision, None, self.now, said)
        )

    def die(self, owner: str) -> None:
        self.in_hand = [held for held in self.in_hand if held[0].owner != owner]

    def renew(self, owner: str) -> None:
        pks = [each.pk for each, _, _ in self.in_hand if each.owner == owner]
        self.store.transact(lambda tx: tx.deliveries.renew(pks, owner, self.now + LEASE))

    def wait(self, seconds: float) -> None:
        self.now += seconds
        # A claim of one's own that ran out is dropped: a worker never has one row twice.
        self.in_hand = [held for held in self.in_hand if held[2] > self.now]

    def hold(self, subject: str, what: str) -> None:
        getattr(self.steer, what)(Lane(destination="ehr", subject=subject), ACT)

    def resume(self) -> None:
        for subject in ("", "a", "b"):
            self.steer.resume(Lane(destination="ehr", subject=subject), ACT)

    def park(self, subject: str) -> None:
        self.steer.park(DeliveryFilter(subject=subject), ACT)

    def retry(self, overtaken_too: bool) -> None:
        self.steer.retry(DeliveryFilter(), ACT, overtaken_too=overtaken_too)

    def give_up(self, subject: str, owner: str) -> None:
        """What happens and is refused at once, and then something else on its way."""
        self.resume()
        for kind in (EventKind.STUDY_AVAILABLE, EventKind.STUDY_WITHDRAWN):
            self.happen(subject, kind)
            held = len(self.in_hand)
            self.claim(owner, 1)
            if kind is EventKind.STUDY_AVAILABLE and len(self.in_hand) > held:
                self.end(held, RetryDecision(DeliveryState.DEAD), True)

    def come_to_rest(self) -> None:
        """A quiet end: everything that happened is told, as it stood then or later."""
        self.resume()
        self.in_hand = []
        for _ in range(100):
            self.steer.retry(DeliveryFilter(), ACT, overtaken_too=True)
            self.wait(LEASE + 6.0)
            self.claim("last", 3)
            if not self.in_hand:
                break
            while self.in_hand:
                self.end(0, None, True)
        assert all(row.state == "delivered" for row in self.rows())
        carriers = {EventKind.STUDY_CHANGED: {EventKind.STUDY_AVAILABLE}}
        for subject, kind, version in self.events:
            kinds = {kind} | carriers.get(kind, set())
            assert any(
                each.subject == subject and each.kind in kinds and told >= version
                for each, told in self.told
            )
        for subject in ("a", "b"):
            pks = [each.pk for each, _ in self.told if each.subject == subject]
            in_order = [pk for pk in pks if pk not in self.ever_dead]
            assert in_order == sorted(in_order)


NODES = st.sampled_from(["one", "two", "three"])
HAPPENINGS = st.one_of(
    st.tuples(st.just("happen"), SUBJECTS, KINDS),
    st.tuples(st.just("claim"), NODES, st.integers(1, 3)),
    st.tuples(st.just("claim"), NODES, st.integers(1, 3)),
    st.tuples(st.just("end"), st.integers(0, 5), OUTCOMES, st.booleans()),
    st.tuples(st.just("end"), st.integers(0, 5), OUTCOMES, st.booleans()),
    st.tuples(st.just("give_up"), SUBJECTS, NODES),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 6.0, LEASE])),
    st.tuples(st.just("retry"), st.booleans()),
    st.one_of(
        st.tuples(st.just("die"), NODES),
        st.tuples(st.just("renew"), NODES),
        st.tuples(st.just("park"), SUBJECTS),
        st.tuples(
            st.just("hold"), st.sampled_from(["", "a", "b"]), st.sampled_from(["pause", "drain"])
        ),
        st.tuples(st.just("resume")),
    ),
)


def test_whatever_happens_lanes_are_kept_and_nothing_is_lost(
    store: SqlStore, database: Database
) -> None:
    @settings(max_examples=settings().max_examples // (2 if database.is_sqlite else 8))
    @given(st.lists(HAPPENINGS, min_size=20, max_size=60))
    def check(happenings: list[tuple[Any, ...]]) -> None:
        lanes = Lanes(store, database)
        for what, *arguments in happenings:
            getattr(lanes, what)(*arguments)
        lanes.come_to_rest()

    check()


class Killed(Claims):
    """The queue of a node that dies with what it has in hand: from then on it writes nothing."""

    def __init__(self, store: SqlStore, dies_after: int) -> None:
        super().__init__(store)
        self.store, self.left = store, dies_after

    def gather(self, each: Delivery) -> int:
        with self.store._database.read() as connection:
            query = select(delivery.c.created_at).where(delivery.c.subject == each.subject)
            return len(connection.execute(query).all())

    def delivered(self, each: Delivery, sent: Sent, now: float) -> None:
        self.left -= 1
        self._live()
        super().delivered(each, sent, now)

    def failed(self, *arguments: Any) -> None:
        self._live()
        super().failed(*arguments)

    def claim(self, *arguments: Any) -> Sequence[Delivery]:
        self._live()
        return super().claim(*arguments)

    def renew(self, *arguments: Any) -> frozenset[int]:
        self._live()
        return super().renew(*arguments)

    def _live(self) -> None:
        if self.left < 0:
            raise OSError("this node is dead")


@dataclass
class Receiver:
    """Answers well, ill, or not at all; notes what came, and that no lane came twice at once."""

    chance: random.Random
    name: str = "ehr"
    retry: RetryPolicy = field(default_factory=lambda: RetryPolicy(0.01, 0.05, 10_000))
    came: list[Delivery] = field(default_factory=list)
    under_way: set[str] = field(default_factory=set)
    twice: list[str] = field(default_factory=list)
    changed: Condition = field(default_factory=Condition)

    def accepts(self, kind: EventKind) -> bool:
        return True

    def send(self, each: Delivery, matter: object) -> Sent:
        with self.changed:
            if each.subject in self.under_way:
                self.twice.append(each.subject)
            self.under_way.add(each.subject)
            self.came.append(each)
            fate = self.chance.random()
        try:
            time.sleep(self.chance.random() / 500)
            if fate < 0.1:
                raise TransportError("busy", permanent=False, response=b"409")
            if fate < 0.15:
                raise TransportError("gone", permanent=False, unreachable=True)
            return Sent(b"told", b"200")
        finally:
            with self.changed:
                self.under_way.discard(each.subject)


@pytest.mark.parametrize("seed", [1])
def test_several_nodes_of_which_some_die_tell_every_lane_in_its_order(
    open_database: Callable[[], Database], seed: int
) -> None:
    stores = [SqlStore(open_database()) for _ in range(3)]
    receiver = Receiver(random.Random(seed))
    kinds = (EventKind.STUDY_AVAILABLE, EventKind.STUDY_WITHDRAWN, EventKind.PATIENT_ARRIVED)
    for kind in kinds:
        for lane in range(20):
            stores[0].transact(
                lambda tx, kind=kind, lane=lane: tx.deliveries.enqueue(  # type: ignore[misc]
                    "ehr", str(lane), kind, str(lane), 0.0
                )
            )
    queues = [Killed(store, dies) for store, dies in zip(stores, (10, 20, 10_000), strict=True)]
    pace = Pace(lanes=4, lease=0.5, poll=0.02)
    nodes = [
        Dispatcher(queue, [receiver], time.time, f"node-{number}", pace=pace)
        for number, queue in enumerate(queues)
    ]
    for node in nodes:
        node.start()

    def left() -> int:
        rows = stores[2].read(lambda tx: tx.deliveries.listed(("pending", "sending"), 1000))
        return len(rows)

    while left():
        time.sleep(0.02)
    for node in nodes:
        assert node.stop(grace=60)
    died = [queue.left < 0 for queue in queues]
    assert any(died[:2])  # where the others were quick, one may have had too little to do to die
    assert not died[2]
    assert receiver.twice == []
    rows = stores[2].read(lambda tx: tx.deliveries.listed((), 1000))
    assert [row.state for row in rows] == ["delivered"] * 60
    for lane in range(20):
        pks = [each.pk for each in receiver.came if each.subject == str(lane)]
        assert pks == sorted(pks)
        assert len(set(pks)) == 3
