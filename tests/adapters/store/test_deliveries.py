"""The outbox: strict order in a lane, none across, and a dead node's work goes on elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from bridge.domain.delivery import (
    Delivery,
    DeliveryState,
    EventKind,
    Exchange,
    RetryDecision,
)
from bridge.domain.publication import DOUBTFUL
from bridge.store.database import Database
from bridge.store.repositories import SqlStore, SqlTransaction

AVAILABLE, CHANGED = EventKind.STUDY_AVAILABLE, EventKind.STUDY_CHANGED
WITHDRAWN = EventKind.STUDY_WITHDRAWN
RETRY = RetryDecision(DeliveryState.PENDING, delay=5.0)
PARK, DEAD = RetryDecision(DeliveryState.PARKED), RetryDecision(DeliveryState.DEAD)
AWAY = RetryDecision(DeliveryState.PENDING, delay=5.0, counts=False)
LEASE = 60.0


class Queue:
    """Short names for what happens to deliveries."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store

    def put(
        self, subject: str, kind: EventKind = AVAILABLE, to: str = "ehr", now: float = 0.0
    ) -> None:
        self.store.transact(lambda tx: tx.deliveries.enqueue(to, subject, kind, subject, now))

    def claim(
        self, now: float = 0.0, owner: str = "node", limit: int = 10, to: str = "ehr"
    ) -> list[Delivery]:
        return list(
            self.store.transact(lambda tx: tx.deliveries.claim(to, owner, now, LEASE, limit))
        )

    def subjects(self, now: float = 0.0) -> list[str]:
        return [each.subject for each in self.claim(now)]

    def finish(self, done: Delivery, content_hash: str = "") -> None:
        self.store.transact(lambda tx: tx.deliveries.finish(done, content_hash, None, 0.0))

    def fail(
        self, failed: Delivery, decision: RetryDecision, now: float = 0.0, *, reached: bool = True
    ) -> None:
        said = Exchange(may_have_arrived=reached)
        self.store.transact(lambda tx: tx.deliveries.fail(failed, "x", decision, None, now, said))

    def next_due(self, now: float = 0.0, to: str = "ehr") -> float | None:
        return self.store.read(lambda tx: tx.deliveries.next_due(to, now))

    def release(self, owner: str) -> None:
        self.store.transact(lambda tx: tx.deliveries.release(owner))

    def states(self) -> list[tuple[str, str]]:
        rows = self.store.read(lambda tx: tx.deliveries.listed(()))
        return [(row.subject, row.state) for row in rows]


@pytest.fixture
def queue(store: SqlStore) -> Queue:
    return Queue(store)


def test_a_claimed_delivery_tells_what_it_is_about(queue: Queue) -> None:
    queue.put("study:1")
    (claimed,) = queue.claim()
    assert claimed == Delivery(
        pk=claimed.pk,
        destination="ehr",
        subject="study:1",
        kind=AVAILABLE,
        attempts=0,
        correlation="study:1",
        owner=claimed.owner,
    )


def test_only_the_head_of_a_lane_is_claimed_and_lanes_run_side_by_side(queue: Queue) -> None:
    for subject in ("a", "b"):
        queue.put(subject)
        queue.put(subject, WITHDRAWN)
    first, second = queue.claim()
    assert [(each.subject, each.kind) for each in (first, second)] == [
        ("a", AVAILABLE),
        ("b", AVAILABLE),
    ]
    assert queue.claim() == []
    queue.finish(first)
    (third,) = queue.claim()
    assert (third.subject, third.kind) == ("a", WITHDRAWN)


def test_a_stuck_subject_holds_back_nobody_else(queue: Queue) -> None:
    for subject in "abc":
        queue.put(subject)
    (head, *_) = queue.claim(limit=1)
    queue.fail(head, RETRY)
    queue.put("a", WITHDRAWN)
    assert queue.subjects(1.0) == ["b", "c"]
    assert queue.subjects(5.0) == ["a"]


def test_a_limit_counts_what_can_be_sent_and_not_what_waits(queue: Queue) -> None:
    for number in range(5):
        queue.put("stuck", (AVAILABLE, WITHDRAWN)[number % 2])
        queue.put(f"{number}")
    (stuck, *_) = queue.claim(limit=1)
    queue.fail(stuck, PARK)
    assert queue.subjects() == ["0", "1", "2", "3", "4"]


def test_destinations_do_not_know_each_other(queue: Queue) -> None:
    queue.put("a", to="ehr")
    queue.put("a", to="his")
    assert len(queue.claim(to="ehr")) == len(queue.claim(to="his")) == 1
    assert queue.next_due(to="pacs") is None


