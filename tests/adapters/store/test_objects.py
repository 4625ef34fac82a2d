"""An image is whole and durable when `put` returns, or not there at all."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bridge.domain.errors import StorageFull
from bridge.store import objects
from bridge.store.objects import LocalObjects

KEY = "1.2/1.3/1.4-abc.dcm"


@pytest.fixture
def store(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path / "images")


class Disk:
    """What was asked of the disk, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        self.asked: list[tuple[str, str]] = []
        fsync, replace, mkdir = os.fsync, os.replace, Path.mkdir

        def name(path: Path) -> str:
            return str(path.relative_to(root)) if path.is_relative_to(root) else "outside"

        def record_fsync(descriptor: int) -> None:
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            self.asked.append(("sync folder" if path.is_dir() else "sync file", name(path)))
            fsync(descriptor)

        def record_replace(source: Path, target: Path) -> None:
            self.asked.append(("rename", name(Path(target))))
            replace(source, target)

        def record_mkdir(path: Path, *args: Any, **kwargs: Any) -> None:
            if not path.exists():
                self.asked.append(("make", name(path)))
            mkdir(path, *args, **kwargs)

        monkeypatch.setattr(os, "fsync", record_fsync)
        monkeypatch.setattr(os, "replace", record_replace)
        monkeypatch.setattr(Path, "mkdir", record_mkdir)

    @property
    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.asked]


@pytest.fixture
def disk(store: LocalObjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch, tmp_path / "images")


def test_what_was_put_is_what_is_read(store: LocalObjects, tmp_path: Path) -> None:
    store.put(KEY, b"pixels")
    assert store.get(KEY) == b"pixels"
    assert (tmp_path / "images" / KEY).read_bytes() == b"pixels"
    store.put(KEY, b"")
    assert store.get(KEY) == b""


def test_the_file_is_on_disk_before_it_has_its_name_and_the_name_before_the_answer(
    store: LocalObjects, disk: Disk
) -> None:
    store.put(KEY, b"pixels")
    disk.asked.clear()
    store.put("1.2/1.3/1.5-abc.dcm", b"pixels")
    (sync, renamed, folder) = disk.asked
    assert sync[0] == "sync file"
    assert renamed == ("rename", "1.2/1.3/1.5-abc.dcm")
    assert folder == ("sync folder", "1.2/1.3")


def test_every_new_folder_is_synced_into_the_one_above_before_anything_is_put_there(
    store: LocalObjects, disk: Disk
) -> None:
    store.put(KEY, b"pixels")
    assert disk.asked[:4] == [
        ("make", "1.2"),
        ("sync folder", "."),
        ("make", "1.2/1.3"),
        ("sync folder", "1.2"),
    ]
    assert disk.verbs[4:] == ["sync file", "rename", "sync folder"]


def test_folders_that_an_earlier_run_made_may_not_be_on_disk_yet(
    store: LocalObjects, disk: Disk, tmp_path: Path
) -> None:
    """It may have been killed between making a folder and syncing it."""
    (tmp_path / "images" / "1.2" / "1.3").mkdir(parents=True)
    disk.asked.clear()
    store.put(KEY, b"pixels")
    assert disk.asked[:2] == [("sync folder", "."), ("sync folder", "1.2")]


def test_the_store_itself_is_made_durably(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch, tmp_path)
    LocalObjects(tmp_path / "var" / "images")
    assert [each for each in disk.asked if each[0] == "make"] == [
        ("make", "var"),
        ("make", "var/images"),
        ("make", "var/images/.incoming"),
    ]
    for made, above in (("var", "."), ("var/images", "var")):
        assert ("sync folder", above) in disk.asked[disk.asked.index(("make", made)) :]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_no_room_is_said_and_nothing_is_left_behind(
    store: LocalObjects, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int
) -> None:
    def full(_descriptor: int, _content: bytes) -> int:
        raise OSError(number, "full")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageFull) as caught:
        store.put(KEY, b"pixels")
    assert not caught.value.permanent
    assert [path for path in (tmp_path / "images").rglob("*") if path.is_file()] == []


def test_a_sync_that_fails_is_no_success(
    store: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_descriptor: int) -> None:
        raise OSError(errno.EIO, "disk")

    store.put("1.2/1.3/1.4", b"")
    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(StorageFull):
        store.put("1.2/1.3/1.5", b"pixels")


def test_a_folder_whose_sync_failed_is_synced_the_next_time(
    store: LocalObjects, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(_descriptor: int) -> None:
        raise OSError(errno.EIO, "disk")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", broken)
        with pytest.raises(StorageFull):
            store.put(KEY, b"pixels")
    disk = Disk(monkeypatch, tmp_path / "images")
    store.put(KEY, b"pixels")
    assert ("sync folder", ".") in disk.asked
    assert ("sync folder", "1.2") in disk.asked


def test_a_short_write_is_continued(store: LocalObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, view: write(descriptor, view[:3]))
    store.put(KEY, b"0123456789")
    assert store.get(KEY) == b"0123456789"


def test_leftovers_of_a_killed_process_are_removed_and_files_in_flight_are_not(
    tmp_path: Path,
) -> None:
    incoming = tmp_path / "images" / ".incoming"
    LocalObjects(tmp_path / "images")
    old, new = incoming / "old", incoming / "new"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (1.0, 1.0))
    LocalObjects(tmp_path / "images")
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize("key", ["../outside", "1.2/../../outside", "/etc/outside", "a/../../b"])
def test_a_key_never_leaves_the_store(store: LocalObjects, tmp_path: Path, key: str) -> None:
    for act in (lambda: store.put(key, b"x"), lambda: store.get(key), lambda: store.delete(key)):
        with pytest.raises(ValueError, match="below"):
            act()
    assert not (tmp_path / "outside").exists()


def test_a_link_that_leads_out_is_no_way_out(store: LocalObjects, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "images" / "1.2").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="below"):
        store.put(KEY, b"x")


def test_what_is_deleted_is_gone_and_may_be_deleted_again(store: LocalObjects) -> None:
    store.put(KEY, b"x")
    store.delete(KEY)
    store.delete(KEY)
    with pytest.raises(FileNotFoundError):
        store.get(KEY)


def test_many_at_once_are_all_kept(store: LocalObjects) -> None:
    def put(number: int) -> None:
        store.put(f"1.{number % 3}/1/{number}", str(number).encode())

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(put, number) for number in range(60)]:
            done.result()
    assert all(store.get(f"1.{n % 3}/1/{n}") == str(n).encode() for n in range(60))


def test_what_is_remembered_of_folders_is_bounded(
    store: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bridge runs for years: a folder is at worst synced once more."""
    monkeypatch.setattr(objects, "_MOST_KNOWN", 10)
    for number in range(50):
        store.put(f"1.{number}/1/1", b"x")
    assert len(store._known) <= 10
    assert store.get("1.0/1/1") == b"x"
