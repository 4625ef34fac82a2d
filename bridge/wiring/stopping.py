"""Ending what runs: side by side, within one grace."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial

log = logging.getLogger(__name__)


def end_side_by_side(parts: Mapping[str, Callable[[], object]], grace: float) -> list[str]:
    """Call what ends each part, all at once; gives the names of those not done in time (seconds).

    What fails to end is logged and is no reason for the others not to.
    """
    threads = {
        name: threading.Thread(target=partial(_end, name, end), name=f"end-{name}", daemon=True)
        for name, end in parts.items()
    }
    for thread in threads.values():
        thread.start()
    deadline = time.monotonic() + grace
    for thread in threads.values():
        thread.join(max(0.0, deadline - time.monotonic()))
    return [name for name, thread in threads.items() if thread.is_alive()]


def _end(name: str, end: Callable[[], object]) -> None:
    try:
        end()
    except Exception:
        log.exception("bridge.stop_failed", extra={"reason": name})
