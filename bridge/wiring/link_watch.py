"""What passes over links: noted by a thread of each process, and judged by the settings."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress

from bridge.domain.errors import BridgeError
from bridge.domain.link import SilenceRule
from bridge.services.watch_links import LinkTally, WatchLinks
from bridge.settings import Settings
from bridge.store.repositories import SqlStore

log = logging.getLogger(__name__)

NOTE_EVERY_SECONDS = 5.0


def watch_links(settings: Settings, store: SqlStore, tally: LinkTally) -> WatchLinks:
    """What notes what passed over links, and judges them."""
    silence = settings.alerts.silence
    return WatchLinks(
        store=store,
        tally=tally,
        clock=time.time,
        rule=SilenceRule(expected=silence.expected, seconds=silence.seconds),
        ignored=frozenset(silence.ignore),
    )


class LinkWatch:
    """One thread of each process, which notes what passed over its links."""

    def __init__(self, links: WatchLinks, every: float = NOTE_EVERY_SECONDS) -> None:
        self._links = links
        self._every = every
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="links", daemon=True)

    def start(self) -> None:
        """Begin to note."""
        self._thread.start()

    def stop(self) -> None:
        """Note what is left, and end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
            with suppress(BridgeError):
                self._links.note()

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            try:
                self._links.note()
            except BridgeError as error:
                log.warning("links.not_noted", extra={"reason": error.message})
            except Exception:
                log.exception("links.not_noted")
