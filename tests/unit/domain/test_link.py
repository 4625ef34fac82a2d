"""Silence is judged against what is usual: by hour of the week, else of the day."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.link import (
    HOUR,
    Activity,
    Link,
    LinkKind,
    SilenceRule,
    expected_since,
    is_silent,
    per_hour,
    usual,
)

MONDAY = 1_767_571_200 // HOUR  # 2026-01-05T00:00Z, in hours
RULE = SilenceRule()
OFFICE = range(7, 17)


def activity(weeks: int, *, until: float, office: bool = True) -> Activity:
    """60 messages in each office hour of Monday to Friday, the last of them at `until`."""
    first = MONDAY - 168 * weeks
    hours = {
        hour: 60
        for hour in range(first, int(until // HOUR) + 1)
        if not office or ((hour - MONDAY) % 168 < 120 and (hour - MONDAY) % 24 in OFFICE)
    }
    return Activity(
        link=Link(LinkKind.HL7, "his"),
        first_seen_at=first * HOUR,
        last_success_at=until,
        hours=hours,
    )


def at(hour: float, day: int = 0) -> float:
    return (MONDAY + 24 * day + hour) * HOUR


def test_given_a_busy_hour_when_nothing_comes_then_it_is_silent_after_as_many_as_are_missed() -> (
    None
):
    known = activity(4, until=at(9))
    assert not is_silent(known, at(9) + 301, RULE)  # 5 of the 10 are missed
    assert not is_silent(known, at(9) + 9 * 60, RULE)
    assert is_silent(known, at(9) + 10 * 60, RULE)


def test_given_nights_and_weekends_are_quiet_then_quiet_is_no_alarm_until_monday() -> None:
    known = activity(4, until=at(17, 4))  # Friday evening
    assert not is_silent(known, at(6.9, 7), RULE)
    assert is_silent(known, at(7.2, 7), RULE)


def test_given_less_than_a_week_then_the_same_hour_of_other_days_counts() -> None:
    known = replace(activity(0, until=at(9, 2)), first_seen_at=at(0))
    assert usual(known, MONDAY + 48 + 9) == 60
    assert is_silent(known, at(9, 2) + 600, RULE)


def test_given_less_than_a_day_then_nobody_knows_what_is_usual() -> None:
    known = replace(activity(0, until=at(9)), first_seen_at=at(8))
    assert usual(known, MONDAY + 10) == 0
    assert not is_silent(known, at(16), RULE)


def test_given_it_never_worked_then_it_is_not_silent_but_failing() -> None:
    known = Activity(
        link=Link(LinkKind.DESTINATION, "ehr"), first_seen_at=at(0), last_failure_at=at(1)
    )
    assert not is_silent(known, at(40), RULE)
    assert known.failing


def test_given_a_silence_of_months_then_no_more_than_a_week_is_looked_at() -> None:
    known = activity(4, until=at(9), office=False)
    assert expected_since(known, at(9, 100)) <= 168 * 60


@pytest.mark.parametrize(("minutes", "found"), [(0, 60.0), (30, 30.0), (59, 1.0)])
def test_given_an_hour_began_then_the_rate_is_of_the_last_sixty_minutes(
    minutes: int, found: float
) -> None:
    known = replace(activity(1, until=at(9)), hours={MONDAY + 9: 60})
    assert per_hour(known, at(10) + minutes * 60) == pytest.approx(found)


@given(
    st.dictionaries(st.integers(MONDAY - 800, MONDAY + 10), st.integers(0, 500)),
    st.floats(at(-700), at(10)),
    st.floats(0, 400 * HOUR),
)
def test_expected_grows_with_time_and_is_never_negative(
    hours: dict[int, int], last: float, more: float
) -> None:
    known = Activity(
        link=Link(LinkKind.DICOM, "CT01"),
        first_seen_at=at(-800),
        last_success_at=last,
        hours=hours,
    )
    first, second = expected_since(known, last + more / 2), expected_since(known, last + more)
    assert first >= 0
    if more < 168 * HOUR:
        assert first <= second + 1e-6
