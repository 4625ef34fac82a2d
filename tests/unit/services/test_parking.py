"""What comes before its order waits for it, and is applied once the order is there."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from bridge.domain.journal import Disposition
from bridge.domain.order import OrderReceived
from bridge.domain.parked import ParkedState
from bridge.domain.patient import PatientDetails
from bridge.domain.sender_options import SenderOptions
from bridge.services.parking import SECONDS_PER_DAY
from tests.unit.services.core import Core, order, patient, procedure, step

T1, T2, T3 = "20260105110000", "20260105120000", "20260105130000"


def parked(core: Core) -> list[tuple[str, str]]:
    """(state, reason) of every parked event, the newest first."""
    rows = core.store.read(lambda tx: tx.parked.listed(now=core.now, every=True))
    return [(row.state.value, row.reason) for row in rows]


@pytest.mark.parametrize(
    ("control", "status", "becomes"),
    [
        ("SC", "IP", "STARTED"),
        ("SC", "CM", "COMPLETED"),
        ("SC", "CA", "CANCELED"),
        ("HD", "", "HELD"),
        ("DC", "", "DISCONTINUED"),
        ("OD", "", "DISCONTINUED"),
    ],
)
def test_given_an_event_before_its_order_then_it_waits_and_is_applied_with_it(
    core: Core, control: str, status: str, becomes: str
) -> None:
    early = core.send(order(control, status=status))
    assert early.disposition is Disposition.PARKED
    assert core.worklist() == []
    core.place(order())
    assert core.statuses() == {"S1": becomes}
    assert parked(core) == [("applied", "")]


def test_given_a_parked_message_then_the_journal_says_what_becomes_of_it(core: Core) -> None:
    core.send(order("SC", status="IP"))
    assert core.journal() == [("parked", "")]
    core.place(order())
    assert core.journal() == [("applied", ""), ("applied", "")]


def test_given_several_parked_events_then_they_are_applied_as_they_occurred(core: Core) -> None:
    core.send(order("RL", at=T3))
    core.send(order("HD", at=T2))
    core.place(order(at=T1))
    assert core.statuses() == {"S1": "SCHEDULED"}
    (part,) = core.held_order().procedures
    assert [at for at, _ in part.steps[0].history] == [T1, T2, T3]


def test_given_a_parked_event_that_cannot_be_applied_then_the_order_stands_and_it_says_why(
    core: Core,
) -> None:
    core.send(order("SC", status="IP", who=patient("P2")))
    core.place(order())
    assert core.statuses() == {"S1": "SCHEDULED"}
    assert parked(core) == [("refused", "the order belongs to another patient")]
    assert core.journal()[0] == ("refused", "the order belongs to another patient")
    assert core.store.read(lambda tx: tx.patients.find(patient("P2").identifiers[0])) is None


def test_given_a_number_of_another_authority_then_it_goes_on_waiting(core: Core) -> None:
    core.send(order("SC", status="IP", accession="", placer="N1"))
    core.place(order(accession="", filler="N1"))
    assert parked(core) == [("waiting", "no such order yet")]
    core.place(order("NW", procedure("1.2.2"), accession="", placer="N1"))
    assert parked(core) == [("applied", "")]


def test_given_an_event_that_waited_too_long_then_it_is_seen_as_expired_and_not_applied(
    core: Core,
) -> None:
    core.send(order("SC", status="IP"), options=SenderOptions(park_days=2))
    core.now += 2 * SECONDS_PER_DAY + 1
    assert parked(core) == [("expired", "no such order yet")]
    core.place(order())
    assert core.statuses() == {"S1": "SCHEDULED"}
    assert parked(core) == [("expired", "no such order yet")]


def test_given_a_change_by_a_sender_whose_changes_create_nothing_then_it_waits(core: Core) -> None:
    change = order("XO", procedure(code="CTNECK"), at=T2)
    answer = core.send(change, options=SenderOptions(xo_creates=False))
    assert answer.disposition is Disposition.PARKED
    core.place(order(at=T1))
    assert core.entry()["code"] == "CTNECK"


def test_given_a_cancel_that_names_no_patient_before_its_order_then_it_waits(core: Core) -> None:
    cancel = order("CA", who=PatientDetails(identifiers=()))
    assert core.send(cancel).disposition is Disposition.PARKED
    core.place(order())
    assert core.statuses() == {"S1": "CANCELED"}


def test_given_a_number_that_comes_later_then_what_waited_for_it_is_applied(core: Core) -> None:
    core.send(order("SC", status="IP", accession="", filler="F1"))
    core.place(order())
    assert core.statuses() == {"S1": "SCHEDULED"}
    core.place(order("XO", filler="F1"))
    assert core.statuses() == {"S1": "STARTED"}


def test_given_a_parked_message_again_then_it_is_answered_again_and_waits_once(core: Core) -> None:
    early = order("SC", status="IP")
    assert core.send(early, raw=b"MSH|1").disposition is Disposition.PARKED
    assert core.send(early, raw=b"MSH|1").disposition is Disposition.PARKED
    assert len(parked(core)) == 1


def test_given_what_became_of_parked_events_then_only_what_needs_a_look_is_listed(
    core: Core,
) -> None:
    core.send(order("SC", status="IP"))
    core.send(order("SC", status="IP", accession="A2"))
    core.place(order())
    listed = core.store.read(lambda tx: tx.parked.listed(now=core.now))
    assert [(row.state, row.keys) for row in listed] == [(ParkedState.WAITING, ("number A2",))]


def test_given_a_status_before_its_order_in_one_message_then_it_is_applied_after_it(
    core: Core,
) -> None:
    core.place(order("SC", status="IP"), order("NW", procedure("1.2.1", "R1", step("S1"))))
    assert core.statuses() == {"S1": "STARTED"}
    assert parked(core) == [("applied", "")]


def test_given_a_parked_event_that_the_database_will_not_take_then_the_order_stands(
    core: Core,
) -> None:
    core.send(order("SC", status="IP"))
    handlers = dict(core.handlers)
    original = handlers[OrderReceived]

    def handler(tx: Any, event: OrderReceived, origin: Any) -> Disposition:
        if event.control == "SC":
            raise IntegrityError("INSERT", {}, sqlite3.IntegrityError("UNIQUE"))
        return original(tx, event, origin)

    core.messages._handlers = {**handlers, OrderReceived: handler}
    core.place(order())
    assert core.statuses() == {"S1": "SCHEDULED"}
    assert [state for state, _ in parked(core)] == ["refused"]
