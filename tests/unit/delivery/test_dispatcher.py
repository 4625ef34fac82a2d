from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Barrier, Event

import pytest

from bridge.delivery.dispatcher import Dispatcher
from bridge.delivery.worker import UNLIMITED, Limits, Pace
from bridge.domain.delivery import Delivery, DeliveryState, RetryPolicy, Sent, TransportError
from bridge.domain.errors import ResourceBusy
from bridge.services.fence import check_held, check_held_still
from tests.unit.delivery.memory_queue import (
    DEAD,
    DELIVERED,
    PENDING,
    MemoryQueue,
    ScriptedDestination,
    now,
)

PACE = Pace(lanes=4, lease=60, poll=0.01)
NEVER_POLLS = replace(PACE, poll=3600)
OK = Sent(b"request", b"response")


@contextmanager
def dispatching(
    queue: MemoryQueue,
    *destinations: ScriptedDestination,
    pace: Pace = PACE,
    limits: Limits = UNLIMITED,
) -> Iterator[Dispatcher]:
    borne = {each.name: limits for each in destinations}
    dispatcher = Dispatcher(
        queue, destinations, now, "node-1", jitter=lambda: 0.5, pace=pace, limits=borne
    )
    dispatcher.start()
    try:
        yield dispatcher
    finally:
        assert dispatcher.stop(grace=60)


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_given_several_subjects_when_dispatched_then_each_is_told_in_its_order() -> None:
    queue, ehr = MemoryQueue(), ScriptedDestination()
    for _ in range(10):
        for subject in ("study:1", "study:2", "study:3"):
            queue.add(subject)

    with dispatching(queue, ehr):
        queue.until(queue.all_are(DELIVERED))

    assert sorted(ehr.sends) == list(range(1, 31))
    for first in (1, 2, 3):
        lane = list(range(first, 31, 3))
        assert [pk for pk in ehr.sends if pk in lane] == lane


def test_given_one_subject_is_stuck_when_dispatched_then_the_others_go_on() -> None:
    queue, release = MemoryQueue(), Event()
    stuck = queue.add("study:stuck")
    behind = queue.add("study:stuck")
    others = [queue.add(f"study:{n}") for n in range(20)]

    def script(delivery: Delivery) -> Sent:
        if delivery.pk == stuck:
            release.wait()
        return OK

    ehr = ScriptedDestination(script)
    with dispatching(queue, ehr):
        queue.until(lambda: all(queue.rows[pk - 1].state is DELIVERED for pk in others))
        assert queue.rows[behind - 1].state is DeliveryState.PENDING
        release.set()
        queue.until(queue.all_are(DELIVERED))

    assert ehr.sends.index(behind) > ehr.sends.index(stuck)


def test_given_one_destination_hangs_when_dispatched_then_the_other_is_told() -> None:
    queue, release = MemoryQueue(), Event()

    def hang(delivery: Delivery) -> Sent:
        release.wait()
        return OK

    for n in range(6):
        queue.add(f"study:{n}", destination="slow")
        queue.add(f"study:{n}", destination="ehr")
    with dispatching(queue, ScriptedDestination(hang, name="slow"), ScriptedDestination()):
        queue.until(lambda: queue.states().count(DELIVERED) == 6)
        release.set()
        queue.until(queue.all_are(DELIVERED))


def test_given_many_subjects_when_dispatched_then_no_more_go_at_once_than_lanes() -> None:
    queue, release = MemoryQueue(), Event()

    def hang(delivery: Delivery) -> Sent:
        release.wait()
        return OK

    ehr = ScriptedDestination(hang)
    for n in range(12):
        queue.add(f"study:{n}")
    with dispatching(queue, ehr) as dispatcher:
        ehr.until_in_hand(4)
        assert dispatcher.states()["ehr"].in_hand == 4
        assert sum(1 for row in queue.rows if row.owner) == 4  # none is claimed to wait
        release.set()
        queue.until(queue.all_are(DELIVERED))

    assert ehr.most_at_once == 4


def test_given_an_idle_dispatcher_when_woken_after_a_commit_then_it_sends_without_polling() -> None:
    queue, ehr = MemoryQueue(), ScriptedDestination()
    with dispatching(queue, ehr, pace=NEVER_POLLS) as dispatcher:
        queue.until(lambda: len(queue.claims) > 0)
        queue.add("study:1")
        dispatcher.wake()
        queue.until(queue.all_are(DELIVERED))


def test_given_nothing_more_to_send_when_idle_then_the_database_is_left_alone() -> None:
    queue, ehr = MemoryQueue(), ScriptedDestination()
    queue.add("study:1")
    with dispatching(queue, ehr, pace=NEVER_POLLS):
        queue.until(queue.all_are(DELIVERED))
        time.sleep(0.05)
    assert len(queue.claims) <= 4


