"""What persons do with deliveries, on both databases: looked at, sent again, held back, let go."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import select

from bridge.domain.delivery import (
    Delivery,
    DeliveryState,
    EventKind,
    Exchange,
    RetryDecision,
)
from bridge.domain.errors import UnknownKey
from bridge.services.steer_deliveries import (
    Act,
    DeliveryFilter,
    DeliveryRow,
    Lane,
    Moved,
    SteerDeliveries,
)
from bridge.store.database import Database
from bridge.store.repositories import SqlStore
from bridge.store.tables import audit

AVAILABLE, WITHDRAWN = EventKind.STUDY_AVAILABLE, EventKind.STUDY_WITHDRAWN
SCHEDULED, CANCELED = EventKind.ORDER_SCHEDULED, EventKind.ORDER_CANCELED
PARK, DEAD = RetryDecision(DeliveryState.PARKED), RetryDecision(DeliveryState.DEAD)
ANNA = Act(by="anna", reason="the EHR was moved")
EHR, LANE_A = Lane(destination="ehr"), Lane(destination="ehr", subject="a")
EVERYTHING = DeliveryFilter()


@dataclass
class Desk:
    store: SqlStore
    database: Database
    now: float = 0.0

    @property
    def steer(self) -> SteerDeliveries:
        return SteerDeliveries(store=self.store, clock=lambda: self.now)

    def put(self, subject: str, kind: EventKind = AVAILABLE, to: str = "ehr") -> None:
        self.now += 1.0
        self.store.transact(lambda tx: tx.deliveries.enqueue(to, subject, kind, subject, self.now))

    def claim(self, to: str = "ehr") -> list[Delivery]:
        self.now += 1.0
        return list(
            self.store.transact(lambda tx: tx.deliveries.claim(to, "node", self.now, 60.0, 50))
        )

    def fail(self, failed: Delivery, decision: RetryDecision, error: str = "no") -> None:
        self.now += 1.0
        said = Exchange(request="PUT Study", answered="422", response="no such code")
        self.store.transact(
            lambda tx: tx.deliveries.fail(failed, error, decision, None, self.now, said)
        )

    def finish(self, done: Delivery) -> None:
        self.now += 1.0
        self.store.transact(lambda tx: tx.deliveries.finish(done, "told", None, self.now))

    def next_due(self) -> float | None:
        return self.store.read(lambda tx: tx.deliveries.next_due("ehr", self.now))

    def audited(self) -> list[tuple[str, str, str]]:
        with self.database.read() as connection:
            query = select(audit.c.who, audit.c.object_id, audit.c.detail).order_by(audit.c.pk)
            return [(who, about, detail) for who, about, detail in connection.execute(query)]

    def listed(self, **chosen: object) -> list[str]:
        found = self.steer.listed(DeliveryFilter(**chosen))  # type: ignore[arg-type]
        return [f"{row.subject} {row.state}" for row in found]


@pytest.fixture
def desk(store: SqlStore, database: Database) -> Desk:
    return Desk(store, database)


def test_a_paused_destination_is_sent_nothing_and_loses_nothing(desk: Desk) -> None:
    desk.put("a")
    desk.put("a", to="his")
    desk.steer.pause(EHR, ANNA)
    desk.put("b")
    assert (desk.claim(), desk.next_due()) == ([], None)
    assert len(desk.claim(to="his")) == 1
    assert desk.steer.resume(EHR, ANNA)
    assert [each.subject for each in desk.claim()] == ["a", "b"]
    assert not desk.steer.resume(EHR, ANNA)


def test_a_paused_lane_holds_back_nobody_else(desk: Desk) -> None:
    desk.put("a")
    desk.put("b")
    desk.steer.pause(LANE_A, ANNA)
    assert [each.subject for each in desk.claim()] == ["b"]
    desk.steer.resume(LANE_A, ANNA)
    assert [each.subject for each in desk.claim()] == ["a"]


def test_what_is_being_sent_when_it_is_paused_is_finished(desk: Desk) -> None:
    desk.put("a")
    (sending,) = desk.claim()
    desk.steer.pause(EHR, ANNA)
    desk.finish(sending)
    assert desk.listed() == ["a delivered"]


def test_a_drained_destination_is_sent_what_was_there_and_then_is_empty(desk: Desk) -> None:
    for subject in "abc":
        desk.put(subject)
    (sending, *_) = desk.claim()
    desk.put("a", WITHDRAWN)
    assert desk.steer.drain(EHR, ANNA) == 4
    desk.put("d")
    for each in (sending,):
        desk.finish(each)
    while desk.steer.draining(EHR):
        desk.now += 60.0
        for each in desk.claim():
            assert each.subject != "d"
            desk.finish(each)
    assert desk.claim() == []
    desk.steer.resume(EHR, ANNA)
    assert [each.subject for each in desk.claim()] == ["d"]


def test_what_is_not_held_back_does_not_drain(desk: Desk) -> None:
    with pytest.raises(UnknownKey):
        desk.steer.draining(EHR)


def test_what_waits_for_a_hand_does_not_keep_a_drained_destination_from_being_empty(
    desk: Desk,
) -> None:
    desk.put("a")
    (claimed,) = desk.claim()
    desk.fail(claimed, PARK)
    assert desk.steer.drain(EHR, ANNA) == 0


def test_many_are_sent_again_by_what_they_have_in_common(desk: Desk) -> None:
    for number in range(450):
        desk.put(f"s{number:03}")
    while claimed := desk.claim():
        for each in claimed:
            desk.fail(each, DEAD if each.pk % 2 else PARK, "422 code" if each.pk % 3 else "413")
    chosen = DeliveryFilter(destination="ehr", states=("dead",), reason="code")
    wanted = [row.pk for row in desk.steer.listed(chosen, 1000)]
    assert desk.steer.retry(chosen, ANNA) == Moved(moved=150)
    assert [each.pk for _ in range(3) for each in desk.claim()] == wanted
    assert desk.steer.retry(DeliveryFilter(destination="his"), ANNA) == Moved()
    assert desk.audited() == [
        (
            "anna",
            "",
            "delivery retry; 150 deliveries: destination ehr, states dead, reason code;"
            " the EHR was moved",
        )
    ]


def test_a_reason_is_searched_for_as_it_is_written(desk: Desk) -> None:
    for subject, error in (("a", "100% full"), ("b", "1000 full")):
        desk.put(subject)
        (claimed,) = desk.claim()
        desk.fail(claimed, DEAD, error)
    assert desk.listed(reason="100%") == ["a dead"]


def test_dead_letters_of_one_lane_are_sent_again_in_their_order(desk: Desk) -> None:
    for kind in (SCHEDULED, CANCELED):
        desk.put("order:1", kind)
        (claimed,) = desk.claim()
        desk.fail(claimed, DEAD)
    assert desk.steer.retry(EVERYTHING, ANNA) == Moved(moved=2)
    for kind in (SCHEDULED, CANCELED):
        (claimed,) = desk.claim()
        assert claimed.kind is kind
        desk.finish(claimed)


def test_a_dead_letter_that_was_overtaken_is_left_alone_unless_it_is_asked_for(
    desk: Desk,
) -> None:
    for subject, first, then in (
        ("order:1", SCHEDULED, CANCELED),
        ("study:1", AVAILABLE, WITHDRAWN),
    ):
        desk.put(subject, first)
        (given_up,) = desk.claim()
        desk.fail(given_up, DEAD)
        desk.put(subject, then)
        (told,) = desk.claim()
        desk.finish(told)
    assert desk.steer.retry(EVERYTHING, ANNA) == Moved(moved=1, overtaken=1)
    assert [each.subject for each in desk.claim()] == ["study:1"]
    assert desk.steer.retry(EVERYTHING, ANNA, overtaken_too=True) == Moved(moved=1)
    assert [each.subject for each in desk.claim()] == ["order:1"]


def test_what_is_pending_is_parked_by_kind_and_age(desk: Desk) -> None:
    desk.put("a")
    desk.put("b", WITHDRAWN)
    desk.put("c")
    chosen = DeliveryFilter(kind=AVAILABLE.value, before=2.5)
    assert desk.steer.park(chosen, ANNA) == Moved(moved=1)
    assert desk.listed() == ["a parked", "b pending", "c pending"]


def test_a_delivery_tells_what_was_said_each_time_and_why_it_waits(desk: Desk) -> None:
    desk.put("a")
    (first,) = desk.claim()
    desk.fail(first, RetryDecision(DeliveryState.PENDING, 5.0), "HTTP 422 (invalid)")
    desk.put("a", WITHDRAWN)
    desk.steer.pause(LANE_A, ANNA)
    detail = desk.steer.show(first.pk)
    assert detail is not None
    (attempt,) = detail.attempts
    assert (attempt.answered, attempt.error) == ("422", "HTTP 422 (invalid)")
    assert (attempt.request, attempt.response) == ("PUT Study", "no such code")
    assert [(hold.who, hold.drains) for hold in detail.holds] == [("anna", False)]
    later = desk.steer.show(first.pk + 1)
    assert later is not None
    assert later.behind == first.pk
    assert desk.steer.show(99) is None


def test_each_destination_tells_how_it_fares(desk: Desk) -> None:
    for subject in "abc":
        desk.put(subject)
    desk.put("a", to="his")
    one, two, _ = desk.claim()
    desk.fail(one, DEAD)
    desk.fail(two, PARK)
    desk.steer.pause(Lane(destination="pacs"), ANNA)
    assert desk.store.transact(lambda tx: tx.outages.begin("his", "refused", 7.0))
    assert not desk.store.transact(lambda tx: tx.outages.begin("his", "again", 8.0))
    ehr, his, pacs = desk.steer.destinations()
    assert (ehr.name, ehr.counts) == ("ehr", {"dead": 1, "parked": 1, "sending": 1})
    assert ehr.oldest_waiting_at == 3.0
    assert (his.down_since, his.down_reason, his.counts) == (7.0, "refused", {"pending": 1})
    assert [str(hold.lane) for hold in pacs.holds] == ["pacs"]
    assert desk.store.transact(lambda tx: tx.outages.end("his"))
    assert not desk.store.transact(lambda tx: tx.outages.end("his"))


def test_every_act_is_audited(desk: Desk) -> None:
    desk.put("a")
    (row,) = desk.steer.listed(EVERYTHING)
    assert isinstance(row, DeliveryRow)
    desk.steer.pause(EHR, ANNA)
    desk.steer.drain(LANE_A, Act(by="bao"))
    desk.steer.resume(EHR, ANNA)
    desk.steer.park(DeliveryFilter(pks=(row.pk,)), ANNA)
    desk.steer.retry(DeliveryFilter(pks=(row.pk,)), ANNA)
    number = str(row.pk)
    moved = f"1 deliveries: numbers {number}, states"
    assert desk.audited() == [
        ("anna", "ehr", "delivery pause; the EHR was moved"),
        ("bao", "ehr a", "delivery drain"),
        ("anna", "ehr", "delivery resume; the EHR was moved"),
        ("anna", number, f"delivery park; {moved} pending; the EHR was moved"),
        ("anna", number, f"delivery retry; {moved} parked dead; the EHR was moved"),
    ]
