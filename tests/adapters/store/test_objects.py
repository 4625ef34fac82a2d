"""Image objects: on disk with their name before anything is said, and nothing half written left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.domain.errors import StorageFull
from bridge.store.objects import LocalObjects


def test_content_is_synced_before_it_has_its_name_and_the_folders_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = LocalObjects(tmp_path / "images")
    did: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        did.append(f"sync {'folder ' + path.name if path.is_dir() else 'file'}")
        fsync(descriptor)

    def noted_replace(source: Path, target: Path) -> None:
        did.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    objects.put("study/series/one.dcm", b"pixels")
    assert did == [
        "sync folder images",
        "sync folder study",
        "sync file",
        "rename",
        "sync folder series",
    ]
    assert objects.get("study/series/one.dcm") == b"pixels"


def test_a_file_that_a_killed_process_left_is_removed_but_not_one_in_the_making(
    tmp_path: Path,
) -> None:
    LocalObjects(tmp_path)
    old, young = tmp_path / ".incoming" / "old", tmp_path / ".incoming" / "young"
    for each in (old, young):
        each.write_bytes(b"half")
    os.utime(old, (1.0, 1.0))
    LocalObjects(tmp_path)
    assert (old.exists(), young.exists()) == (False, True)


def test_a_key_cannot_lead_out_of_the_store(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="below"):
        LocalObjects(tmp_path / "images").put("../outside.dcm", b"x")


def test_a_full_disk_is_said_so_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = LocalObjects(tmp_path)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageFull):
        objects.put("study/series/one.dcm", b"pixels")
    assert list((tmp_path / ".incoming").iterdir()) == []
