"""Sends end at their lease: what another node may have taken over is not written any more.

A process that was stopped in the middle of a send goes on with what it knew before. Adapters ask
right before they write something at a destination, where it would overwrite newer state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bridge.domain.delivery import TransportError

_HELD: ContextVar[Callable[[], bool]] = ContextVar("held", default=lambda: True)


class TakenOver(TransportError):
    """The lease of a delivery ended while it was being sent: it is another node's by now.

    `may_have_overwritten` says that something was written at the very end, perhaps too late.
    """

    def __init__(self, *, may_have_overwritten: bool = False) -> None:
        super().__init__("another node delivers it by now", permanent=False)
        self.doubtful = False
        self.may_have_overwritten = may_have_overwritten


@contextmanager
def holding(is_held: Callable[[], bool]) -> Iterator[None]:
    """Send something for as long as `is_held` says yes; for this thread."""
    token = _HELD.set(is_held)
    try:
        yield
    finally:
        _HELD.reset(token)


def check_held() -> None:
    """Raise TakenOver when what is being sent is not ours any more; outside of sends it is."""
    if not _HELD.get()():
        raise TakenOver


def check_held_still() -> None:
    """As `check_held`, after something was written that may have overwritten newer state."""
    if not _HELD.get()():
        raise TakenOver(may_have_overwritten=True)
