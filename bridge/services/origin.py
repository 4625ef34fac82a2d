"""Where an event came from, as far as it decides what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bridge.domain.sender_options import NO_OPTIONS, SenderOptions
from bridge.services.complete_order import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an event came from: the sending application, its mode, when it arrived.

    `default_start` gives the start (`YYYYMMDDHHMMSS`, site time) of steps that came without one;
    empty holds them. `options` are those of the sender's profile.
    """

    source: str
    mode: Mode
    received_at: float
    default_start: Callable[[], str]
    options: SenderOptions = NO_OPTIONS
