"""Visits: every event in every state has an answer, and which visit is meant."""

from __future__ import annotations

import pytest

from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.visit import (
    VISIT_TRANSITIONS,
    Visit,
    VisitAction,
    VisitNumbers,
    VisitStatus,
    current_visit,
    first_status,
    visit_after,
)

HOSP, OTHER = Authority("HOSP"), Authority("OTHER")


def numbers(number: str = "", account: str = "", authority: Authority = HOSP) -> VisitNumbers:
    return VisitNumbers(
        number=Identifier(number, authority) if number else None,
        account=Identifier(account, authority) if account else None,
    )


def visit(pk: int, status: VisitStatus, occurred_at: str = "") -> Visit:
    return Visit(
        pk=pk,
        patient_pk=1,
        numbers=numbers(f"V{pk}"),
        status=status,
        occurred_at=occurred_at,
        former=(Identifier("OLD", HOSP),),
    )


def test_every_event_of_a_visit_has_an_answer_in_every_state() -> None:
    assert set(VISIT_TRANSITIONS) == set(VisitAction)
    for moves in VISIT_TRANSITIONS.values():
        assert set(moves) == set(VisitStatus)


@pytest.mark.parametrize("action", VisitAction)
@pytest.mark.parametrize("status", VisitStatus)
def test_the_same_event_twice_is_as_once(status: VisitStatus, action: VisitAction) -> None:
    once = visit_after(status, action)
    assert visit_after(once, action) is once
    first = first_status(action, "I")
    assert visit_after(first, action) is first


def test_a_visit_that_ended_begins_again_only_by_a_word_for_it() -> None:
    again = {
        action
        for action in VisitAction
        if visit_after(VisitStatus.FINISHED, action) in (VisitStatus.IN_PROGRESS,)
    }
    assert again == {VisitAction.ADMIT, VisitAction.REOPEN}


def test_a_visit_first_heard_of_by_an_update_is_to_come_when_its_class_says_so() -> None:
    assert first_status(VisitAction.UPDATE, "P") is VisitStatus.PLANNED
    assert first_status(VisitAction.UPDATE, "I") is VisitStatus.IN_PROGRESS


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        (numbers("V1", "A1"), numbers("V1", "A2"), True),
        (numbers("V1", "A1"), numbers("V2", "A1"), False),
        (numbers("", "A1"), numbers("V2", "A1"), True),
        (numbers("V1"), numbers("", "A1"), False),
        (numbers("V1"), numbers("V1", authority=Authority()), True),
        (numbers("V1"), numbers("V1", authority=OTHER), False),
        (numbers(), numbers(), False),
    ],
)
def test_the_number_decides_and_else_the_account(
    mine: VisitNumbers, theirs: VisitNumbers, same: bool
) -> None:
    assert mine.belongs_to(theirs) is same
    assert theirs.belongs_to(mine) is same


def test_a_visit_answers_to_the_numbers_it_had() -> None:
    held = visit(1, VisitStatus.IN_PROGRESS)
    assert held.is_called(numbers("V1"))
    assert held.is_called(numbers("OLD"))
    assert not held.is_called(numbers("V2"))
    assert not held.is_called(numbers())


def test_the_current_visit_is_the_newest_where_the_patient_is() -> None:
    planned = visit(1, VisitStatus.PLANNED, "3")
    earlier = visit(2, VisitStatus.IN_PROGRESS, "1")
    later = visit(3, VisitStatus.ARRIVED, "2")
    ended = visit(4, VisitStatus.FINISHED, "4")
    assert current_visit([planned, earlier, later, ended]) is later
    assert current_visit([planned, ended]) is planned
    assert current_visit([ended]) is None
