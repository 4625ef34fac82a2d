"""Order control × status → what to do, with an answer for every pair of texts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.order_control import ANY, Action, OrderControlRule, OrderControlTable
from bridge.domain.step_status import StepEvent

CREATE = OrderControlRule(Action.CREATE, StepEvent.SCHEDULE)
CREATE_DONE = OrderControlRule(Action.CREATE, StepEvent.COMPLETE)
TABLE = OrderControlTable({("NW", ANY): CREATE, ("NW", "CM"): CREATE_DONE, ("SC", "IP"): CREATE})


def test_an_exact_pair_beats_any_status() -> None:
    assert TABLE.rule("NW", "CM") is CREATE_DONE
    assert TABLE.rule("NW", "SC") is CREATE
    assert TABLE.rule("NW", "") is CREATE


def test_a_control_without_a_row_for_any_status_refuses_the_others() -> None:
    assert TABLE.rule("SC", "IP").action is Action.CREATE
    assert TABLE.rule("SC", "").action is Action.REFUSE


def test_what_no_row_names_is_refused_with_its_own_name() -> None:
    rule = TABLE.rule("QQ", "")
    assert rule.action is Action.REFUSE
    assert "'QQ'" in rule.reason


@given(st.text(max_size=4), st.text(max_size=4))
def test_every_pair_has_an_answer(control: str, status: str) -> None:
    rule = TABLE.rule(control, status)
    assert (rule.action is Action.REFUSE) == (control != "NW" and (control, status) != ("SC", "IP"))
