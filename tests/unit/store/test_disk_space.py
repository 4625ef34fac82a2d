"""The reserve on the disks: looked at now and then, and refusals written down seldom."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.domain.errors import StorageFull
from bridge.store.disk_space import DiskSpace, free_bytes

MIB = 1 << 20


class Disks:
    """Two disks whose room is set by hand, and a clock."""

    def __init__(self, reserve: int = 100 * MIB) -> None:
        self.left: dict[str, int | OSError] = {"/a": 200 * MIB, "/b": 200 * MIB}
        self.now, self.looks = 0.0, 0
        places = {"var": Path("/a"), "images": Path("/b")}
        self.space = DiskSpace(places, reserve, free=self.free, clock=lambda: self.now)

    def free(self, path: Path) -> int:
        self.looks += 1
        left = self.left[str(path)]
        if isinstance(left, OSError):
            raise left
        return left


def test_given_room_everywhere_then_what_arrives_is_taken_and_it_is_not_asked_each_time() -> None:
    disks = Disks()
    for _ in range(100):
        disks.space.check()
    assert disks.looks == 2


def test_given_too_little_on_one_then_it_is_named_until_there_is_room_again() -> None:
    disks = Disks()
    disks.left["/b"] = 99 * MIB
    with pytest.raises(StorageFull, match=r"images: 99 MiB left"):
        disks.space.check()
    disks.left["/b"] = 101 * MIB
    disks.now += 1.0
    disks.space.check()
    assert disks.space.problem() == ""


def test_given_no_reserve_then_nothing_is_asked() -> None:
    disks = Disks(reserve=0)
    disks.left["/a"] = 0
    disks.space.check()
    assert disks.looks == 0


def test_given_a_disk_that_cannot_be_asked_then_that_is_why() -> None:
    disks = Disks()
    disks.left["/a"] = OSError(5, "Input/output error")
    assert "var: Input/output error" in disks.space.problem()


def test_given_many_refusals_then_one_a_second_is_written_while_enough_is_left() -> None:
    disks = Disks()
    disks.left["/a"] = 50 * MIB
    assert disks.space.problem() != ""
    assert [disks.space.may_note() for _ in range(3)] == [True, False, False]
    disks.now += 1.0
    disks.space.problem()
    assert disks.space.may_note()
    disks.left["/a"] = 10 * MIB
    disks.now += 1.0
    disks.space.problem()
    assert not disks.space.may_note()


def test_given_a_folder_that_is_not_made_yet_then_the_disk_above_it_counts(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") > 0
