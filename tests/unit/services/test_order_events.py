"""Events of one order in any order of arrival: nothing newer is undone, and the end is the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from shutil import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.domain.journal import Disposition
from bridge.domain.order import Category, OrderReceived, ProcedureDetails
from bridge.domain.order_control import Action, OrderControlRule
from bridge.domain.sender_options import SenderOptions, TooLateToCancel
from bridge.domain.step_status import ON_WORKLIST, StepEvent, StepStatus
from bridge.mapping.order_control import load_order_control
from tests.unit.services.conftest import open_quickly
from tests.unit.services.core import Core, order, patient, procedure, report, scheduled, step

T = [f"2026010511{minute:02}00" for minute in range(20)]
_numbers = count(1)

STATUS = st.sampled_from(
    [
        ("SC", "IP"),
        ("SC", "CM"),
        ("SC", "CA"),
        ("SC", "DC"),
        ("SC", "HD"),
        ("SC", "SC"),
        ("HD", ""),
        ("RL", ""),
        ("CA", ""),
        ("DC", ""),
        ("XO", ""),
        ("XO", "SC"),
        ("XO", "IP"),
    ]
)
QUICK = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@contextmanager
def new_core(migrated: Path, folder: Path) -> Iterator[Core]:
    path = folder / f"{next(_numbers)}.db"
    copy(migrated, path)
    database = open_quickly(path)
    try:
        yield Core(database)
    finally:
        database.close()


def told(pairs: Sequence[tuple[str, str]]) -> list[OrderReceived]:
    """A new order, then events one minute apart; a change says which one it is."""
    events = [order(at=T[0])]
    for minute, (control, status) in enumerate(pairs, start=1):
        part = procedure(code=f"C{minute}") if control == "XO" else procedure()
        events.append(order(control, part, status=status, at=T[minute]))
    return events


def outcome(core: Core) -> tuple[dict[str, str], str | None]:
    held = core.held_order()
    code = held.procedures[0].code
    return core.statuses(), code.value if code else None


HISTORIES = st.lists(STATUS, max_size=5)


@QUICK
@given(pairs=HISTORIES, data=st.data())
def test_given_events_that_are_all_accepted_then_any_order_of_arrival_ends_the_same(
    migrated: Path, tmp_path: Path, pairs: list[tuple[str, str]], data: st.DataObject
) -> None:
    """What is refused when it comes in time, or ends or holds the step, may end otherwise.

    A cancel that comes after the start is refused; one that arrives before the start is told of
    was acknowledged, and what was acknowledged is not taken back by an older message.
    """
    with new_core(migrated, tmp_path) as core:
        accepted = [e for e in told(pairs) if core.send(e).disposition is not Disposition.REFUSED]
        expected = outcome(core)
    ends = [e for e in accepted if _may_end(e)]
    arrived = data.draw(st.permutations(accepted))
    with new_core(migrated, tmp_path) as core:
        for event in arrived:
            assert core.send(event).disposition is not Disposition.REFUSED
        found = outcome(core)
    data_events = [e for e in accepted if e.control in ("NW", "XO")]
    newest = max(data_events, key=lambda e: e.occurred_at).procedures[0].code
    assert newest is not None
    assert found[1] == newest.value
    if not ends:
        assert found == expected
    else:
        visible = {StepStatus(each) in ON_WORKLIST for each in found[0].values()}
        newer = max(e.occurred_at for e in ends)
        if not any(e.occurred_at > newer and _may_show(e) for e in accepted):
            assert visible == {False} or _begun_before(accepted, newer)


def _may_end(event: OrderReceived) -> bool:
    ends = event.control in ("CA", "DC", "HD") or event.status in ("CM", "CA", "DC", "HD")
    return ends


def _may_show(event: OrderReceived) -> bool:
    return event.control in ("RL",) or event.status in ("SC", "IP")


def _begun_before(events: Sequence[OrderReceived], at: str) -> bool:
    """A step that has begun is neither held nor cancelled."""
    return any(e.status == "IP" and e.occurred_at < at for e in events)


@QUICK
@given(pairs=HISTORIES, again=st.integers(0, 5))
def test_given_any_event_twice_then_it_is_the_same_as_once(
    migrated: Path, tmp_path: Path, pairs: list[tuple[str, str]], again: int
) -> None:
    events = told(pairs)
    with new_core(migrated, tmp_path) as core:
        for event in events:
            core.send(event)
        once = outcome(core)
        core.send(events[again % len(events)])
        assert outcome(core) == once


@QUICK
@given(
    late=st.lists(st.tuples(STATUS, st.integers(1, 9)), max_size=5),
    end=st.sampled_from(["CA", "DC", "OC", "OD"]),
)
def test_given_an_end_then_nothing_older_brings_the_order_back(
    migrated: Path, tmp_path: Path, late: list[tuple[tuple[str, str], int]], end: str
) -> None:
    with new_core(migrated, tmp_path) as core:
        core.place(order(at=T[0]), order(end, at=T[10]))
        for (control, status), minute in late:
            core.send(order(control, status=status, at=T[minute]))
        core.send(order("NW", at=T[9]))
        assert core.worklist() == []


@QUICK
@given(late=st.lists(st.tuples(STATUS, st.integers(1, 9)), max_size=4))
def test_given_a_cancel_before_its_order_then_nothing_older_shows_it(
    migrated: Path, tmp_path: Path, late: list[tuple[tuple[str, str], int]]
) -> None:
    with new_core(migrated, tmp_path) as core:
        core.place(order("CA", at=T[10]))
        for (control, status), minute in late:
            core.send(order(control, status=status, at=T[minute]))
        core.send(order("NW", at=T[0]))
        assert core.worklist() == []
        assert set(core.statuses().values()) == {"CANCELED"}


TABLE = load_order_control().rules
CONTROLS = sorted({control for control, _ in TABLE})
STATUSES = sorted({status for _, status in TABLE if status != "*"})
PROGRESS = {
    "HELD": 0,
    "SCHEDULED": 0,
    "ARRIVED": 1,
    "STARTED": 3,
    "COMPLETED": 5,
    "DISCONTINUED": 5,
    "CANCELED": 5,
}


@QUICK
@given(
    pairs=st.lists(
        st.tuples(st.sampled_from(CONTROLS), st.sampled_from(STATUSES)), min_size=1, max_size=6
    )
)
def test_given_any_controls_and_statuses_in_time_then_a_step_never_goes_backwards(
    migrated: Path, tmp_path: Path, pairs: list[tuple[str, str]]
) -> None:
    """A hold pauses what has not begun; a new order may bring a cancelled step back."""
    with new_core(migrated, tmp_path) as core:
        core.place(order(at=T[0]))
        before = "SCHEDULED"
        for minute, (control, status) in enumerate(pairs, start=1):
            core.send(order(control, status=status, at=T[minute]))
            (now,) = core.statuses().values()
            ordered_again = before == "CANCELED" and control in ("NW", "RO", "CH", "SN")
            held = now == "HELD" and before in ("SCHEDULED", "ARRIVED")
            started = before == "CANCELED" and now in ("STARTED", "COMPLETED")
            assert ordered_again or held or started or PROGRESS[now] >= PROGRESS[before]
            before = now


# --- each procedure follows its newest message


def test_given_two_procedures_told_of_by_messages_that_overtake_each_other_then_both_are_there(
    core: Core,
) -> None:
    core.place(order("NW", procedure("1.2.2", "R2"), at=T[2]))
    core.place(order("NW", procedure("1.2.1", "R1"), at=T[1]))
    assert core.steps_shown() == [("R1", "S1"), ("R2", "S1")]


def test_given_an_older_change_of_another_procedure_then_it_counts(core: Core) -> None:
    core.place(order("NW", procedure("1.2.1", "R1"), procedure("1.2.2", "R2"), at=T[0]))
    core.place(order("XO", procedure("1.2.1", "R1", code="CTNECK"), at=T[3]))
    core.place(order("XO", procedure("1.2.2", "R2", code="CTCHEST"), at=T[2]))
    assert sorted(item["code"] for item in core.worklist()) == ["CTCHEST", "CTNECK"]


def test_given_a_status_older_than_a_change_then_the_status_counts(core: Core) -> None:
    core.place(order(at=T[0]), order("XO", procedure(code="CTNECK"), at=T[3]))
    core.place(order("SC", status="CM", at=T[2]))
    assert core.statuses() == {"S1": "COMPLETED"}


def test_given_statuses_of_two_steps_that_overtake_each_other_then_both_count(core: Core) -> None:
    steps = (step("S1"), step("S2"))
    core.place(order("NW", procedure("1.2.1", "R1", *steps), at=T[0]))
    core.place(order("SC", procedure("1.2.1", "R1", steps[1]), status="IP", at=T[3]))
    core.place(order("SC", procedure("1.2.1", "R1", steps[0]), status="IP", at=T[2]))
    assert core.statuses() == {"S1": "STARTED", "S2": "STARTED"}


def test_given_an_older_message_on_a_code_that_was_changed_since_then_it_is_not_there_twice(
    core: Core,
) -> None:
    def part(code: str) -> ProcedureDetails:
        return procedure("", "", step(""), code=code)

    core.place(order("NW", part("CTHEAD"), part("CTNECK"), accession="", placer="N1", at=T[0]))
    core.place(order("XO", part("CTCHEST"), part("CTNECK"), accession="", placer="N1", at=T[3]))
    late = order("XO", part("CTHEAD"), accession="", placer="N1", at=T[2])
    assert core.send(late).disposition is Disposition.STALE
    assert sorted(item["code"] for item in core.worklist()) == ["CTCHEST", "CTNECK"]


@pytest.mark.parametrize("newer", ["NW", "XO"])
@pytest.mark.parametrize("late", ["CA", "DC", "HD"])
def test_given_an_order_newer_than_what_takes_it_off_then_it_stays(
    core: Core, newer: str, late: str
) -> None:
    core.place(order(at=T[0]), order(newer, at=T[3]))
    assert core.send(order(late, at=T[2])).disposition is Disposition.STALE
    assert core.statuses() == {"S1": "SCHEDULED"}


def test_given_a_cancel_older_than_the_order_itself_then_it_is_of_an_earlier_one(
    core: Core,
) -> None:
    core.place(order(at=T[2]))
    assert core.send(order("CA", at=T[1])).disposition is Disposition.STALE
    assert core.statuses() == {"S1": "SCHEDULED"}


# --- too late


@pytest.mark.parametrize(
    ("control", "status"), [("CA", ""), ("OC", "CA"), ("SC", "CA"), ("HD", ""), ("SC", "HD")]
)
def test_given_a_procedure_that_has_begun_then_a_cancel_or_a_hold_is_refused_as_too_late(
    core: Core, control: str, status: str
) -> None:
    core.place(order())
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    answer = core.send(order(control, status=status))
    assert (answer.code, answer.location) == ("199", "ORC^1^1")
    assert core.statuses() == {"S1": "STARTED"}


def test_given_a_procedure_that_is_over_then_it_cannot_be_discontinued(core: Core) -> None:
    core.place(order(status="CM"))
    assert core.send(order("DC")).code == "199"


def test_given_a_cancel_of_steps_that_nobody_ordered_then_it_is_refused_and_all_stay(
    core: Core,
) -> None:
    core.place(order("NW", procedure("1.2.1", "R1", step("S1"), step("S2"))))
    assert core.send(order("CA", procedure("1.2.1", "R1", step("S9")))).code == "204"
    assert core.statuses() == {"S1": "SCHEDULED", "S2": "SCHEDULED"}


# --- ordered again


@pytest.mark.parametrize("control", ["NW", "RO"])
def test_given_a_new_order_that_is_newer_than_the_cancel_then_it_is_shown_again(
    core: Core, control: str
) -> None:
    core.place(order(at=T[0]), order("CA", at=T[1]))
    moved = procedure("1.2.1", "R1", step("S1", start_time="150000"))
    core.place(order(control, moved, at=T[2]))
    assert core.entry()["start"] == "20260105150000"
    assert core.entry()["status"] == "SCHEDULED"


def test_given_a_tombstone_then_a_newer_order_is_shown(core: Core) -> None:
    core.place(order("CA", at=T[1]))
    core.place(order(at=T[2]))
    assert core.statuses() == {"S1": "SCHEDULED"}


def test_given_a_change_of_a_cancelled_order_then_the_sender_is_told_that_it_stays_so(
    core: Core,
) -> None:
    core.place(order(at=T[0]), order("CA", at=T[1]))
    core.place(order("XO", at=T[2]))
    assert core.worklist() == []
    assert core.warnings() == ["ORC^1^1: the order is cancelled and stays so; order it anew (NW)"]


# --- replaced


def test_given_a_replacement_in_one_message_then_the_old_order_ends_and_the_new_one_names_it(
    core: Core,
) -> None:
    core.place(order(placer="N1", at=T[0]))
    old = order("RP", placer="N1", at=T[1])
    new = order("RO", procedure("1.2.2", "R2"), accession="A2", placer="N2", at=T[1])
    core.place(old, _replacing(new, old))
    assert core.statuses() == {"S1": "CANCELED"}
    assert core.held_order("A2").replaces == (core.held_order("A1").pk,)
    assert [item["accession"] for item in core.worklist()] == ["A2"]


def test_given_a_replacement_under_the_same_numbers_then_the_order_is_shown_as_replaced(
    core: Core,
) -> None:
    core.place(order(placer="N1", at=T[0]))
    old = order("RP", placer="N1", at=T[1])
    new = order("RO", procedure("1.2.1", "R1", step("S1", start_time="150000")), at=T[1])
    core.place(old, _replacing(new, old))
    assert core.entry()["start"] == "20260105150000"


def _replacing(new: OrderReceived, old: OrderReceived) -> OrderReceived:
    return replace(new, replaces=(old.numbers,))


# --- what a sender's profile changes


def test_given_a_sender_whose_new_orders_are_new_then_other_content_is_refused(core: Core) -> None:
    options = SenderOptions(nw_is_upsert=False)
    core.place(order(at=T[0]))
    core.place(order(at=T[1]), options=options)
    answer = core.send(order("NW", procedure(code="CTNECK"), at=T[2]), options=options)
    assert (answer.code, answer.location) == ("205", "ORC^1^2")
    assert core.entry()["code"] == "CTHEAD"


def test_given_a_sender_that_is_master_then_a_cancel_of_what_has_begun_is_taken(core: Core) -> None:
    options = SenderOptions(too_late_to_cancel=TooLateToCancel.ACCEPT)
    core.place(order())
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    core.place(order("CA"), options=options)
    assert core.statuses() == {"S1": "CANCELED"}
    assert core.warnings() == ["ORC^1^1: the procedure had begun; it may have images"]
    assert core.held_order().flag == "cancelled after it had begun"


def test_given_a_completed_examination_then_even_a_master_does_not_cancel_it(core: Core) -> None:
    options = SenderOptions(too_late_to_cancel=TooLateToCancel.ACCEPT)
    core.place(order(status="CM"))
    core.place(order("CA"), options=options)
    assert core.statuses() == {"S1": "COMPLETED"}


def test_given_a_profiles_own_rows_then_they_decide(core: Core) -> None:
    own = {("ZZ", "*"): OrderControlRule(Action.CANCEL, StepEvent.CANCEL)}
    core.place(order())
    core.send(order("ZZ"), control=load_order_control().overlaid(own))
    assert core.statuses() == {"S1": "CANCELED"}


# --- what only names an order


@pytest.mark.parametrize(("control", "status"), [("SC", "CM"), ("CA", ""), ("XO", "CM")])
def test_given_no_sign_of_imaging_but_the_number_of_an_imaging_order_then_it_is_about_that_order(
    core: Core, control: str, status: str
) -> None:
    core.place(order())
    core.place(_other(order(control, procedure("", "", code=""), status=status)))
    assert core.worklist() == []


def test_given_a_laboratory_order_that_shares_a_number_then_the_examination_stays(
    core: Core,
) -> None:
    core.place(order(placer="N1"))
    for control in ("NW", "CA", "SC"):
        other = order(control, procedure("", "", code="NA"), status="CM", placer="N1")
        assert core.send(_other(other)).disposition is Disposition.NOTED
    assert core.statuses() == {"S1": "SCHEDULED"}


def test_given_the_number_of_another_patients_order_then_it_is_noted(core: Core) -> None:
    core.place(order())
    other = order("SC", procedure("", "", code=""), status="CM", who=patient("P2"))
    assert core.send(_other(other)).disposition is Disposition.NOTED
    assert core.statuses() == {"S1": "SCHEDULED"}


def _other(event: OrderReceived) -> OrderReceived:
    return replace(event, category=Category.OTHER)


# --- held and released


def test_given_an_order_on_hold_then_it_is_listed_with_its_reason(core: Core) -> None:
    core.place(order(), order("HD"))
    assert core.held_order().held_reason == "on hold"
    core.place(order("OE"))
    assert core.held_order().held_reason == ""


def test_given_a_number_that_is_asked_for_then_the_order_is_held_until_it_is_assigned(
    core: Core,
) -> None:
    core.place(order("SN", accession="", filler="F1"))
    assert core.worklist() == []
    core.place(order("NA", accession="", filler="F1", placer="N1"))
    assert core.held_order(accession="", filler="F1").held_reason == ""
    assert len(core.worklist()) == 1


def test_given_a_report_on_a_cancelled_step_then_the_modality_is_right(core: Core) -> None:
    core.place(order(at=T[0]), order("CA", at=T[1]))
    core.performed.create(report("1.9.1", "IN PROGRESS", scheduled()), "CT01")
    assert core.statuses() == {"S1": "STARTED"}
