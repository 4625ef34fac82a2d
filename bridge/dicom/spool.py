"""Where a data set is held while it arrives: in memory, or in a file without a name."""

from __future__ import annotations

import errno
import mmap
import os
import weakref
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from bridge.dicom.encoding import Encoded
from bridge.domain.errors import BridgeError, ResourceBusy, StorageFull
from bridge.services.content import Memory, Source
from bridge.services.room import ENDLESS, Room

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

IN_MEMORY = 4 << 20
"""Bytes that are held in memory; what is longer goes to a file as a whole."""

_BUSY = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


class Spool(BytesIO):
    """Takes a data set piece by piece. pynetdicom wants a BytesIO, and only writes to it.

    `folder` is where a file goes, None for the system's own; nothing is written there without
    `room`. The file has no name, so that nothing is left of it when the process ends. A write that
    fails is remembered and what follows thrown away: whoever receives must go on reading to answer,
    and asks `failure` then.
    """

    def __init__(
        self, folder: Path | None = None, in_memory: int = IN_MEMORY, room: Room = ENDLESS
    ) -> None:
        super().__init__()
        self._folder = folder
        self._room = room
        self.in_memory = in_memory
        self._file: Any = None
        self._size = 0
        self.failure: BridgeError | None = None

    def write(self, piece: ReadableBuffer, /) -> int:
        """Take what comes next; never fails."""
        length = memoryview(piece).nbytes
        self._size += length
        if self.failure is None:
            try:
                self._take(piece)
            except (OSError, BridgeError) as error:
                self.failure = error if isinstance(error, BridgeError) else _failure(error)
                self._drop()
        return length

    @property
    def size(self) -> int:
        """How many bytes came so far."""
        return self._size

    @property
    def data(self) -> Encoded:
        """All of it, mapped into memory where it lies in a file. Raises `failure`."""
        if self.failure is not None:
            raise self.failure
        if self._file is None:
            return super().getvalue()
        return mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)

    @property
    def source(self) -> Source:
        """All of it, to be read piece by piece until the spool is closed. Raises `failure`."""
        if self.failure is not None:
            raise self.failure
        return Memory(super().getvalue()) if self._file is None else _InFile(self)

    def read_at(self, start: int, length: int) -> bytes:
        """Give `length` bytes of the file from `start`. Raises OSError."""
        return os.pread(self._file.fileno(), length, start)

    def close(self) -> None:
        """Give the file back, too."""
        self._drop()
        super().close()

    def _take(self, piece: ReadableBuffer) -> None:
        if self._file is None and self._size > self.in_memory:
            # Its finalizer is for what an aborted association leaves behind.
            self._file = TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
            self._closing = weakref.finalize(self, self._file.close)
            self._write_out(super().getvalue())
            super().seek(0)
            super().truncate()
        if self._file is None:
            super().write(piece)
        else:
            self._write_out(piece)

    def _write_out(self, piece: ReadableBuffer) -> None:
        self._room.check()
        rest = memoryview(piece).cast("B")
        while rest:
            rest = rest[self._file.write(rest) :]

    def _drop(self) -> None:
        if self._file is not None:
            self._closing()
            self._file = None
        if not self.closed:
            super().seek(0)
            super().truncate()


class _InFile:
    """The content of a spool that has gone to a file; keeps it open."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self.size = spool.size

    def read(self, start: int, length: int) -> bytes:
        """Give `length` bytes from `start`, fewer only at the end. Raises OSError."""
        return self._spool.read_at(start, length)


def _failure(error: OSError) -> BridgeError:
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in _BUSY:
        return ResourceBusy(f"what arrives cannot be held: {reason}")
    return StorageFull(f"what arrives cannot be held: {reason}")
