"""SQLite in several processes: who writes next is whoever has waited, not whoever woke up.

SQLite itself makes a second writer sleep for longer and longer; a lock of the system's wakes it
at once. Commands that write beside a running bridge do not take it: they wait as SQLite does.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType


class Turns:
    """One writer at a time among the processes of a bridge; to be held for one commit."""

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the file back; the system does so, too, when a process is killed."""
        os.close(self._descriptor)
