"""Looks whether profiles and code tables changed, and has them read again when they did."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from bridge.domain.errors import BridgeError
from bridge.mapping.library import Profiles

log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 2.0


class ProfileWatch:
    """One thread that looks at the files; `reload` may be called from any other.

    `taken_up` is called when what was read is in force: at the start, and after each change.
    """

    def __init__(
        self,
        *profiles: Profiles[Any],
        every: float = LOOK_EVERY_SECONDS,
        taken_up: Callable[[], object] = lambda: None,
    ) -> None:
        self._profiles = profiles
        self._every = every
        self._taken_up = taken_up
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="profiles", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._note()
        self._thread.start()

    def stop(self) -> None:
        """End after the look in hand."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def reload(self) -> None:
        """Read all profiles again, whether or not anything changed."""
        for profiles in self._profiles:
            profiles.reload()
        self._report()

    def problem(self) -> str:
        """Why the newest files are not in use; "" when they are."""
        found = "; ".join(self._problems())
        return f"the profiles as they were are still in use: {found}" if found else ""

    def _problems(self) -> list[str]:
        return [each.problem for each in self._profiles if each.problem]

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            try:
                if any([each.reload_if_changed() for each in self._profiles]):
                    self._report()
            except OSError as error:  # the folder is away for a moment, on a network share
                log.warning("profiles.not_looked_at", extra={"error": str(error)})

    def _report(self) -> None:
        problems = self._problems()
        for problem in problems:
            log.error("profiles.refused", extra={"error": problem})
        if not problems:
            log.info("profiles.reloaded")
            self._note()

    def _note(self) -> None:
        try:
            self._taken_up()
        except BridgeError as error:
            log.warning("profiles.version_not_kept", extra={"error": error.message})