def test_given_a_row_due_later_when_nobody_wakes_then_it_is_sent_when_due() -> None:
    queue, ehr = MemoryQueue(), ScriptedDestination()
    queue.add("study:1", not_before=now() + 0.05)
    with dispatching(queue, ehr, pace=NEVER_POLLS):
        queue.until(queue.all_are(DELIVERED))


def test_given_rows_committed_by_another_node_when_nobody_wakes_then_polling_finds_them() -> None:
    queue, ehr = MemoryQueue(), ScriptedDestination()
    with dispatching(queue, ehr):
        queue.until(lambda: len(queue.claims) > 0)
        queue.add("study:1")
        queue.until(queue.all_are(DELIVERED))


def test_given_a_dead_nodes_lease_when_it_has_run_out_then_this_node_sends() -> None:
    queue, ehr = MemoryQueue(), ScriptedDestination()
    queue.add("study:1", owner="node-2")
    queue.rows[0].lease_until = now() + 0.05
    with dispatching(queue, ehr, pace=NEVER_POLLS):
        queue.until(queue.all_are(DELIVERED))
    assert queue.rows[0].owner == "node-1"


def test_given_a_send_that_outlasts_its_lease_when_claimed_again_then_it_goes_out_once() -> None:
    queue, release = MemoryQueue(), Event()
    queue.add("study:1")

    def script(delivery: Delivery) -> Sent:
        release.wait()
        return OK

    ehr = ScriptedDestination(script)
    with dispatching(queue, ehr, pace=replace(PACE, lease=0.01)):
        queue.until(lambda: len(queue.claims) > 8)
        release.set()
        queue.until(queue.all_are(DELIVERED))
    assert ehr.sends == [1]


def test_given_a_refusal_for_good_when_sent_then_the_row_is_dead_and_the_next_goes() -> None:
    queue = MemoryQueue()
    first, second = queue.add("study:1"), queue.add("study:1")

    def script(delivery: Delivery) -> Sent:
        if delivery.pk == first:
            raise TransportError("HTTP 422", permanent=True, response=b"{}")
        return OK

    with dispatching(queue, ScriptedDestination(script)):
        queue.until(lambda: queue.rows[second - 1].state is DELIVERED)
    assert queue.rows[first - 1].state is DEAD


def test_given_a_passing_trouble_when_sent_then_it_is_tried_again_until_it_parks() -> None:
    queue = MemoryQueue()
    queue.add("study:1")

    def script(delivery: Delivery) -> Sent:
        raise TransportError("HTTP 500", permanent=False, response=b"{}")

    ehr = ScriptedDestination(script)
    with dispatching(queue, ehr):
        queue.until(queue.all_are(DeliveryState.PARKED))
    assert len(ehr.sends) == ehr.retry.attempts


def test_given_an_adapter_with_a_fault_when_sent_then_the_lane_survives_and_tries_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue = MemoryQueue()
    queue.add("study:1")
    faults = [KeyError("modality"), ZeroDivisionError()]

    def script(delivery: Delivery) -> Sent:
        if faults:
            raise faults.pop()
        return OK

    with dispatching(queue, ScriptedDestination(script), pace=replace(PACE, lanes=1)):
        queue.until(queue.all_are(DELIVERED))
    assert [type(outcome) for _, outcome in queue.outcomes] == [TransportError] * 2 + [Sent]
    tracebacks = [record for record in caplog.records if record.exc_info]
    assert [record.getMessage() for record in tracebacks] == ["delivery.adapter_failed"] * 2


def test_given_the_database_is_away_when_claiming_then_the_worker_waits_for_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue, ehr = MemoryQueue(breaks=3), ScriptedDestination()
    queue.add("study:1")
    with dispatching(queue, ehr):
        queue.until(queue.all_are(DELIVERED))
    assert events(caplog).count("delivery.claim_failed") == 3


def test_given_nothing_left_to_tell_when_claimed_then_it_is_done_without_sending() -> None:
    queue, ehr = MemoryQueue(study=None), ScriptedDestination()
    queue.add("study:1")
    with dispatching(queue, ehr):
        queue.until(queue.all_are(DELIVERED))
    assert ehr.sends == []
    assert queue.outcomes == [(1, Sent(unchanged=True))]


def test_given_a_kind_the_destination_does_not_take_when_claimed_then_it_is_done() -> None:
    queue, ehr = MemoryQueue(), ScriptedDestination(kinds=frozenset())
    queue.add("study:1")
    with dispatching(queue, ehr):
        queue.until(queue.all_are(DELIVERED))
    assert ehr.sends == []


