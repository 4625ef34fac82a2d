"""Ending a bridge: nothing that hangs holds up the rest, nor the end for longer than one grace."""

from __future__ import annotations

from threading import Barrier, Event

import pytest

from bridge.wiring.stopping import end_side_by_side


def test_given_parts_that_need_each_other_to_end_when_ended_then_they_end_together() -> None:
    meeting = Barrier(3)

    late = end_side_by_side({name: meeting.wait for name in "abc"}, grace=60)

    assert late == []


def test_given_a_part_that_hangs_when_ended_then_it_is_named_and_the_others_are_done() -> None:
    release, ended = Event(), Event()

    late = end_side_by_side({"hangs": release.wait, "ends": ended.set}, grace=0.05)

    assert late == ["hangs"]
    assert ended.is_set()
    release.set()


def test_given_a_part_that_fails_when_ended_then_it_is_logged_and_the_others_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended = Event()

    def fail() -> None:
        raise OSError("gone already")

    assert end_side_by_side({"fails": fail, "ends": ended.set}, grace=60) == []
    assert ended.is_set()
    assert [record.getMessage() for record in caplog.records] == ["bridge.stop_failed"]
