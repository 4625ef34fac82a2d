"""Image objects in a local directory: whole and durable, or not there at all.

obstore's LocalStore renames without any fsync; an instance must survive a power cut once
0000H was said, so the file, its name and every new folder above it are synced here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from bridge.domain.errors import ResourceBusy, StorageFull
from bridge.services.content import Content, as_content

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
_BUSY = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_TEMPORARY = ".incoming"
_LEFTOVER_SECONDS = 3600.0
_MOST_KNOWN = 10_000


def incoming(root: Path) -> Path:
    """Where objects of a directory are written before they are whole."""
    return root.resolve() / _TEMPORARY


class LocalObjects:
    """Objects below one directory; keys are relative paths with `/`."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._incoming = incoming(root)
        self._known: set[Path] = set()
        self._lock = threading.Lock()
        self._make_durable(self._incoming)
        self._remove_leftovers()

    def _remove_leftovers(self) -> None:
        """Files of a process that was killed while writing; another one may be writing now."""
        oldest = time.time() - _LEFTOVER_SECONDS
        for each in self._incoming.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if each.stat().st_mtime < oldest:
                    each.unlink()

    def put(self, key: str, content: bytes | Content) -> None:
        """Store `content` under `key`; it and its name are on disk when this returns.

        Raises StorageFull when it cannot be written, ResourceBusy when too much is open.
        """
        target = self._path(key)
        temporary = self._incoming / uuid4().hex
        try:
            self._make_durable(target.parent)
            _write_synced(temporary, as_content(content))
            os.replace(temporary, target)
            _sync_directory(target.parent)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            if error.errno in _FULL:
                raise StorageFull("the image store cannot be written: no space") from error
            if error.errno in _BUSY:
                raise ResourceBusy("the image store cannot be written: too much open") from error
            raise

    def get(self, key: str) -> bytes:
        """The content stored under `key`. Raises FileNotFoundError."""
        return self._path(key).read_bytes()

    def open(self, key: str) -> FileSource:
        """The object stored under `key`, to be read piece by piece. Raises FileNotFoundError."""
        path = self._path(key)
        return FileSource(path, path.stat().st_size)

    def has(self, key: str) -> bool:
        """Whether an object is there; it is whole then."""
        return self._path(key).is_file()

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root):
            raise ValueError("an object key must stay below the store's root")
        return path

    def _make_durable(self, folder: Path) -> None:
        """Make a folder and those above it, and sync each into the one above it.

        Below the root even those that exist, once: who made one may have been killed before that.
        """
        if folder in self._known:
            return
        with self._lock:
            chain = [f for f in (folder, *folder.parents) if f not in self._known]
            for each in reversed(chain):
                if self._root in each.parents or not each.exists():
                    each.mkdir(exist_ok=True)
                    _sync_directory(each.parent)
            if len(self._known) > _MOST_KNOWN - len(chain):
                self._known.clear()
            self._known.update(chain)


@dataclass(frozen=True, slots=True)
class FileSource:
    """A stored file of `size` bytes; nothing is held open between two pieces."""

    path: Path
    size: int

    def read(self, start: int, length: int) -> bytes:
        """Give `length` bytes from `start`, fewer only at the end. Raises OSError."""
        with self.path.open("rb", buffering=0) as file:
            file.seek(start)
            return file.read(length)


def _write_synced(path: Path, content: Content) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    try:
        for piece in content:
            view = memoryview(piece)
            while view:
                view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
