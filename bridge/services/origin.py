"""Where an event came from, as far as it decides what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.domain.order_control import OrderControlTable
from bridge.domain.sender_options import NO_OPTIONS, SenderOptions
from bridge.services.complete_order import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an event came from: the sending application, its mode, when it arrived.

    `default_start` gives the start (`YYYYMMDDHHMMSS`, site time) of steps that came without one;
    empty holds them. `options` are those of the sender's profile. `warnings` takes what is odd but
    refuses nothing, each as `LOCATION: text`: the sender reads it in the acknowledgement. `control`
    is the sender's table of order controls, None for the site's. What was parked and comes again
    (`is_resumed`) is not parked anew.
    """

    source: str
    mode: Mode
    received_at: float
    default_start: Callable[[], str]
    options: SenderOptions = NO_OPTIONS
    control: OrderControlTable | None = None
    is_resumed: bool = False
    warnings: list[str] = field(default_factory=list)

    def warn(self, location: str, text: str) -> None:
        """Tell the sender of something odd; `text` holds no patient data."""
        self.warnings.append(f"{location}: {text}")
