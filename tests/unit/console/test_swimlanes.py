"""Given events, when they are placed, then each has a column, and pauses are told, not drawn."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bridge.console.swimlanes import LEFT, swimlanes
from bridge.services.show_timeline import Happening, LaneKind, TimelineEvent


def event(at: float, lane: str, kind: LaneKind = LaneKind.SENDER) -> TimelineEvent:
    return TimelineEvent(at=at, kind=kind, lane=lane, what=Happening.MESSAGE, title="ORM^O01")


def test_given_parties_when_placed_then_senders_come_first_and_destinations_last() -> None:
    picture = swimlanes(
        [
            event(1, "ehr", LaneKind.DESTINATION),
            event(2, "CT01", LaneKind.DEVICE),
            event(3, "bridge", LaneKind.BRIDGE),
            event(4, "his"),
        ]
    )

    assert [lane.name for lane in picture.lanes] == ["his", "bridge", "CT01", "ehr"]
    assert [mark.number for mark in picture.marks] == [1, 2, 3, 4]


def test_given_a_long_pause_when_placed_then_its_length_stands_there() -> None:
    picture = swimlanes([event(0, "his"), event(0.5, "his"), event(7200, "his")])

    assert [pause.seconds for pause in picture.pauses] == [7199.5]


def test_given_nothing_when_placed_then_there_is_a_picture_of_nothing() -> None:
    assert swimlanes([]).marks == []


@given(st.lists(st.tuples(st.floats(0, 1e10), st.sampled_from("abc")), min_size=1, max_size=50))
def test_given_any_events_when_placed_then_columns_never_overlap_and_fit(
    found: list[tuple[float, str]],
) -> None:
    picture = swimlanes([event(at, lane) for at, lane in sorted(found)])

    places = [mark.x for mark in picture.marks]
    assert all(later - earlier >= 30 for earlier, later in pairwise(places))
    assert places[0] == LEFT
    assert picture.width > places[-1]