def test_given_nobody_is_there_when_sending_then_it_pauses_without_burning_attempts_and_recovers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue = MemoryQueue()
    for n in range(12):
        queue.add(f"study:{n}")
    refusals = 40

    def script(delivery: Delivery) -> Sent:
        nonlocal refusals
        if refusals > 0:
            refusals -= 1
            raise TransportError("connection refused", permanent=False, unreachable=True)
        return OK

    ehr = ScriptedDestination(script, retry=RetryPolicy(base=0.0005, ceiling=0.002, attempts=3))
    with dispatching(queue, ehr):
        queue.until(queue.all_are(DELIVERED))

    assert {row.delivery.attempts for row in queue.rows} == {0}
    assert events(caplog).count("delivery.destination_paused") == 1
    assert events(caplog).count("delivery.destination_recovered") == 1
    assert queue.claims.count(1) >= 30  # each probe claims one row


def test_given_the_destination_is_away_when_probing_then_only_one_send_is_under_way() -> None:
    queue, release = MemoryQueue(), Event()
    for n in range(8):
        queue.add(f"study:{n}")
    ehr, together = ScriptedDestination(), Barrier(4)

    def script(delivery: Delivery) -> Sent:
        if len(ehr.sends) <= 4:
            together.wait()
            raise TransportError("connection refused", permanent=False, unreachable=True)
        if len(ehr.sends) == 5:
            release.wait()
        return OK

    ehr.script = script
    with dispatching(queue, ehr) as dispatcher:
        with ehr.changed:
            ehr.changed.wait_for(lambda: len(ehr.sends) >= 5)
        assert dispatcher.states()["ehr"].paused
        dispatcher.wake()
        assert dispatcher.states()["ehr"].in_hand == 1
        assert len(ehr.sends) == 5
        release.set()
        queue.until(queue.all_are(DELIVERED))
        assert not dispatcher.states()["ehr"].paused


def test_given_a_probe_without_an_answer_when_paused_then_another_subject_asks_next() -> None:
    queue = MemoryQueue()
    hanging, other = queue.add("study:1"), queue.add("study:2")
    silent = TransportError("no answer in time", permanent=False)
    gone = TransportError("connection refused", permanent=False, unreachable=True)
    troubles = [silent, gone]

    def script(delivery: Delivery) -> Sent:
        if delivery.pk == hanging and troubles:
            raise troubles.pop()
        return OK

    pace = replace(PACE, lanes=1)
    ehr = ScriptedDestination(script, retry=RetryPolicy(base=0.4, ceiling=0.4))
    with dispatching(queue, ehr, pace=pace):
        queue.until(queue.all_are(DELIVERED))
    assert ehr.sends == [hanging, hanging, other, hanging]
    assert queue.rows[0].delivery.attempts == 0


def test_given_errors_for_everybody_when_many_wait_then_one_asks_at_a_time_and_it_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue, is_down = MemoryQueue(), True
    for n in range(200):
        queue.add(f"study:{n}")

    def script(delivery: Delivery) -> Sent:
        if is_down:
            raise TransportError("500", permanent=False, response=b"oops", doubtful=True)
        return OK

    ehr = ScriptedDestination(script)
    with dispatching(queue, ehr) as dispatcher:
        queue.until(lambda: "ehr" in queue.down)
        with ehr.changed:
            before = len(ehr.sends)
            ehr.changed.wait_for(lambda: len(ehr.sends) >= before + 10)
        assert dispatcher.states()["ehr"].in_hand <= 1
        is_down = False
        queue.until(queue.all_are(DELIVERED))
    told = events(caplog)
    assert told.count("delivery.destination_paused") == 1
    assert told.count("delivery.destination_recovered") == 1
    assert told.count("delivery.failed") < PACE.lanes
    assert sum(row.delivery.attempts for row in queue.rows) < PACE.lanes
    assert queue.down == set()


def test_given_an_outage_that_another_node_noted_and_left_when_it_answers_then_it_is_over() -> None:
    queue = MemoryQueue(down={"ehr"})
    queue.add("study:1")
    with dispatching(queue, ScriptedDestination()):
        queue.until(queue.all_are(DELIVERED))
    assert queue.down == set()


def test_given_a_send_that_takes_longer_than_a_lease_then_it_is_renewed_and_sent_once() -> None:
    queue, release = MemoryQueue(), Event()

    def script(delivery: Delivery) -> Sent:
        release.wait()
        return OK

    queue.add("study:1")
    ehr = ScriptedDestination(script)
    with dispatching(queue, ehr, pace=replace(PACE, lease=0.06)):
        queue.until(lambda: len(queue.renewed) >= 5)
        release.set()
        queue.until(queue.all_are(DELIVERED))
    assert ehr.sends == [1]


