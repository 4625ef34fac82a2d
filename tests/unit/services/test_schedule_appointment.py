"""Appointments: steps get their time and place, and lose them; the newest word counts."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from bridge.domain.appointment import AppointmentAction, AppointmentReceived
from bridge.domain.events import Event
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.journal import Disposition
from bridge.domain.order import Category, CodedConcept, OrderReceived, StepDetails
from bridge.domain.patient import PatientDetails
from bridge.domain.sender_options import AppointmentCancelled, SenderOptions
from tests.unit.services.core import (
    Core,
    numbers,
    order,
    patient,
    procedure,
    scheduled,
    step,
)
from tests.unit.services.test_order_events import new_core

A = AppointmentAction
T1, T2, T3, T4 = "20260105110000", "20260105120000", "20260105130000", "20260105140000"
TAKES_BACK = [A.CANCEL, A.DELETE, A.NO_SHOW]
NOBODY = PatientDetails(identifiers=())


def known_as(value: str) -> tuple[Identifier, ...]:
    return (Identifier(value, Authority("SCHED"), "PLAC"),)


def booked(start: str = "20260110143000", *codes: str, **details: Any) -> StepDetails:
    return StepDetails(
        start_date=start[:8],
        start_time=start[8:],
        protocol_codes=tuple(CodedConcept(code, "L") for code in codes),
        **details,
    )


def appointment(
    action: AppointmentAction = A.BOOK,
    *steps: StepDetails,
    number: str = "AP1",
    placer: str = "",
    filler: str = "",
    accession: str = "",
    who: PatientDetails | None = None,
    at: str = "",
    **more: Any,
) -> AppointmentReceived:
    """An appointment; without any order number it is known by its own number only."""
    named = bool(placer or filler or accession)
    return AppointmentReceived(
        action=action,
        numbers=known_as(number) if number else (),
        orders=(numbers(accession, placer, filler),) if named else (),
        patient=patient() if who is None else who,
        steps=steps or ((booked(),) if action not in TAKES_BACK else ()),
        occurred_at=at,
        **more,
    )


@pytest.mark.parametrize("named", [{"placer": "N1"}, {"filler": "F1"}, {"accession": "A1"}])
def test_given_an_appointment_for_an_order_then_its_step_has_the_time_and_the_place(
    core: Core, named: dict[str, str]
) -> None:
    core.place(order(placer="N1", filler="F1"))
    place = booked(
        station_ae_titles=("CT02",), attributes={"ScheduledProcedureStepLocation": "ROOM 5"}
    )
    core.place(appointment(A.BOOK, place, **named))  # type: ignore[arg-type]
    assert core.entry()["start"] == "20260110143000"
    (part,) = core.held_order().procedures
    assert part.steps[0].station_ae_titles == ("CT02",)
    assert part.steps[0].attributes["ScheduledProcedureStepLocation"] == "ROOM 5"


@pytest.mark.parametrize("action", [A.RESCHEDULE, A.MODIFY])
def test_given_a_new_time_under_the_appointments_own_number_then_the_step_is_moved(
    core: Core, action: AppointmentAction
) -> None:
    core.place(order(placer="N1"), appointment(placer="N1"))
    core.place(appointment(action, booked("20260111080000"), who=NOBODY))
    assert core.entry()["start"] == "20260111080000"


def test_given_what_an_appointment_does_not_say_then_it_stays(core: Core) -> None:
    core.place(order(placer="N1"))
    core.place(appointment(A.MODIFY, StepDetails(station_ae_titles=("CT02",)), placer="N1"))
    assert core.entry()["start"] == "20260105090000"


@pytest.mark.parametrize("action", TAKES_BACK)
@pytest.mark.parametrize("named", [{}, {"placer": "N1"}])
def test_given_an_appointment_that_is_taken_back_then_the_step_waits_for_another(
    core: Core, action: AppointmentAction, named: dict[str, str]
) -> None:
    core.place(order(placer="N1", at=T1), appointment(placer="N1", at=T2))
    core.place(appointment(action, at=T3, **named))  # type: ignore[arg-type]
    assert core.worklist() == []
    assert core.statuses() == {"S1": "HELD"}
    assert core.held_order().held_reason == "its appointment was taken back"

    core.place(appointment(A.BOOK, booked("20260112100000"), number="AP2", placer="N1", at=T4))
    assert core.entry()["start"] == "20260112100000"
    assert core.held_order().held_reason == ""


def test_given_a_change_of_the_order_with_a_time_then_it_is_scheduled_again(core: Core) -> None:
    core.place(order(placer="N1", at=T1), appointment(placer="N1", at=T2))
    core.place(appointment(A.CANCEL, at=T3))
    core.place(order("XO", placer="N1", at=T4))
    assert core.entry()["start"] == "20260105090000"


def test_given_a_site_that_cancels_with_the_appointment_then_a_later_one_orders_again(
    core: Core,
) -> None:
    options = SenderOptions(siu_cancelled=AppointmentCancelled.CANCEL)
    core.place(order(placer="N1", at=T1), appointment(placer="N1", at=T2))
    core.place(appointment(A.CANCEL, at=T3), options=options)
    assert core.statuses() == {"S1": "CANCELED"}
    core.place(appointment(A.BOOK, booked("20260112100000"), at=T4), options=options)
    assert core.entry()["start"] == "20260112100000"


def test_given_an_order_that_was_cancelled_then_an_appointment_does_not_revive_it(
    core: Core,
) -> None:
    core.place(order(placer="N1", at=T1), order("CA", placer="N1", at=T2))
    answer = core.send(appointment(placer="N1", at=T3))
    assert answer.disposition is Disposition.NOTED
    assert core.warnings() == ["SCH^1: the examination has begun or is over; its schedule stays"]
    assert core.statuses() == {"S1": "CANCELED"}


def test_given_a_step_that_has_begun_then_it_keeps_its_schedule(core: Core) -> None:
    core.place(order(placer="N1"))
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    for action in (A.BOOK, A.RESCHEDULE, A.CANCEL):
        assert core.send(appointment(action, placer="N1")).disposition is Disposition.NOTED
    assert (core.entry()["start"], core.entry()["status"]) == ("20260105090000", "STARTED")


@pytest.mark.parametrize(
    ("action", "expected"),
    [(A.ARRIVE, "ARRIVED"), (A.START, "ARRIVED"), (A.FULFIL, "COMPLETED")],
)
def test_given_what_has_happened_then_the_step_follows(
    core: Core, action: AppointmentAction, expected: str
) -> None:
    core.place(order(placer="N1"), appointment(placer="N1"))
    core.place(appointment(action))
    assert core.statuses() == {"S1": expected}


def test_given_an_order_on_hold_then_an_appointment_does_not_release_it(core: Core) -> None:
    core.place(order(placer="N1", at=T1), order("HD", placer="N1", at=T2))
    core.place(appointment(placer="N1", at=T3))
    assert core.held_order().held_reason == "on hold"
    core.place(order("RL", placer="N1", at=T4))
    assert core.entry()["start"] == "20260110143000"


# --- older than what is known


def test_given_an_older_event_of_the_appointment_then_it_is_stale(core: Core) -> None:
    core.place(order(placer="N1"), appointment(A.RESCHEDULE, placer="N1", at=T3))
    late = appointment(A.BOOK, booked("20260101000000"), placer="N1", at=T2)
    assert core.send(late).disposition is Disposition.STALE
    assert core.entry()["start"] == "20260110143000"


def test_given_a_cancel_before_its_booking_then_the_booking_does_not_revive_it(core: Core) -> None:
    core.place(order(placer="N1", at=T1))
    core.place(appointment(A.CANCEL, placer="N1", at=T3))
    assert core.send(appointment(placer="N1", at=T2)).disposition is Disposition.STALE
    assert core.worklist() == []


@pytest.mark.parametrize("first", ["book", "cancel"])
def test_given_a_cancel_before_its_booking_and_both_before_the_order_then_it_has_no_time(
    core: Core, first: str
) -> None:
    book, cancel = appointment(placer="N1", at=T2), appointment(A.CANCEL, placer="N1", at=T3)
    for event in (book, cancel) if first == "book" else (cancel, book):
        assert core.send(event).disposition is Disposition.PARKED
    core.place(order(placer="N1", at=T1))
    assert core.held_order().held_reason == "its appointment was taken back"


def test_given_a_cancel_that_names_no_order_before_its_booking_then_the_booking_takes_it_up(
    core: Core,
) -> None:
    core.place(order(placer="N1", at=T1))
    early = appointment(A.CANCEL, at=T3, who=NOBODY)
    assert core.send(early).disposition is Disposition.PARKED
    core.place(appointment(placer="N1", at=T2))
    assert core.worklist() == []


def test_given_a_change_of_the_order_older_than_the_appointment_then_the_appointment_counts(
    core: Core,
) -> None:
    core.place(order(placer="N1", at=T1), appointment(placer="N1", at=T3))
    core.place(order("XO", procedure(code="CTNECK"), placer="N1", at=T2))
    assert (core.entry()["code"], core.entry()["start"]) == ("CTNECK", "20260110143000")


def test_given_an_appointment_older_than_a_change_of_the_schedule_then_the_change_counts(
    core: Core,
) -> None:
    core.place(order(placer="N1", at=T1), order("XO", placer="N1", at=T3))
    core.send(appointment(placer="N1", at=T2))
    assert core.entry()["start"] == "20260105090000"


def test_given_another_appointment_for_the_step_then_the_end_of_the_first_leaves_it(
    core: Core,
) -> None:
    core.place(order(placer="N1", at=T1), appointment(placer="N1", at=T2))
    core.place(appointment(A.BOOK, booked("20260115090000"), number="AP2", placer="N1", at=T3))
    core.send(appointment(A.CANCEL, number="AP1", placer="N1", at=T4))
    assert core.entry()["start"] == "20260115090000"


# --- which steps


def test_given_several_services_then_each_is_the_step_of_its_code(core: Core) -> None:
    core.place(
        order(
            "NW",
            procedure("1.2.1", "R1", code="CTHEAD"),
            procedure("1.2.2", "R2", code="CTNECK"),
            placer="N1",
        )
    )
    services = (booked("20260110100000", "CTNECK"), booked("20260110110000", "CTHEAD"))
    core.place(appointment(A.BOOK, *services, placer="N1"))
    found = {item["code"]: item["start"] for item in core.worklist()}
    assert found == {"CTNECK": "20260110100000", "CTHEAD": "20260110110000"}


def test_given_one_service_of_several_then_the_other_steps_keep_their_time(core: Core) -> None:
    core.place(
        order(
            "NW",
            procedure("1.2.1", "R1", code="CTHEAD"),
            procedure("1.2.2", "R2", code="CTNECK"),
            placer="N1",
        )
    )
    core.place(appointment(A.BOOK, booked("20260110100000", "CTNECK"), placer="N1"))
    found = {item["code"]: item["start"] for item in core.worklist()}
    assert found == {"CTNECK": "20260110100000", "CTHEAD": "20260105090000"}


def test_given_services_in_the_schedulers_own_codes_then_their_places_tell(core: Core) -> None:
    core.place(order("NW", procedure("1.2.1", "R1", step("S1"), step("S2")), placer="N1"))
    services = (booked("20260110100000", "X1"), booked("20260110110000", "X2"))
    core.place(appointment(A.BOOK, *services, placer="N1"))
    found = {item["sps_id"]: item["start"] for item in core.worklist()}
    assert found == {"S1": "20260110100000", "S2": "20260110110000"}


def test_given_several_orders_in_one_appointment_then_all_have_its_time(core: Core) -> None:
    core.place(order(placer="N1"), order("NW", procedure("1.2.2"), accession="A2", placer="N2"))
    both = replace(appointment(), orders=(numbers("", "N1"), numbers("", "N2")))
    core.place(both)
    assert {item["start"] for item in core.worklist()} == {"20260110143000"}


def test_given_the_order_of_another_patient_then_it_is_refused(core: Core) -> None:
    core.place(
        order(placer="N1"), order("NW", procedure("1.2.2"), who=patient("P2"), accession="B")
    )
    answer = core.send(appointment(placer="N1", who=patient("P2")))
    assert (answer.code, answer.location) == ("205", "SCH^1")


def test_given_a_patient_by_a_number_nobody_knows_then_the_order_number_tells(core: Core) -> None:
    core.place(order(placer="N1"))
    core.place(appointment(placer="N1", who=patient("M99", Authority("MPI"))))
    assert core.entry()["start"] == "20260110143000"


BY_SERVICE = SenderOptions(siu_matches_by_service=True)


def test_given_a_profile_that_allows_it_then_patient_and_service_name_the_order(core: Core) -> None:
    core.place(order(), order("NW", procedure("1.2.2", code="CTNECK"), accession="A2"))
    core.place(appointment(A.BOOK, booked("20260110100000", "CTNECK")), options=BY_SERVICE)
    found = {item["code"]: item["start"] for item in core.worklist()}
    assert found == {"CTNECK": "20260110100000", "CTHEAD": "20260105090000"}


def test_given_two_orders_that_fit_then_none_is_guessed(core: Core) -> None:
    core.place(order(), order("NW", procedure("1.2.2"), accession="A2"))
    wanted = appointment(A.BOOK, booked("20260110100000", "CTHEAD"))
    assert core.send(wanted, options=BY_SERVICE).disposition is Disposition.PARKED


def test_given_patient_and_service_before_the_order_then_it_waits_for_it(core: Core) -> None:
    wanted = appointment(A.BOOK, booked("20260110100000", "CTHEAD"))
    assert core.send(wanted, options=BY_SERVICE).disposition is Disposition.PARKED
    core.place(order())
    assert core.entry()["start"] == "20260110100000"


# --- without an order


def test_given_no_such_order_then_it_waits_and_its_time_beats_a_start_that_nobody_said(
    database: Any,
) -> None:
    core = Core(database, start="20260105083015")
    assert core.send(appointment(placer="N1", at=T1)).disposition is Disposition.PARKED
    unplanned = procedure("1.2.1", "R1", step(start_date="", start_time=""))
    core.place(order("NW", unplanned, placer="N1", at=T2))
    assert core.entry()["start"] == "20260110143000"


def test_given_an_appointment_that_is_not_for_imaging_and_names_no_order_then_it_is_noted(
    core: Core,
) -> None:
    visit = appointment(category=Category.OTHER)
    assert core.send(visit).disposition is Disposition.NOTED
    assert core.store.read(lambda tx: tx.parked.listed(now=core.now, every=True)) == ()


def test_given_a_sender_that_places_no_orders_then_its_appointment_creates_one(core: Core) -> None:
    made = order("NW", procedure("", "", step("")), accession="", placer="AP1", at=T1)
    core.place(appointment(A.BOOK, booked("20260110100000"), order=made, at=T1))
    assert core.entry()["start"] == "20260110100000"
    core.place(appointment(A.RESCHEDULE, booked("20260111110000"), order=replace(made), at=T2))
    assert [item["start"] for item in core.worklist()] == ["20260111110000"]
    core.place(appointment(A.CANCEL, at=T3))
    assert core.worklist() == []


# --- in any order of arrival


def change(at: str, start_time: str) -> OrderReceived:
    return order(
        "XO", procedure("1.2.1", "R1", step("S1", start_time=start_time)), placer="N1", at=at
    )


MOVED = booked("20260111080000")
HISTORIES: dict[str, tuple[list[Event], str]] = {
    "moved and cancelled": (
        [
            order(placer="N1", at=T1),
            appointment(placer="N1", at=T2),
            appointment(A.RESCHEDULE, MOVED, placer="N1", at=T3),
            appointment(A.CANCEL, at=T4),
        ],
        "HELD",
    ),
    "cancelled and given a time by the order": (
        [
            order(placer="N1", at=T1),
            appointment(placer="N1", at=T2),
            appointment(A.CANCEL, at=T3),
            change(T4, "120000"),
        ],
        "SCHEDULED 20260105120000",
    ),
    "cancelled after a change of the order": (
        [
            order(placer="N1", at=T1),
            appointment(placer="N1", at=T2),
            change(T3, "120000"),
            appointment(A.CANCEL, placer="N1", at=T4),
        ],
        "HELD",
    ),
    "cancelled and booked anew": (
        [
            order(placer="N1", at=T1),
            appointment(placer="N1", at=T2),
            appointment(A.CANCEL, placer="N1", at=T3),
            appointment(A.BOOK, MOVED, number="AP2", placer="N1", at=T4),
        ],
        "SCHEDULED 20260111080000",
    ),
    "held, booked and released": (
        [
            order(placer="N1", at=T1),
            order("HD", placer="N1", at=T2),
            appointment(A.BOOK, MOVED, placer="N1", at=T3),
            order("RL", placer="N1", at=T4),
        ],
        "SCHEDULED 20260111080000",
    ),
    "cancelled and ordered again": (
        [
            order(placer="N1", at=T1),
            appointment(placer="N1", at=T2),
            order("CA", placer="N1", at=T3),
            order(placer="N1", at=T4),
        ],
        "SCHEDULED 20260105090000",
    ),
}


@pytest.mark.parametrize("history", HISTORIES)
def test_given_any_order_of_arrival_then_it_ends_the_same(
    migrated: Path, tmp_path: Path, history: str
) -> None:
    events, expected = HISTORIES[history]
    for arrived in permutations(events):
        with new_core(migrated, tmp_path) as core:
            for event in arrived:
                assert core.send(event).disposition is not Disposition.REFUSED
            (part,) = core.held_order(placer="N1").procedures
        found = part.steps[0]
        text = f"{found.status.value} {found.start_date}{found.start_time}".strip()
        assert text == expected, arrived
