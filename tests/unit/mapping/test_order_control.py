"""Given any order control and status, when looked up, then there is one answer, and no surprise."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.order_control import Action
from bridge.domain.step_status import StepEvent, StepStatus, after
from bridge.mapping.errors import ProfileError
from bridge.mapping.order_control import load_order_control

TABLE = load_order_control()
CONTROLS = sorted({control for control, _ in TABLE.rules})
STATUSES = ["", "A", "CA", "CM", "DC", "ER", "HD", "IP", "RP", "SC"]

# IHE's and dcm4che's pairs (STANDARDS 3.2), and what a scheduled step becomes.
KNOWN = [
    ("NW", "", Action.CREATE, StepStatus.SCHEDULED),
    ("NW", "SC", Action.CREATE, StepStatus.SCHEDULED),
    ("NW", "IP", Action.CREATE, StepStatus.ARRIVED),
    ("NW", "CM", Action.CREATE, StepStatus.COMPLETED),
    ("XO", "SC", Action.UPDATE, StepStatus.SCHEDULED),
    ("XO", "IP", Action.UPDATE, StepStatus.STARTED),
    ("XO", "CM", Action.UPDATE, StepStatus.COMPLETED),
    ("CA", "CA", Action.CANCEL, StepStatus.CANCELED),
    ("CA", "", Action.CANCEL, StepStatus.CANCELED),
    ("OC", "CA", Action.CANCEL, StepStatus.CANCELED),
    ("DC", "CA", Action.CANCEL, StepStatus.DISCONTINUED),
    ("OD", "", Action.CANCEL, StepStatus.DISCONTINUED),
    ("HD", "HD", Action.STATUS, StepStatus.HELD),
    ("RL", "", Action.STATUS, StepStatus.SCHEDULED),
    ("RP", "", Action.REPLACE, StepStatus.CANCELED),
    ("RO", "SC", Action.CREATE, StepStatus.SCHEDULED),
    ("SC", "IP", Action.STATUS, StepStatus.STARTED),
    ("SC", "CM", Action.STATUS, StepStatus.COMPLETED),
    ("SC", "A", Action.STATUS, StepStatus.COMPLETED),
    ("SC", "CA", Action.STATUS, StepStatus.CANCELED),
]


@pytest.mark.parametrize(("control", "status", "action", "becomes"), KNOWN)
def test_known_pairs(control: str, status: str, action: Action, becomes: StepStatus) -> None:
    rule = TABLE.rule(control, status)
    assert rule.action is action
    assert after(StepStatus.SCHEDULED, rule.event) is becomes


@given(control=st.sampled_from(CONTROLS) | st.text(max_size=3), status=st.text(max_size=3))
def test_every_pair_has_an_answer(control: str, status: str) -> None:
    rule = TABLE.rule(control, status)
    assert rule.action in Action
    if (control, status) not in TABLE.rules and (control, "*") not in TABLE.rules:
        assert rule.action is Action.REFUSE
        assert rule.reason


@given(
    control=st.sampled_from(CONTROLS),
    status=st.sampled_from(STATUSES),
    before=st.sampled_from(list(StepStatus)),
)
def test_the_same_message_twice_is_the_same_as_once(
    control: str, status: str, before: StepStatus
) -> None:
    event = TABLE.rule(control, status).event
    once = after(before, event)
    assert after(once, event) is once


@given(control=st.sampled_from(CONTROLS), status=st.sampled_from(STATUSES))
def test_no_order_message_reopens_what_has_ended_or_takes_the_modalitys_word(
    control: str, status: str
) -> None:
    event = TABLE.rule(control, status).event
    assert event is not StepEvent.WRONG_ENTRY
    assert after(StepStatus.COMPLETED, event) is StepStatus.COMPLETED


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{control: NW, action: creat, event: schedule}", "did you mean create?"),
        ("{control: NW, action: create, event: shedule}", "did you mean schedule?"),
        ("{control: NW, action: create}", "say what happens to the steps"),
        ("{action: create, event: schedule}", "add `control:`"),
        ("{control: [NW, NW], action: create, event: schedule}", "keep one"),
    ],
)
def test_given_a_faulty_row_when_loaded_then_the_error_says_what_to_do(
    tmp_path: Path, row: str, message: str
) -> None:
    path = tmp_path / "order-control.yaml"
    path.write_text(f"rows:\n  - {row}\n", encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        load_order_control(path)
    assert str(caught.value).startswith("order-control.yaml:2: row 1: ")
    assert caught.value.fix == message