def test_given_another_node_took_a_delivery_over_when_it_is_renewed_then_it_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue, release = MemoryQueue(), Event()

    def script(delivery: Delivery) -> Sent:
        release.wait()
        return OK

    queue.add("study:1")
    ehr = ScriptedDestination(script)
    with dispatching(queue, ehr, pace=replace(PACE, lease=0.06)):
        ehr.until_in_hand(1)
        queue.rows[0].owner = "node-2"
        while "delivery.lease_lost" not in events(caplog):
            time.sleep(0.01)
        release.set()
        queue.until(queue.all_are(DELIVERED))


@pytest.mark.parametrize(("check", "again"), [(check_held, []), (check_held_still, [1])])
def test_given_the_lease_was_lost_during_a_send_then_nothing_is_written_over_what_another_node_told(
    check: Callable[[], None], again: list[int]
) -> None:
    queue, release, over = MemoryQueue(), Event(), Event()

    def script(delivery: Delivery) -> Sent:
        release.wait()
        try:
            check()
        finally:
            over.set()
        raise AssertionError("it was written all the same")

    queue.add("study:1")
    ehr = ScriptedDestination(script)
    with dispatching(queue, ehr, pace=replace(PACE, lease=0.06)):
        ehr.until_in_hand(1)
        queue.rows[0].owner = "node-2"
        queue.rows[0].lease_until = now() + 3600
        time.sleep(0.1)  # the lease of this node ends
        release.set()
        over.wait()
        queue.until(lambda: queue.told_again == again)
    assert queue.states() == [PENDING]
    assert queue.outcomes == []


def test_given_the_database_is_away_when_an_outcome_is_recorded_then_it_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue, refusals = MemoryQueue(), iter([True, True])
    record = queue.delivered

    def delivered(delivery: Delivery, sent: Sent, at: float) -> None:
        if next(refusals, False):
            raise ResourceBusy("the database is away")
        record(delivery, sent, at)

    monkeypatch.setattr(queue, "delivered", delivered)
    queue.add("study:1")
    ehr = ScriptedDestination()
    with dispatching(queue, ehr):
        queue.until(queue.all_are(DELIVERED))
    assert ehr.sends == [1]


def test_given_a_limit_at_once_when_many_wait_then_it_is_kept() -> None:
    queue, release = MemoryQueue(), Event()

    def hang(delivery: Delivery) -> Sent:
        release.wait()
        return OK

    ehr = ScriptedDestination(hang)
    for n in range(12):
        queue.add(f"study:{n}")
    with dispatching(queue, ehr, limits=Limits(at_once=2)):
        ehr.until_in_hand(2)
        release.set()
        queue.until(queue.all_are(DELIVERED))
    assert ehr.most_at_once == 2


def test_given_a_limit_per_second_when_many_wait_then_no_more_are_begun_in_any_time() -> None:
    queue, clock = MemoryQueue(), [1000.0]
    began: list[float] = []

    def tick() -> float:
        clock[0] += 0.001
        return clock[0]

    def script(delivery: Delivery) -> Sent:
        began.append(clock[0])
        return OK

    for n in range(40):
        queue.add(f"study:{n}")
    dispatcher = Dispatcher(
        queue,
        [ScriptedDestination(script)],
        tick,
        "node-1",
        pace=replace(PACE, poll=0.0005, linger=0.0),
        limits={"ehr": Limits(per_second=50)},
    )
    dispatcher.start()
    queue.until(queue.all_are(DELIVERED))
    assert dispatcher.stop(grace=60)
    assert began[-1] - began[0] >= (40 - 5) / 50 - 0.2


def test_given_a_send_in_hand_when_stopped_then_it_is_finished_and_nothing_more_is_claimed() -> (
    None
):
    queue, release = MemoryQueue(), Event()

    def script(delivery: Delivery) -> Sent:
        release.wait()
        return OK

    for n in range(6):
        queue.add(f"study:{n}")
    ehr = ScriptedDestination(script)
    dispatcher = Dispatcher(queue, [ehr], now, "node-1", pace=PACE)
    dispatcher.start()
    ehr.until_in_hand(4)

    assert dispatcher.stop(grace=0.01) is False  # they hang: the caller may leave them
    release.set()
    assert dispatcher.stop(grace=60) is True
    assert queue.states() == [DELIVERED] * 4 + [DeliveryState.PENDING] * 2


def test_given_a_dispatcher_without_destinations_when_run_then_it_starts_and_stops() -> None:
    with dispatching(MemoryQueue()) as dispatcher:
        dispatcher.wake()
        assert dispatcher.states() == {}
