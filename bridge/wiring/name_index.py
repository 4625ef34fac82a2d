"""The thread that keeps the index of names up to date."""

from __future__ import annotations

import logging
import threading

from bridge.domain.errors import BridgeError
from bridge.services.follow_names import FollowNames

log = logging.getLogger(__name__)
_EVERY_SECONDS = 5.0


class NameFollower:
    """Looks every few seconds; names that it has not reached are found all the same."""

    def __init__(self, names: FollowNames) -> None:
        self._names = names
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="names", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the batch in hand."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_SECONDS):
            try:
                self._names.catch_up(lambda: not self._stopping.is_set())
            except BridgeError as error:  # the database is away; the next look tries again
                log.warning("names.not_indexed", extra={"reason": error.message})
