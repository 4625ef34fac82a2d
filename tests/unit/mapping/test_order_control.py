"""Given any order control and status, when looked up, then there is one answer, and no surprise."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.order_control import Action, Unknown
from bridge.domain.step_status import StepEvent, StepStatus, after
from bridge.mapping.errors import ProfileError
from bridge.mapping.order_control import load_order_control
from bridge.mapping.profiles import load_profile

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
    ("SC", "DC", Action.STATUS, StepStatus.DISCONTINUED),
    ("SC", "HD", Action.STATUS, StepStatus.HELD),
    ("SC", "SC", Action.STATUS, StepStatus.SCHEDULED),
    ("XX", "", Action.UPDATE, StepStatus.SCHEDULED),
    ("SN", "", Action.CREATE, StepStatus.HELD),
    ("RU", "RP", Action.REPLACE, StepStatus.CANCELED),
    ("OH", "", Action.STATUS, StepStatus.HELD),
    ("OE", "", Action.STATUS, StepStatus.SCHEDULED),
    ("CH", "", Action.CREATE, StepStatus.SCHEDULED),
]
# Tables 0119 and 0038 as v2.5.1 to v2.9 have them.
TABLE_0119 = {
    *("AF", "CA", "CH", "CN", "CP", "CR", "DC", "DE", "DF", "DR", "FU", "HD", "HR", "LI", "MC"),
    *("NA", "NR", "NW", "OC", "OD", "OE", "OF", "OH", "OK", "OP", "OR", "PA", "PR", "PY", "RC"),
    *("RE", "RF", "RL", "RO", "RP", "RQ", "RR", "RU", "SC", "SN", "SQ", "SR", "SS", "UA", "UC"),
    *("UD", "UF", "UH", "UM", "UN", "UR", "UX", "VC", "VF", "XO", "XR", "XX"),
}
TABLE_0038 = ["", "A", "CA", "CM", "DC", "ER", "HD", "IP", "RP", "SC"]


@pytest.mark.parametrize(("control", "status", "action", "becomes"), KNOWN)
def test_known_pairs(control: str, status: str, action: Action, becomes: StepStatus) -> None:
    rule = TABLE.rule(control, status)
    assert rule.action is action
    assert after(StepStatus.SCHEDULED, rule.event) is becomes


@pytest.mark.parametrize("status", [*TABLE_0038, "ZZ"])
@pytest.mark.parametrize("control", sorted(TABLE_0119))
def test_every_pair_of_the_standards_tables_has_an_answer_on_purpose(
    control: str, status: str
) -> None:
    """It stands in a row, and a refusal or a note says why."""
    assert (control, status) in TABLE.rules or (control, "*") in TABLE.rules
    rule = TABLE.rule(control, status)
    assert rule.reason or rule.action not in (Action.NOTE, Action.REFUSE)


@pytest.mark.parametrize(
    ("control", "status", "code", "field"),
    [
        ("SS", "", "201", 1),
        ("SC", "", "101", 5),
        ("SC", "ZZ", "103", 5),
        ("AF", "", "103", 1),
        ("ZZ", "", "103", 1),
        ("", "SC", "101", 1),
    ],
)
def test_a_refusal_says_with_which_code_and_where(
    control: str, status: str, code: str, field: int
) -> None:
    rule = TABLE.rule(control, status)
    assert (rule.action, rule.code, rule.field) == (Action.REFUSE, code, field)


@pytest.mark.parametrize(
    ("control", "status", "unknown"),
    [
        ("NW", "", Unknown.CREATE),
        ("CA", "", Unknown.CREATE),
        ("XO", "SC", Unknown.CREATE),
        ("XO", "DC", Unknown.PARK),
        ("DC", "CA", Unknown.PARK),
        ("SC", "IP", Unknown.PARK),
        ("HD", "", Unknown.PARK),
        ("NA", "", Unknown.PARK),
    ],
)
def test_what_is_done_without_an_order(control: str, status: str, unknown: Unknown) -> None:
    assert TABLE.rule(control, status).unknown is unknown


def test_a_profiles_row_for_any_status_speaks_for_all_but_its_own_others(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(
        "profile: site\nextends: ihe-swf\norder_control:\n"
        "  - {control: NW, action: note, reason: not ours}\n"
        "  - {control: NW, status: SC, action: create, event: hold}\n"
        "  - {control: XO, status: CM, action: note, reason: not ours}\n",
        encoding="utf-8",
    )
    table = load_profile("site", tmp_path).control_table
    assert table.rule("NW", "CM").action is Action.NOTE
    assert table.rule("NW", "SC").event is StepEvent.HOLD
    assert table.rule("XO", "CM").action is Action.NOTE
    assert table.rule("XO", "A").event is StepEvent.COMPLETE
    assert table.rule("CA", "").action is Action.CANCEL


def test_a_fault_in_a_profiles_row_is_told_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(
        "profile: site\nextends: ihe-swf\norder_control:\n  - {control: NW, action: nothing}\n",
        encoding="utf-8",
    )
    with pytest.raises(ProfileError) as caught:
        load_profile("site", tmp_path)
    assert str(caught.value).startswith("site.yaml:4: row 1: unknown action 'nothing'")


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
        ("{control: NW, action: create, event: hold, unknown: wait}", "use one of create"),
        ("{control: NW, action: refuse, at: ORC-5}", "write digits"),
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
    assert caught.value.fix.startswith(message)
