"""Events for browsers (SSE): one question to the database for all of them together."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

from fastapi.concurrency import run_in_threadpool

from bridge.domain.errors import BridgeError

log = logging.getLogger(__name__)
T = TypeVar("T")
EVERY_SECONDS = 2.0
MOST_LISTENERS = 200
"""Browsers that may listen to one process at once."""

_KEEP_ALIVE_SECONDS = 15.0
_SHARE = 10
"""A look that takes long is repeated less often: no more than a tenth of the time goes to it."""


class TooManyListeners(BridgeError):
    """No more browsers can listen just now."""

    permanent = False


class Feed(Generic[T]):
    """Looks now and then while anybody listens, and gives all of them what it saw.

    `look` is told what it saw the last time, None at first. Its answer None is no news. Who comes
    while others listen is given what was seen last, when news are told once (`is_told_once`): it
    may have come after the page that listens now was made.
    """

    def __init__(
        self,
        look: Callable[[T | None], T | None],
        every: float = EVERY_SECONDS,
        *,
        is_told_once: bool = False,
    ) -> None:
        self._look = look
        self._every = every
        self._is_told_once = is_told_once
        self._listeners: set[asyncio.Queue[T | None]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._seen: T | None = None
        self._is_closed = False

    def demand_room(self) -> None:
        """Raise TooManyListeners where no more browsers can listen."""
        if len(self._listeners) >= MOST_LISTENERS or self._is_closed:
            raise TooManyListeners("too many browsers listen")

    async def listen(self) -> AsyncIterator[T | None]:
        """What is seen from now on; None now and then, to keep the connection alive."""
        queue: asyncio.Queue[T | None] = asyncio.Queue(maxsize=8)
        self._listeners.add(queue)
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._run())
        elif self._is_told_once and self._seen is not None:
            queue.put_nowait(self._seen)
        try:
            while not self._is_closed:
                try:
                    yield await asyncio.wait_for(queue.get(), _KEEP_ALIVE_SECONDS)
                except TimeoutError:
                    yield None
        finally:
            self._listeners.discard(queue)

    def close(self) -> None:
        """Let every listener go; called in the event loop."""
        self._is_closed = True
        if self._watch is not None:
            self._watch.cancel()
        for queue in self._listeners:
            _put(queue, None)

    async def _run(self) -> None:
        while self._listeners and not self._is_closed:
            began = time.monotonic()
            try:
                seen = await run_in_threadpool(self._look, self._seen)
            except BridgeError as error:  # the database is away; the page says how old it is
                log.warning("console.no_news", extra={"reason": error.message})
                seen = None
            if seen is not None:
                self._seen = seen
                for queue in self._listeners:
                    _put(queue, seen)
            took = time.monotonic() - began
            await asyncio.sleep(max(self._every, took * _SHARE))
        self._seen = None


def _put(queue: asyncio.Queue[T | None], seen: T | None) -> None:
    """Who is too slow misses what is old."""
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(seen)


def event_text(html: str, number: int | None = None) -> bytes:
    """An event as it is sent (HTML 9.2.5); a browser that comes again says its last number."""
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
    head = "" if number is None else f"id: {number}\n"
    return (head + (lines or "data:\n") + "\n").encode()


KEEP_ALIVE = b": still here\n\n"