@pytest.mark.parametrize(("decision", "goes_on"), [(PARK, False), (DEAD, True), (RETRY, False)])
def test_a_parked_head_holds_its_lane_and_a_dead_one_does_not(
    queue: Queue, decision: RetryDecision, goes_on: bool
) -> None:
    queue.put("a")
    queue.put("a", WITHDRAWN)
    (head,) = queue.claim()
    queue.fail(head, decision)
    assert queue.subjects(1.0) == (["a"] if goes_on else [])


def test_a_parked_or_dead_delivery_is_sent_again_by_hand(queue: Queue) -> None:
    for decision in (PARK, DEAD):
        queue.put(decision.state.value)
        (claimed,) = queue.claim()
        queue.fail(claimed, decision)
        assert queue.claim(1.0) == []
        assert queue.store.transact(lambda tx, pk=claimed.pk: tx.deliveries.retry(pk, 1.0))  # type: ignore[misc]
        (again,) = queue.claim(1.0)
        assert (again.pk, again.attempts) == (claimed.pk, 0)
        queue.finish(again)
        assert not queue.store.transact(lambda tx, pk=claimed.pk: tx.deliveries.retry(pk, 1.0))  # type: ignore[misc]


def test_a_delivery_parked_by_hand_holds_its_lane(queue: Queue) -> None:
    queue.put("a")
    queue.put("a", WITHDRAWN)
    pk = queue.store.read(lambda tx: tx.deliveries.listed(())[0].pk)
    assert queue.store.transact(lambda tx: tx.deliveries.park(pk, 0.0))
    assert queue.claim() == []
    assert queue.next_due() is None


def test_what_nobody_has_begun_to_send_is_not_queued_twice(queue: Queue) -> None:
    queue.put("a")
    queue.put("a")
    queue.put("a", CHANGED)
    queue.put("a", CHANGED)
    queue.put("a", WITHDRAWN)
    queue.put("a", CHANGED)
    queue.put("a", to="his")
    assert len(queue.states()) == 4


def test_what_is_being_sent_does_not_carry_a_later_change(queue: Queue) -> None:
    queue.put("a")
    (sending,) = queue.claim()
    queue.put("a")
    assert queue.claim() == []
    queue.finish(sending)
    assert queue.subjects() == ["a"]


def test_what_never_reached_its_receiver_carries_a_later_change(queue: Queue) -> None:
    queue.put("a")
    (claimed,) = queue.claim()
    queue.fail(claimed, AWAY, reached=False)
    queue.put("a", CHANGED)
    assert len(queue.states()) == 1


@pytest.mark.parametrize("decision", [RETRY, AWAY])
def test_what_its_receiver_may_have_carries_no_later_change(
    queue: Queue, decision: RetryDecision
) -> None:
    queue.put("a")
    (claimed,) = queue.claim()
    queue.fail(claimed, decision)
    for _ in range(5):
        queue.put("a", CHANGED)
    assert len(queue.states()) == 2


def test_what_a_dead_node_may_have_sent_carries_no_later_change(queue: Queue) -> None:
    queue.put("a")
    queue.claim(0.0, owner="dead")
    (claimed,) = queue.claim(LEASE, owner="alive")
    queue.fail(claimed, AWAY, LEASE, reached=False)
    queue.put("a", CHANGED)
    assert len(queue.states()) == 2


def test_a_dead_letter_that_is_put_back_waits_for_what_is_being_sent_of_its_lane(
    queue: Queue,
) -> None:
    queue.put("a")
    (given_up,) = queue.claim()
    queue.fail(given_up, DEAD)
    queue.put("a", WITHDRAWN)
    (sending,) = queue.claim()
    assert queue.store.transact(lambda tx: tx.deliveries.retry(given_up.pk, 0.0))
    assert queue.claim() == []
    queue.finish(sending)
    assert [each.pk for each in queue.claim()] == [given_up.pk]


def test_a_dead_nodes_lease_runs_out_and_another_goes_on(queue: Queue) -> None:
    queue.put("a")
    (first,) = queue.claim(0.0, owner="dead")
    assert queue.claim(LEASE - 1.0, owner="alive") == []
    assert queue.next_due(1.0) == LEASE
    (second,) = queue.claim(LEASE, owner="alive")
    assert (second.pk, second.owner) == (first.pk, "alive")


