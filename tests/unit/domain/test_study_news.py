"""What a decision makes of a study is one thing, told by the finest word that is asked for."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.delivery import FINER_STUDY_KINDS, STUDY_KINDS, EventKind
from bridge.domain.matching import Outcome
from bridge.domain.rejection import REJECTIONS
from bridge.domain.study_news import (
    Decided,
    changed_while_arriving,
    news_of,
    rejection_by,
)
from bridge.domain.subscription import Subscription

AVAILABLE, CHANGED, UNMATCHED, WITHDRAWN = (
    EventKind.STUDY_AVAILABLE,
    EventKind.STUDY_CHANGED,
    EventKind.STUDY_UNMATCHED,
    EventKind.STUDY_WITHDRAWN,
)
CORRECTED, REJECTED, EXPIRED = (
    EventKind.STUDY_CORRECTED,
    EventKind.STUDY_REJECTED,
    EventKind.STUDY_EXPIRED,
)
DECIDED = st.builds(
    Decided,
    was_matched=st.booleans(),
    outcome=st.sampled_from(Outcome),
    is_new=st.booleans(),
    is_corrected=st.booleans(),
    rejected_as=st.sampled_from([None, REJECTED, EXPIRED]),
)


def words(
    was_matched: bool,
    outcome: Outcome,
    *,
    is_corrected: bool = False,
    rejected_as: EventKind | None = None,
) -> tuple[EventKind, ...]:
    decided = Decided(
        was_matched=was_matched,
        outcome=outcome,
        is_new=True,
        is_corrected=is_corrected,
        rejected_as=rejected_as,
    )
    which, *rest = news_of(decided)
    assert which == (EventKind.MATCH_DECIDED,)
    (said,) = rest
    return said


@pytest.mark.parametrize(
    ("was_matched", "outcome", "told"),
    [
        (False, Outcome.MATCHED, (AVAILABLE,)),
        (True, Outcome.MATCHED, (CHANGED,)),
        (False, Outcome.CANDIDATES, (UNMATCHED,)),
        (True, Outcome.CONFLICT, (WITHDRAWN,)),
        (True, Outcome.REJECTED, (REJECTED, WITHDRAWN)),
        (False, Outcome.REJECTED, (REJECTED, UNMATCHED)),
    ],
)
def test_what_a_decision_makes_of_a_study(
    was_matched: bool, outcome: Outcome, told: tuple[EventKind, ...]
) -> None:
    assert words(was_matched, outcome) == told


def test_a_correction_is_one_of_what_receivers_knew() -> None:
    assert words(True, Outcome.MATCHED, is_corrected=True) == (CORRECTED, CHANGED)
    assert words(False, Outcome.MATCHED, is_corrected=True) == (AVAILABLE,)
    assert words(True, Outcome.CONFLICT, is_corrected=True) == (WITHDRAWN,)
    assert changed_while_arriving(is_corrected=True) == (CORRECTED, CHANGED)
    assert changed_while_arriving(is_corrected=False) == (CHANGED,)


def test_a_rejection_says_why_unless_the_study_becomes_somebodys() -> None:
    assert words(True, Outcome.MATCHED, rejected_as=EXPIRED) == (EXPIRED, CHANGED)
    assert words(False, Outcome.CONFLICT, rejected_as=REJECTED) == (REJECTED, UNMATCHED)
    assert words(False, Outcome.MATCHED, rejected_as=REJECTED) == (AVAILABLE,)


def test_only_a_policy_of_retention_lets_images_expire() -> None:
    assert {code: rejection_by(code) for code in REJECTIONS} == {
        "113001": REJECTED,
        "113037": REJECTED,
        "113038": REJECTED,
        "113039": EXPIRED,
    }


def test_a_person_rejects_once_however_often_it_is_looked_at_again() -> None:
    again = Decided(was_matched=False, outcome=Outcome.REJECTED, is_new=False)
    assert news_of(again) == ((UNMATCHED,),)


@given(DECIDED, st.frozensets(st.sampled_from([*STUDY_KINDS, *FINER_STUDY_KINDS])))
def test_each_thing_is_told_by_one_word_and_who_knows_the_wide_ones_misses_nothing(
    decided: Decided, kinds: frozenset[EventKind]
) -> None:
    *which, about = news_of(decided)
    assert which in ([], [(EventKind.MATCH_DECIDED,)])
    assert about[-1] in STUDY_KINDS
    assert not {*about[:-1]} & {*STUDY_KINDS}
    assert Subscription(kinds=frozenset(STUDY_KINDS)).told_as(about) == about[-1]
    told = Subscription(kinds=kinds).told_as(about)
    assert told == next((each for each in about if each in kinds), None)


def test_no_kind_is_both_a_wide_and_a_finer_word() -> None:
    assert not any(a == b for a, b in product(STUDY_KINDS, FINER_STUDY_KINDS))
