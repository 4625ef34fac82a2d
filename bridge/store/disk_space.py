"""The room left on the disks that the database and the images are on."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bridge.domain.errors import StorageFull

_LOOK_SECONDS = 1.0
_NOTE_SECONDS = 1.0
_LAST_PART = 4
"""When less than this part of the reserve is left, refusals are not written down either."""


def free_bytes(path: Path) -> int:
    """Bytes that can be written at a path, or above it where it is not made yet; 0 without inodes.

    Raises OSError.
    """
    while not path.exists() and path != path.parent:
        path = path.parent
    found = os.statvfs(path)
    has_names = not found.f_files or found.f_favail > 0  # some file systems do not count them
    return found.f_bavail * found.f_frsize if has_names else 0


class DiskSpace:
    """Looks at each place at most once a second. `reserve` is in bytes; 0 looks at nothing."""

    def __init__(
        self,
        places: Mapping[str, Path],
        reserve: int,
        *,
        free: Callable[[Path], int] = free_bytes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._places = places
        self._reserve = reserve
        self._free = free
        self._clock = clock
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._noted_at = float("-inf")
        self._problem = ""
        self._left = 0

    def check(self) -> None:
        """Raises StorageFull when less than the reserve is left anywhere."""
        if problem := self.problem():
            raise StorageFull(problem)

    def may_note(self) -> bool:
        """Whether a refusal may be written down: one a second, while enough of the reserve is."""
        now = self._clock()
        with self._lock:
            if now - self._noted_at < _NOTE_SECONDS or self._left * _LAST_PART < self._reserve:
                return False
            self._noted_at = now
            return True

    def problem(self) -> str:
        """Where there is no room, in words; empty when there is everywhere."""
        if not self._reserve:
            return ""
        now = self._clock()
        with self._lock:
            if now - self._looked_at >= _LOOK_SECONDS:
                self._looked_at = now
                self._problem, self._left = self._look()
            return self._problem

    def _look(self) -> tuple[str, int]:
        short, least = [], self._reserve
        for name, path in self._places.items():
            try:
                left = self._free(path)
            except OSError as error:
                short.append(f"{name}: {error.strerror or error}")
                left = 0
            else:
                if left < self._reserve:
                    short.append(f"{name}: {left >> 20} MiB left")
            least = min(least, left)
        said = f"no room for what arrives ({', '.join(short)})" if short else ""
        return said, least