def test_a_lease_is_renewed_by_whoever_still_has_it(queue: Queue) -> None:
    queue.put("a")
    queue.put("b")
    mine, taken = queue.claim(0.0, owner="slow")
    renewed = queue.store.transact(lambda tx: tx.deliveries.renew([mine.pk], "slow", 2 * LEASE))
    assert renewed == {mine.pk}
    assert [each.pk for each in queue.claim(LEASE, owner="alive")] == [taken.pk]
    both = [mine.pk, taken.pk]
    renewed = queue.store.transact(lambda tx: tx.deliveries.renew(both, "slow", 3 * LEASE))
    assert renewed == {mine.pk}


def test_a_sender_whose_lease_another_took_over_changes_nothing(queue: Queue) -> None:
    queue.put("a")
    (late,) = queue.claim(0.0, owner="slow")
    (mine,) = queue.claim(LEASE, owner="alive")
    queue.fail(late, DEAD, LEASE + 1.0)
    queue.finish(mine)
    assert queue.states() == [("a", "delivered")]


def test_what_a_former_life_had_claimed_is_taken_up_at_once(queue: Queue) -> None:
    queue.put("a")
    queue.put("b")
    queue.claim(0.0, owner="me", limit=1)
    queue.claim(0.0, owner="another", limit=1)
    queue.release("me")
    assert [each.subject for each in queue.claim(1.0)] == ["a"]


def test_an_attempt_counts_unless_nobody_was_there(queue: Queue) -> None:
    queue.put("a")
    attempts = []
    now = 0.0
    for decision in (RETRY, AWAY, AWAY, RETRY, RETRY):
        (claimed,) = queue.claim(now)
        attempts.append(claimed.attempts)
        queue.fail(claimed, decision, now)
        now += 5.0
    assert attempts == [0, 1, 1, 1, 2]


def test_the_next_time_is_when_a_head_may_be_sent(queue: Queue) -> None:
    assert queue.next_due(3.0) is None
    queue.put("a")
    assert queue.next_due(3.0) == 3.0
    (claimed,) = queue.claim(3.0)
    queue.fail(claimed, RETRY, 3.0)
    queue.put("a", CHANGED)
    assert queue.next_due(4.0) == 8.0
    queue.put("b", now=4.0)
    assert queue.next_due(4.0) == 4.0


def test_given_something_may_have_been_overwritten_then_the_newest_state_is_told_again(
    queue: Queue,
) -> None:
    queue.put("study:1")
    (first,) = queue.claim()
    (taken,) = queue.claim(now=LEASE + 1, owner="other")
    queue.finish(taken, "newest")
    queue.store.transact(lambda tx: tx.deliveries.tell_again(first, LEASE + 2))
    assert queue.store.read(lambda tx: tx.deliveries.confirmed("ehr", "study:1")) == DOUBTFUL
    (again,) = queue.claim(now=LEASE + 2)
    assert (again.subject, again.kind, again.pk > first.pk) == ("study:1", AVAILABLE, True)


def test_a_confirmation_is_kept_by_destination_and_subject(queue: Queue) -> None:
    def confirmed(tx: SqlTransaction) -> list[str]:
        pairs = (("ehr", "a"), ("his", "a"), ("ehr", "b"))
        return [tx.deliveries.confirmed(*pair) for pair in pairs]

    for content_hash in ("1", "", "2"):
        queue.put("a")
        (claimed,) = queue.claim()
        queue.finish(claimed, content_hash)
    assert queue.store.read(confirmed) == ["2", "", ""]


def test_what_was_finished_is_not_undone_by_a_straggler(queue: Queue) -> None:
    queue.put("a")
    (slow,) = queue.claim(0.0, owner="slow")
    (quick,) = queue.claim(LEASE, owner="quick")
    queue.finish(quick)
    queue.fail(slow, RETRY, LEASE)
    assert queue.states() == [("a", "delivered")]


def test_owners_that_claim_at_once_never_share_a_lane(
    open_database: Callable[[], Database],
) -> None:
    """Four nodes empty 40 lanes of three: every row once, each lane in its order."""
    queues = [Queue(SqlStore(open_database())) for _ in range(4)]
    for kind in (AVAILABLE, WITHDRAWN, EventKind.ORDER_CHANGED):
        for lane in range(40):
            queues[0].put(str(lane), kind)
    sent: list[Delivery] = []

    def drain(number: int) -> None:
        idle = 0
        while idle < 20:
            claimed = queues[number].claim(owner=str(number), limit=3)
            assert len({each.subject for each in claimed}) == len(claimed)
            idle = 0 if claimed else idle + 1
            for each in claimed:
                sent.append(each)
                queues[number].finish(each)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(drain, number) for number in range(4)]:
            done.result()
    assert len(sent) == len({each.pk for each in sent}) == 120
    for lane in range(40):
        pks = [each.pk for each in sent if each.subject == str(lane)]
        assert pks == sorted(pks)
