"""Performed steps are passed on: each message in its turn, none left out, none again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.domain.delivery import (
    Delivery,
    DeliveryState,
    EventKind,
    RetryDecision,
    Sent,
    TransportError,
)
from bridge.services.forward_performed_steps import (
    PerformedStepOutbox,
    PerformedStepRule,
    TellOfPerformedSteps,
    Untold,
)
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.record_performed_step import RecordPerformedStep
from tests.unit.services.core import Core, PlainEncoder, report, scheduled

IN_PROGRESS, COMPLETED = "IN PROGRESS", "COMPLETED"
SENT = Sent(request=b"told", response=b"0000")


class Ris:
    """A destination whose queue is worked by hand."""

    def __init__(self, core: Core, rule: PerformedStepRule) -> None:
        self._core = core
        self.outbox = PerformedStepOutbox(core.store, {"ris": rule})
        self.told: list[tuple[int, bytes]] = []

    def claim(self) -> list[Delivery]:
        return list(self.outbox.claim("ris", "node", self._core.now, 60.0, 10))

    def gather(self, delivery: Delivery) -> Untold | None:
        return self.outbox.gather(delivery)

    def take(self, untold: Untold, count: int | None = None) -> None:
        for message in untold.messages[:count]:
            self.outbox.sending("ris", untold.sop_instance_uid, message.number)
            self.told.append((message.number, message.encoded))
            self.outbox.taken("ris", untold.sop_instance_uid, message.number)

    def work(self) -> None:
        while claimed := self.claim():
            for each in claimed:
                untold = self.gather(each)
                if untold is not None:
                    self.take(untold)
                self.outbox.delivered(each, SENT, self._core.now)


def told_of(core: Core, rule: PerformedStepRule = PerformedStepRule()) -> Ris:  # noqa: B008
    core.performed = RecordPerformedStep(
        store=core.store,
        worklist=ProjectWorklist(PlainEncoder()),
        complete=core.complete,
        clock=core.clock,
        tell=TellOfPerformedSteps(["ris"]),
    )
    return Ris(core, rule)


def test_given_messages_then_each_is_told_in_its_turn(core: Core) -> None:
    ris = told_of(core)
    core.start_step("1.9.1")
    ris.work()
    core.end_step("1.9.1", "")
    core.end_step("1.9.1", COMPLETED)
    ris.work()
    assert ris.told == [(1, b"1.9.1 IN PROGRESS"), (2, b"1.9.1 "), (3, b"1.9.1 COMPLETED")]
    ris.work()
    assert len(ris.told) == 3


def test_given_a_ris_that_was_away_then_one_delivery_carries_all_that_waited(core: Core) -> None:
    ris = told_of(core)
    core.start_step("1.9.1")
    core.end_step("1.9.1", "")
    core.end_step("1.9.1", COMPLETED)
    (delivery,) = ris.claim()
    untold = ris.gather(delivery)
    assert untold is not None
    assert [each.number for each in untold.messages] == [1, 2, 3]


def test_given_a_message_that_comes_while_another_is_being_told_then_it_follows(
    core: Core,
) -> None:
    ris = told_of(core)
    core.start_step("1.9.1")
    (delivery,) = ris.claim()
    untold = ris.gather(delivery)
    assert untold is not None
    core.end_step("1.9.1", COMPLETED)
    assert ris.claim() == []
    ris.take(untold)
    ris.outbox.delivered(delivery, SENT, core.now)
    ris.work()
    assert [number for number, _ in ris.told] == [1, 2]


def test_given_an_end_after_the_first_message_then_only_the_rest_is_told_and_in_doubt(
    core: Core,
) -> None:
    ris = told_of(core)
    core.start_step("1.9.1")
    core.end_step("1.9.1", COMPLETED)
    (delivery,) = ris.claim()
    untold = ris.gather(delivery)
    assert untold is not None
    ris.take(untold, 1)
    ris.outbox.sending("ris", "1.9.1", 2)  # killed before the answer
    core.now += 61.0
    (again,) = ris.claim()
    rest = ris.gather(again)
    assert rest is not None
    assert ([each.number for each in rest.messages], rest.in_doubt) == ([2], 2)


def test_given_a_refused_creation_then_it_goes_before_what_comes_later(core: Core) -> None:
    ris = told_of(core)
    core.start_step("1.9.1")
    (delivery,) = ris.claim()
    refused = TransportError("0106", permanent=True)
    ris.outbox.failed(delivery, refused, RetryDecision(DeliveryState.DEAD), core.now)
    core.end_step("1.9.1", COMPLETED)
    (later,) = ris.claim()
    untold = ris.gather(later)
    assert untold is not None
    assert [each.number for each in untold.messages] == [1, 2]


def test_given_what_was_refused_or_known_then_it_is_not_told(core: Core) -> None:
    ris = told_of(core)
    core.start_step("1.9.1")
    core.start_step("1.9.1")
    core.end_step("1.9.1", COMPLETED)
    with pytest.raises(Exception, match="no longer"):
        core.end_step("1.9.1", COMPLETED)
    ris.work()
    assert [number for number, _ in ris.told] == [1, 2]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (PerformedStepRule(), 2),
        (PerformedStepRule(modalities=frozenset({"CT"})), 2),
        (PerformedStepRule(modalities=frozenset({"MR"})), 0),
        (PerformedStepRule(sources=frozenset({"CT01"})), 2),
        (PerformedStepRule(sources=frozenset({"CT02"})), 0),
    ],
)
def test_given_a_rule_then_nothing_else_is_told(
    core: Core, rule: PerformedStepRule, expected: int
) -> None:
    ris = told_of(core, rule)
    created = replace(report("1.9.1", IN_PROGRESS, scheduled()), modality="CT")
    core.performed.create(created, "CT01@127.0.0.1")
    core.performed.update(report("1.9.1", COMPLETED), "CT01@127.0.0.1")
    ris.work()
    assert len(ris.told) == expected


def test_given_what_was_told_then_the_journal_finds_it_by_the_step(core: Core) -> None:
    ris = told_of(core)
    core.start_step("1.9.1")
    ris.work()
    rows = core.store.read(lambda tx: tx.journal.mentioning("1.9.1"))
    assert [row.type for row in rows] == [
        EventKind.PERFORMED_STEP.value,
        "MPPS N-CREATE IN PROGRESS",
    ]
