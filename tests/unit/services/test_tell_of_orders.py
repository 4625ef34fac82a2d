"""Orders are told of from one place, whatever changed them, in the transaction that did."""

from __future__ import annotations

from bridge.domain.publication import OrderNews
from bridge.domain.step_status import StepStatus
from tests.unit.services.core import Core, order, scheduled


def test_given_a_new_order_then_both_who_placed_it_and_others_learn_of_it(core: Core) -> None:
    core.place(order())
    assert core.told("ris") == core.told("his") == [("order.scheduled", "A1")]


def test_given_the_same_order_again_then_nothing_more_is_told(core: Core) -> None:
    core.place(order())
    core.send(order("XO"))
    assert core.told("ris") == [("order.scheduled", "A1")]


def test_given_a_cancel_then_others_learn_of_it_and_who_sent_it_does_not(core: Core) -> None:
    core.place(order())
    core.place(order("CA"))
    assert core.told("ris")[-1] == ("order.canceled", "A1")
    assert core.told("his") == [("order.scheduled", "A1")]


def test_given_a_performed_step_then_its_start_and_end_are_told_to_everybody(core: Core) -> None:
    core.place(order())
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    core.end_step("1.9.1", "COMPLETED")
    told = ["order.scheduled", "step.started", "step.completed"]
    assert [kind for kind, _ in core.told("his")] == told
    assert [kind for kind, _ in core.told("ris")] == told


def test_given_a_refused_message_then_nothing_is_told(core: Core) -> None:
    core.send(order("ZZ"))
    assert core.told("ris") == []


def test_given_what_waits_then_it_is_told_as_the_order_stands_when_it_is_sent(core: Core) -> None:
    core.place(order())
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    claimed = core.outbox.claim("ris", "node", core.now, 60.0, 10)
    assert [each.kind.value for each in claimed] == ["order.scheduled"]  # its lane is one by one
    news = core.outbox.gather(claimed[0])
    assert isinstance(news, OrderNews)
    assert news.order.procedures[0].steps[0].status is StepStatus.STARTED
