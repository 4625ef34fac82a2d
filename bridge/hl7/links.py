"""MLLP links as values: who is at the other end, what it may use, what happened on the link."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bridge.hl7.framing import DEFAULT_LIMIT, Frame, FramingEvent

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, and by which listener it came in."""

    listener: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What peers may use; times in seconds, sizes in bytes.

    `frame_timeout` is for a frame from its first byte to its last, and for an answer to be taken.
    `held_size` is for what all connections of a listener together have sent and not seen answered.
    """

    frame_size: int = DEFAULT_LIMIT
    held_size: int = 8 * DEFAULT_LIMIT
    connections: int = 256
    idle_timeout: float = 900.0
    frame_timeout: float = 60.0


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection began."""


@dataclass(frozen=True, slots=True)
class Closed:
    """A connection ended, or was turned away, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class HandlerFailed:
    """The handler raised what it should have answered; the message got an AR."""

    error: Exception


LinkEvent = FramingEvent | Opened | Closed | HandlerFailed
Observer = Callable[[Peer, LinkEvent], None]


def log_event(peer: Peer, event: LinkEvent) -> None:
    """Write what happened on a link to the log, without any byte of a message."""
    if isinstance(event, HandlerFailed):
        _LOG.error("hl7 handler failed listener=%s", peer.listener, exc_info=event.error)
    elif not isinstance(event, Frame | Opened):
        name = type(event).__name__
        detail = getattr(event, "size", None) or getattr(event, "reason", None) or ""
        _LOG.info("hl7 link %s %s listener=%s host=%s", name, detail, peer.listener, peer.host)
