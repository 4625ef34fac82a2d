"""Given a data set that arrives, then it is held in memory, or in a file without a name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.dicom.spool import Spool
from bridge.domain.errors import BridgeError, ResourceBusy, StorageFull
from bridge.services.content import Content

PIECES = [bytes([number]) * 7 for number in range(10)]


def filled(spool: Spool) -> Spool:
    for each in PIECES:
        spool.write(each)
    return spool


@pytest.mark.parametrize("in_memory", [0, 20, 69, 70, 1000])
def test_given_any_length_then_what_is_read_is_what_was_written(
    tmp_path: Path, in_memory: int
) -> None:
    spool = filled(Spool(tmp_path, in_memory))
    assert spool.size == 70
    assert bytes(spool.data[:]) == b"".join(PIECES)
    assert Content(spool.source, b"head").whole() == b"head" + b"".join(PIECES)
    assert list(tmp_path.iterdir()) == []
    spool.close()


def test_given_a_long_one_then_its_file_is_given_back_when_nobody_holds_it(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    spool = filled(Spool(tmp_path, 20))
    assert len(os.listdir("/proc/self/fd")) > before
    del spool
    assert len(os.listdir("/proc/self/fd")) == before


def test_given_a_short_one_then_it_reads_like_any_bytes() -> None:
    spool = filled(Spool(in_memory=100))
    spool.seek(7)
    assert spool.read(7) == PIECES[1]
    assert spool.getvalue() == b"".join(PIECES)


@pytest.mark.parametrize(("number", "kind"), [(28, StorageFull), (24, ResourceBusy)])
def test_given_a_write_fails_then_writing_goes_on_and_reading_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[BridgeError]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("bridge.dicom.spool.TemporaryFile", fail)
    spool = filled(Spool(tmp_path, 20))
    assert spool.size == 70
    assert isinstance(spool.failure, kind)
    with pytest.raises(kind):
        _ = spool.data
    with pytest.raises(kind):
        _ = spool.source


def test_given_no_room_is_left_while_it_arrives_then_nothing_more_is_written(
    tmp_path: Path,
) -> None:
    class Shrinking:
        checks = 0

        def check(self) -> None:
            self.checks += 1
            if self.checks > 3:
                raise StorageFull("the disk is nearly full")

        def may_note(self) -> bool:
            return False

    room = Shrinking()
    spool = filled(Spool(tmp_path, 20, room))
    assert (room.checks, spool.size) == (4, 70)
    with pytest.raises(StorageFull, match="nearly full"):
        _ = spool.source
