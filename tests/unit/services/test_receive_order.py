"""Orders: created, changed, cancelled, replayed, out of order, with and without a RIS's numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.journal import Disposition
from bridge.domain.order import Category, OrderNumbers, OrderReceived, ProcedureDetails, StepDetails
from bridge.domain.patient import PatientDetails
from bridge.domain.patient_events import PatientUpdated
from bridge.domain.sender_options import SenderOptions, UnknownOrder
from bridge.mapping.order_control import load_order_control
from tests.unit.services.core import (
    Core,
    order,
    patient,
    procedure,
    report,
    scheduled,
    step,
    without_numbers,
)

EARLY, NOON, LATE = "20260105110000", "20260105120000", "20260105130000"
UNNAMED = procedure("", "", step(""))
"""A procedure as a HIS without a RIS orders it: a code and a time, no identifiers."""


def bare(code: str, **details: str) -> ProcedureDetails:
    return procedure("", "", step("", **details), code=code)


# --- new orders


def test_given_a_new_order_when_the_modality_asks_then_it_sees_it(core: Core) -> None:
    core.place(order())
    assert core.entry() == {
        "patient_id": "P1",
        "name": "TRAN^P1",
        "accession": "A1",
        "uid": "1.2.1",
        "rp_id": "R1",
        "code": "CTHEAD",
        "sps_id": "S1",
        "status": "SCHEDULED",
        "modality": "CT",
        "start": "20260105090000",
    }


def test_given_several_procedures_and_steps_then_each_step_is_an_entry(core: Core) -> None:
    core.place(
        order(
            "NW",
            procedure("1.2.1", "R1", step("S1"), step("S2", modality="MR")),
            procedure("1.2.2", "R2", step("S1")),
        )
    )
    assert core.steps_shown() == [("R1", "S1"), ("R1", "S2"), ("R2", "S1")]


def test_given_several_orders_in_one_message_then_each_is_an_order(core: Core) -> None:
    core.place(order(), order("NW", procedure("1.2.2"), accession="A2"))
    assert {item["accession"] for item in core.worklist()} == {"A1", "A2"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("IP", "ARRIVED"),
        ("CM", "COMPLETED"),
        ("CA", "CANCELED"),
        ("DC", "DISCONTINUED"),
        ("HD", "HELD"),
    ],
)
def test_given_a_status_with_a_new_order_then_its_steps_are_there(
    core: Core, status: str, expected: str
) -> None:
    core.place(order(status=status))
    assert core.statuses() == {"S1": expected}


def test_given_an_order_that_is_not_imaging_then_nothing_is_kept_of_it(core: Core) -> None:
    other = replace(order(), category=Category.OTHER)
    assert core.send(other).disposition is Disposition.NOTED
    assert core.worklist() == []


def test_given_an_unknown_order_control_then_it_is_refused_where_it_stands(core: Core) -> None:
    answer = core.send(order("ZZ"))
    assert (answer.code, answer.location) == ("103", "ORC^1^1")


def test_given_an_order_without_any_number_then_it_is_refused_where_it_stands(core: Core) -> None:
    """Nobody could ever change or cancel it."""
    answer = core.send(without_numbers(order()))
    assert (answer.code, answer.location) == ("101", "ORC^1^2")
    assert core.worklist() == []


def test_given_an_order_without_a_patient_then_it_is_refused_where_it_stands(core: Core) -> None:
    answer = core.send(order(who=PatientDetails(identifiers=())))
    assert (answer.code, answer.location) == ("101", "PID^1^3")


# --- found again


@pytest.mark.parametrize("known", [("A1", "", ""), ("", "N1", ""), ("", "", "F1")])
def test_given_any_of_its_numbers_then_the_order_is_found(
    core: Core, known: tuple[str, str, str]
) -> None:
    core.place(order(placer="N1", filler="F1"))
    accession, placer, filler = known
    changed = procedure(code="CTNECK")
    core.place(order("XO", changed, accession=accession, placer=placer, filler=filler))
    assert core.entry()["code"] == "CTNECK"


def test_given_numbers_that_lead_to_two_orders_then_it_is_refused_and_never_guessed(
    core: Core,
) -> None:
    core.place(order(filler="F1"), order("NW", procedure("1.2.2"), accession="A2", filler="F2"))
    answer = core.send(order("XO", procedure(code="CTNECK"), accession="A1", filler="F2"))
    assert (answer.code, answer.location) == ("205", "ORC^1^2")
    assert {item["code"] for item in core.worklist()} == {"CTHEAD"}


def test_given_one_placer_number_for_two_accession_numbers_then_they_are_two_orders(
    core: Core,
) -> None:
    core.place(order(placer="N1"), order("NW", procedure("1.2.2"), accession="A2", placer="N1"))
    core.place(order("CA", procedure("1.2.2"), accession="A2", placer="N1"))
    assert [item["accession"] for item in core.worklist()] == ["A1"]


def test_given_the_accession_number_of_another_patients_order_then_it_is_refused(
    core: Core,
) -> None:
    core.place(order())
    answer = core.send(order("XO", who=patient("P2")))
    assert answer.code == "205"
    assert core.entry()["name"] == "TRAN^P1"


def test_given_the_study_uid_of_another_patients_order_then_it_is_refused(core: Core) -> None:
    core.place(order())
    other = order("NW", procedure("1.2.1"), accession="A2", who=patient("P2"))
    assert core.send(other).code == "205"


def test_given_two_orders_with_one_study_uid_then_both_are_shown_and_one_study_serves_both(
    core: Core,
) -> None:
    """A RIS that groups examinations schedules them as one study."""
    core.place(order(), order("NW", procedure("1.2.1", "R2", step("S2")), accession="A2"))
    assert core.steps_shown() == [("R1", "S1"), ("R2", "S2")]
    core.image()
    core.settle()
    assert core.matched_accessions() == ["A1", "A2"]


def test_given_a_message_without_a_patient_then_it_is_about_the_orders_own(core: Core) -> None:
    core.place(order())
    core.place(order("CA", who=PatientDetails(identifiers=())))
    assert core.worklist() == []


# --- changes are snapshots


def test_given_a_change_then_what_it_says_wins_and_what_it_leaves_out_stays(core: Core) -> None:
    core.place(order(RequestingPhysician="DO^A", AdmissionID="V1"))
    core.place(order("XO", procedure(code=""), RequestingPhysician="DO^B"))
    held = core.held_order()
    assert held.attributes == {"RequestingPhysician": "DO^B", "AdmissionID": "V1"}
    assert core.entry()["code"] == "CTHEAD"


def test_given_a_change_then_the_empty_text_deletes(core: Core) -> None:
    core.place(order(AdmissionID="V1"))
    core.place(order("XO", AdmissionID=""))
    assert core.held_order().attributes == {}


def test_given_a_snapshot_then_steps_it_no_longer_lists_are_gone(core: Core) -> None:
    core.place(order("NW", procedure("1.2.1", "R1", step("S1"), step("S2"))))
    core.place(order("XO", procedure("1.2.1", "R1", step("S2"), step("S3"))))
    assert core.steps_shown() == [("R1", "S2"), ("R1", "S3")]
    assert core.statuses() == {"S2": "SCHEDULED", "S3": "SCHEDULED"}


def test_given_a_snapshot_of_one_procedure_then_the_others_stay(core: Core) -> None:
    core.place(order("NW", procedure("1.2.1", "R1"), procedure("1.2.2", "R2")))
    core.place(order("XO", procedure("1.2.2", "R2", step("S9"))))
    assert core.steps_shown() == [("R1", "S1"), ("R2", "S9")]


def test_given_a_snapshot_without_a_step_that_was_performed_then_it_stays(core: Core) -> None:
    core.place(order("NW", procedure("1.2.1", "R1", step("S1"), step("S2"))))
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    core.place(order("XO", procedure("1.2.1", "R1", step("S2"))))
    assert core.statuses() == {"S1": "STARTED", "S2": "SCHEDULED"}


def test_given_a_snapshot_then_a_new_procedure_is_added(core: Core) -> None:
    core.place(order())
    core.place(order("XO", procedure(), procedure("1.2.2", "R2")))
    assert core.steps_shown() == [("R1", "S1"), ("R2", "S1")]


def test_given_a_change_of_a_started_step_then_its_schedule_is_frozen_and_texts_follow(
    core: Core,
) -> None:
    core.place(order())
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    moved = step("S1", start_time="150000", attributes={"PreMedication": "none"})
    core.place(order("XO", procedure("1.2.1", "R1", moved)))
    assert core.entry()["start"] == "20260105090000"
    assert core.entry()["status"] == "STARTED"
    (part,) = core.held_order().procedures
    assert part.steps[0].attributes == {"PreMedication": "none"}


def test_given_a_study_uid_once_given_then_it_never_changes(core: Core) -> None:
    core.place(order())
    core.place(order("XO", procedure("", "R1", code="CTNECK")))
    assert (core.entry()["uid"], core.entry()["code"]) == ("1.2.1", "CTNECK")


@pytest.mark.parametrize(
    ("control", "status", "expected"),
    [
        ("XO", "CM", "COMPLETED"),
        ("XO", "IP", "STARTED"),
        ("SC", "CM", "COMPLETED"),
        ("SC", "A", "COMPLETED"),
        ("SC", "DC", "DISCONTINUED"),
        ("HD", "", "HELD"),
        ("DC", "", "DISCONTINUED"),
        ("OC", "CA", "CANCELED"),
        ("RU", "", "CANCELED"),
    ],
)
def test_given_a_status_then_the_steps_follow(
    core: Core, control: str, status: str, expected: str
) -> None:
    core.place(order())
    core.place(order(control, status=status))
    assert core.statuses() == {"S1": expected}


def test_given_a_release_then_a_held_step_is_on_the_worklist_again(core: Core) -> None:
    core.place(order())
    core.place(order("HD"))
    assert core.worklist() == []
    core.place(order("RL"))
    assert core.entry()["status"] == "SCHEDULED"


def test_given_a_sender_whose_messages_do_not_wait_then_a_status_of_an_unknown_order_is_refused(
    core: Core,
) -> None:
    options = SenderOptions(unknown_order=UnknownOrder.REFUSE)
    answer = core.send(order("SC", status="IP"), options=options)
    assert (answer.code, answer.location) == ("204", "ORC^1^2")
    assert core.store.read(lambda tx: tx.patients.find(patient().identifiers[0])) is None


# --- cancels


def test_given_a_cancel_that_names_only_the_order_then_all_of_it_is_cancelled(core: Core) -> None:
    core.place(order("NW", procedure("1.2.1", "R1"), procedure("1.2.2", "R2"), placer="N1"))
    nothing = replace(order("CA", accession="", placer="N1"), procedures=())
    core.place(nothing)
    assert core.worklist() == []


def test_given_a_cancel_of_one_procedure_of_several_then_the_others_stay(core: Core) -> None:
    core.place(order("NW", procedure("1.2.1", "R1"), procedure("1.2.2", "R2")))
    core.place(order("CA", procedure("1.2.2", "R2")))
    assert core.steps_shown() == [("R1", "S1")]


def test_given_a_cancel_of_a_procedure_nobody_ordered_then_it_is_refused_and_all_stay(
    core: Core,
) -> None:
    core.place(order("NW", procedure("1.2.1", "R1"), procedure("1.2.2", "R2", code="CTNECK")))
    answer = core.send(order("CA", procedure("1.2.9", "R9", code="MRKNEE")))
    assert answer.code == "204"
    assert core.steps_shown() == [("R1", "S1"), ("R2", "S1")]


def test_given_a_cancel_by_code_then_that_procedure_is_cancelled(core: Core) -> None:
    core.place(order("NW", bare("CTHEAD"), bare("CTNECK"), placer="N1", accession=""))
    core.place(order("CA", bare("CTNECK"), placer="N1", accession=""))
    assert [item["code"] for item in core.worklist()] == ["CTHEAD"]


def test_given_a_cancel_of_one_step_of_several_then_the_others_stay(core: Core) -> None:
    core.place(order("NW", procedure("1.2.1", "R1", step("S1"), step("S2"))))
    core.place(order("CA", procedure("1.2.1", "R1", step("S2"))))
    assert core.statuses() == {"S1": "SCHEDULED", "S2": "CANCELED"}


def test_given_a_cancel_of_what_has_begun_then_it_is_refused_as_too_late(core: Core) -> None:
    core.place(order())
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    answer = core.send(order("CA"))
    assert (answer.code, answer.location) == ("199", "ORC^1^1")
    assert core.statuses() == {"S1": "STARTED"}


def test_given_a_cancel_sent_twice_then_the_second_is_accepted_too(core: Core) -> None:
    core.place(order())
    core.place(order("CA"))
    core.place(replace(order("CA"), occurred_at=LATE))
    assert core.statuses() == {"S1": "CANCELED"}


def test_given_a_cancelled_order_then_a_replay_of_its_birth_does_not_revive_it(core: Core) -> None:
    core.place(order())
    core.place(order("CA"))
    core.place(order())
    assert core.statuses() == {"S1": "CANCELED"}


@pytest.mark.parametrize(("born", "died"), [("", ""), (EARLY, NOON), (NOON, NOON)])
@pytest.mark.parametrize(
    "cancelled", [(procedure(),), (UNNAMED,), (procedure("", ""),)], ids=["same", "unnamed", "code"]
)
def test_given_a_cancel_before_its_order_then_the_order_is_never_shown(
    core: Core, born: str, died: str, cancelled: tuple[ProcedureDetails, ...]
) -> None:
    core.place(order("CA", *cancelled, at=died))
    assert core.worklist() == []
    core.send(order("NW", at=born))
    assert core.worklist() == []


def test_given_a_bare_cancel_before_an_order_of_several_procedures_then_none_is_shown(
    core: Core,
) -> None:
    core.place(replace(order("CA"), procedures=()))
    core.send(order("NW", procedure("1.2.1", "R1"), procedure("1.2.2", "R2")))
    assert core.worklist() == []


def test_given_a_procedure_added_after_a_cancel_of_all_then_it_is_wanted(core: Core) -> None:
    """A change that is newer than the cancel, and names something else, orders it."""
    core.place(order(at=EARLY))
    core.place(order("CA", at=NOON))
    core.place(order("XO", procedure(), procedure("1.2.2", "R2"), at=LATE))
    assert core.steps_shown() == [("R2", "S1")]


# --- late messages


def test_given_an_older_message_then_newer_state_stays_and_it_is_stale(core: Core) -> None:
    core.place(order(at=NOON))
    answer = core.send(order("XO", procedure(code="CTNECK"), who=patient(PatientSex="M"), at=EARLY))
    assert answer.disposition is Disposition.STALE
    assert core.entry()["code"] == "CTHEAD"


def test_given_the_same_moment_then_the_message_counts(core: Core) -> None:
    core.place(order(at=NOON))
    core.place(order("XO", procedure(code="CTNECK"), at=NOON))
    assert core.entry()["code"] == "CTNECK"


def test_given_a_message_without_a_time_then_it_counts_and_the_last_time_stays(core: Core) -> None:
    core.place(order(at=NOON))
    core.place(order("XO", procedure(code="CTNECK")))
    assert core.entry()["code"] == "CTNECK"
    assert core.send(order("XO", at=EARLY)).disposition is Disposition.STALE


def test_given_a_late_order_for_a_renamed_patient_then_the_name_stays(core: Core) -> None:
    core.place(
        PatientUpdated(event="A08", patient=patient(PatientName="LE^BINH"), occurred_at=NOON)
    )
    core.place(order(who=patient(PatientName="TRAN^BINH"), at=EARLY))
    assert core.entry()["name"] == "LE^BINH"


# --- a HIS alone: the bridge is the order filler


def test_given_only_a_his_then_the_bridge_mints_every_identifier_once(core: Core) -> None:
    placed = order("NW", UNNAMED, accession="", placer="N1")
    core.place(placed)
    minted = core.entry()
    assert all(minted[key] for key in ("accession", "rp_id", "uid", "sps_id"))
    assert max(len(minted[key]) for key in ("accession", "rp_id", "sps_id")) <= 16

    core.place(replace(placed, control="XO", procedures=(bare("CTNECK"),)))
    changed = core.entry()
    assert changed["code"] == "CTNECK"
    assert {k: changed[k] for k in ("accession", "rp_id", "uid", "sps_id")} == {
        k: minted[k] for k in ("accession", "rp_id", "uid", "sps_id")
    }


def test_given_two_procedures_of_one_code_then_a_change_finds_each_by_its_place(core: Core) -> None:
    """Left and right hand: nothing but the place tells them apart."""
    hands = (bare("XRHAND", start_time="090000"), bare("XRHAND", start_time="091500"))
    core.place(order("NW", *hands, accession="", placer="N1"))
    before = {item["uid"]: item["start"] for item in core.worklist()}
    later = (bare("XRHAND", start_time="100000"), bare("XRHAND", start_time="101500"))
    core.place(order("XO", *later, accession="", placer="N1"))

    after = {item["uid"]: item["start"] for item in core.worklist()}
    assert list(after.values()) == ["20260105100000", "20260105101500"]
    assert list(after) == list(before)


def test_given_a_changed_code_among_several_then_it_is_the_same_procedure(core: Core) -> None:
    core.place(order("NW", bare("CTHEAD"), bare("CTNECK"), accession="", placer="N1"))
    core.place(order("XO", bare("CTHEAD"), bare("CTTHORAX"), accession="", placer="N1"))
    assert sorted(item["code"] for item in core.worklist()) == ["CTHEAD", "CTTHORAX"]


def test_given_procedures_in_another_order_then_their_codes_tell_them_apart(core: Core) -> None:
    core.place(order("NW", bare("CTHEAD"), bare("CTNECK"), accession="", placer="N1"))
    uids = {item["code"]: item["uid"] for item in core.worklist()}
    core.place(order("XO", bare("CTNECK"), bare("CTHEAD"), accession="", placer="N1"))
    assert {item["code"]: item["uid"] for item in core.worklist()} == uids


def test_given_steps_without_ids_then_a_snapshot_finds_them_by_their_place(core: Core) -> None:
    unnamed = procedure("1.2.1", "R1", step(""), step("", modality="MR"))
    core.place(order("NW", unnamed))
    ids = {item["sps_id"]: item["modality"] for item in core.worklist()}
    core.place(order("XO", unnamed))
    assert {item["sps_id"]: item["modality"] for item in core.worklist()} == ids
    core.place(order("XO", replace(unnamed, steps=unnamed.steps[:1])))
    assert [item["modality"] for item in core.worklist()] == ["CT"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["S4"], ["", "", ""]),
        (["SPS4"], ["", "", ""]),
        (["SPS1", "SPS2"], ["", "SPS1"]),
        (["SPS1"], ["SPS3", "", ""]),
        (["SPS2"], ["SPS2", ""]),
    ],
)
def test_given_named_and_unnamed_steps_then_no_two_ever_share_an_id(
    core: Core, before: list[str], after: list[str]
) -> None:
    core.place(order("NW", procedure("1.2.1", "R1", *map(step, before))))
    core.place(order("XO", procedure("1.2.1", "R1", *map(step, after))))
    shown = [sps_id for _, sps_id in core.steps_shown()]
    assert len(set(shown)) == len(after)
    assert {each for each in after if each} <= set(shown)


def test_given_no_procedure_at_all_then_one_examination_is_wanted(core: Core) -> None:
    core.place(replace(order(), procedures=()))
    held = core.held_order()
    assert [len(each.steps) for each in held.procedures] == [1]
    assert held.held_reason.startswith("missing Modality")


@pytest.mark.parametrize(
    ("priority", "expected"),
    [("STAT", "20260105083015"), ("ROUTINE", "20260105000000"), ("", "20260105000000")],
)
def test_given_no_start_then_it_is_today_and_when_urgent_now(
    core: Core, priority: str, expected: str
) -> None:
    at_half_past_eight = Core(core.database, start="20260105083015")
    unplanned = replace(
        procedure("1.2.1", "R1", step(start_date="", start_time="")),
        attributes={"RequestedProcedurePriority": priority},
    )
    at_half_past_eight.place(order("NW", unplanned))
    assert core.entry()["start"] == expected


def test_given_a_site_that_holds_orders_without_a_start_then_it_is_held(core: Core) -> None:
    core.place(order("NW", procedure("1.2.1", "R1", step(start_date="", start_time=""))))
    assert core.held_order().held_reason == "missing ScheduledProcedureStepStartDate"
    assert core.worklist() == []


# --- with a RIS nothing is minted


def test_given_a_ris_then_what_is_missing_holds_the_order_until_it_comes(ris: Core) -> None:
    ris.place(order("NW", procedure("", "", step("")), accession="", placer="N1"))
    held = ris.held_order(accession="", placer="N1")
    assert held.held_reason == (
        "missing RequestedProcedureID, ScheduledProcedureStepID, StudyInstanceUID"
    )
    assert ris.worklist() == []

    ris.place(order("XO", procedure("1.2.1", "R1", step("S1")), placer="N1"))

    assert ris.held_order().held_reason == ""
    assert ris.steps_shown() == [("R1", "S1")]


def test_given_a_ris_then_several_held_procedures_are_completed_each_by_its_place(
    ris: Core,
) -> None:
    ris.place(order("NW", procedure("", ""), procedure("", "", code="CTNECK")))
    ris.place(order("XO", procedure("1.2.1", "R1"), procedure("1.2.2", "R2", code="CTNECK")))
    assert ris.held_order().held_reason == ""
    assert ris.steps_shown() == [("R1", "S1"), ("R2", "S1")]


def test_given_a_ris_then_several_steps_without_ids_are_held_and_not_refused(ris: Core) -> None:
    unnamed = procedure("1.2.1", "R1", StepDetails(modality="CT"), StepDetails(modality="CT"))
    ris.place(order("NW", unnamed))
    assert "ScheduledProcedureStepID" in ris.held_order().held_reason
    ris.place(order("XO", unnamed))
    ris.place(order("XO", procedure("1.2.1", "R1", step("S1"), step("S2"))))
    assert ris.steps_shown() == [("R1", "S1"), ("R1", "S2")]


def test_given_a_ris_then_a_change_mints_no_step_id(ris: Core) -> None:
    ris.place(order())
    ris.place(order("XO", procedure("1.2.1", "R1", step("S1"), step(""))))
    assert ris.steps_shown() == [("R1", "S1")]
    assert "ScheduledProcedureStepID" in ris.held_order().held_reason


def test_given_an_order_of_a_ris_without_accession_then_a_his_may_change_it(ris: Core) -> None:
    ris.place(order(accession="", placer="N1"))
    ris.place(
        order("XO", procedure(), procedure("", "", code="CTNECK"), accession="", placer="N1"),
        mode="his_only",
    )
    assert len(ris.worklist()) == 2


def test_given_a_name_that_comes_later_then_the_held_order_is_shown(core: Core) -> None:
    core.place(order(who=patient(PatientName="")))
    assert core.held_order().held_reason == "missing PatientName"
    core.place(order("XO"))
    assert core.held_order().held_reason == ""
    assert core.entry()["name"] == "TRAN^P1"


def test_given_a_report_on_a_step_then_a_later_snapshot_keeps_its_state(core: Core) -> None:
    core.place(order())
    core.performed.create(report("1.9.1", "IN PROGRESS", scheduled()), "CT01")
    core.place(order("XO"))
    core.place(order("NW"))
    assert core.statuses() == {"S1": "STARTED"}


@pytest.mark.parametrize("status", ["", "CA"])
def test_given_a_discontinuation_of_what_has_begun_then_it_is_taken(
    core: Core, status: str
) -> None:
    core.place(order())
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    core.place(order("DC", status=status))
    assert core.statuses() == {"S1": "DISCONTINUED"}


# --- every order control in every state


RULES = load_order_control().rules
CONTROLS = sorted({control for control, _ in RULES} | {"ZZ", ""})


@pytest.mark.parametrize("control", CONTROLS)
def test_every_control_with_every_status_has_an_answer_in_every_state_of_a_step(
    core: Core, control: str
) -> None:
    """Applied, noted, stale or refused with a code; never a defect, never a half-changed order."""
    before: dict[str, list[OrderReceived]] = {
        "unknown": [],
        "scheduled": [order()],
        "held": [order("HD")],
        "cancelled": [order("CA")],
        "completed": [order(status="CM")],
    }
    statuses = sorted({status for row, status in RULES if row == control} | {"", "ZZ"})
    for number, (name, events) in enumerate(before.items()):
        for status in statuses:
            key = f"{number}{status}"
            mine = {"accession": f"A{key}"}
            parts = (procedure(f"1.{number}.{statuses.index(status)}"),)
            for event in events:
                made = order("NW", *parts, **mine)  # type: ignore[arg-type]
                core.send(made, replace(made, control=event.control, status=event.status))
            answer = core.send(order(control, *parts, status=status, **mine))  # type: ignore[arg-type]
            assert answer.disposition in (
                Disposition.APPLIED,
                Disposition.NOTED,
                Disposition.PARKED,
                Disposition.REFUSED,
            ), (name, status)
            assert (answer.disposition is Disposition.REFUSED) == (answer.code != "")


# --- several orders under one accession number


def test_given_two_orders_of_one_accession_number_then_both_are_shown(core: Core) -> None:
    """A HIS that groups examinations gives each its own placer number, whichever message."""
    head = order("NW", bare("CTHEAD"), accession="A1", placer="N1")
    neck = order("NW", bare("CTNECK"), accession="A1", placer="N2")
    core.place(head)
    core.place(neck)
    shown = {item["code"]: (item["accession"], item["rp_id"]) for item in core.worklist()}
    assert shown == {"CTHEAD": ("A1", "A1"), "CTNECK": ("A1", "A1-2")}
    assert len({item["uid"] for item in core.worklist()}) == 2

    core.place(order("XO", bare("CTNECK", start_time="170000"), accession="A1", placer="N2"))
    core.place(order("CA", bare("CTHEAD"), accession="", placer="N1"))
    assert [item["start"] for item in core.worklist()] == ["20260105170000"]


def test_given_an_accession_number_used_again_after_a_cancel_then_the_new_order_is_shown(
    core: Core,
) -> None:
    core.place(order("NW", bare("CTHEAD"), placer="N1"))
    core.place(order("CA", bare("CTHEAD"), placer="N1"))
    core.place(order("NW", bare("CTHEAD"), placer="N2"))
    assert [item["accession"] for item in core.worklist()] == ["A1"]


def test_given_one_placer_number_with_two_filler_numbers_then_they_are_two_orders(
    core: Core,
) -> None:
    core.place(order("NW", bare("CTHEAD"), placer="N1", filler="F1"))
    core.place(order("NW", bare("CTNECK"), placer="N1", filler="F2"))
    assert {item["code"] for item in core.worklist()} == {"CTHEAD", "CTNECK"}


def test_given_only_a_shared_accession_number_then_which_order_is_not_guessed(core: Core) -> None:
    core.place(order("NW", bare("CTHEAD"), placer="N1"), order("NW", bare("CTNECK"), placer="N2"))
    assert core.send(order("CA")).code == "205"
    assert {item["code"] for item in core.worklist()} == {"CTHEAD", "CTNECK"}


def test_given_an_accession_number_shared_with_another_patient_then_it_is_refused(
    core: Core,
) -> None:
    core.place(order("NW", bare("CTHEAD"), placer="N1"))
    answer = core.send(order("NW", bare("CTNECK"), placer="N2", who=patient("P2")))
    assert (answer.code, answer.location) == ("205", "ORC^1^2")


def test_given_the_number_of_another_system_then_the_accession_number_tells(core: Core) -> None:
    """Placer numbers of different authorities do not contradict each other."""
    core.place(order(placer="N1"))
    other = order("XO", procedure(code="CTNECK"))
    of_ris = replace(other.numbers, placer=Identifier("R7", Authority("RIS")))
    core.place(replace(other, numbers=of_ris))
    assert [item["code"] for item in core.worklist()] == ["CTNECK"]


def test_given_a_discontinuation_of_what_the_modality_discontinued_then_it_is_accepted(
    core: Core,
) -> None:
    """RAD-13 DC/CA follows the MPPS; sent twice it says the same."""
    core.place(order())
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    core.end_step("1.9.1", "DISCONTINUED")
    core.place(order("DC", status="CA"))
    core.place(order("DC", status="CA", at=LATE))
    assert core.statuses() == {"S1": "DISCONTINUED"}


@pytest.mark.parametrize("rp_id", ["R1", ""], ids=["by ID", "by code"])
def test_given_another_study_uid_for_a_procedure_then_it_is_refused_and_shown_once(
    core: Core, rp_id: str
) -> None:
    core.place(order())
    answer = core.send(order("XO", procedure("1.2.99", rp_id)))
    assert answer.code == "205"
    assert [item["uid"] for item in core.worklist()] == ["1.2.1"]


@pytest.mark.parametrize("placed_by", [Authority("HIS"), Authority()], ids=["named", "silent"])
def test_given_a_cancel_that_names_the_authority_otherwise_then_it_finds_the_order(
    core: Core, placed_by: Authority
) -> None:
    cancelled_by = Authority() if placed_by else Authority("HIS")
    core.place(replace(order(), numbers=OrderNumbers(placer=Identifier("N1", placed_by))))
    core.place(order("NW", procedure("1.2.2"), who=patient("P2"), accession="A2"))
    cancel = replace(order("CA"), numbers=OrderNumbers(placer=Identifier("N1", cancelled_by)))
    core.place(cancel)
    assert [item["accession"] for item in core.worklist()] == ["A2"]


def test_given_a_bare_number_that_another_patient_has_then_it_is_another_order(core: Core) -> None:
    core.place(replace(order(), numbers=OrderNumbers(placer=Identifier("N1", Authority("HIS")))))
    cancel = replace(order("CA", who=patient("P2")), numbers=OrderNumbers(placer=Identifier("N1")))
    core.send(cancel)
    assert len(core.worklist()) == 1
