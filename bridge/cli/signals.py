"""SIGINT, SIGTERM and SIGHUP, waited for in such a way that none is missed."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STOPPING = (signal.SIGINT, signal.SIGTERM)
RELOADING = signal.SIGHUP


@contextmanager
def stop_signals(reload: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """From here on the two signals end nothing; the call that is given returns once one came.

    SIGHUP ends nothing either: the call goes on waiting after `reload`.

    The interpreter writes a byte, the signal's number, the moment a signal comes. A handler that
    sets an event would run too late when the main thread is just going to sleep: at the next
    signal, that is. To be used in the main thread.
    """
    reading, writing = socket.socketpair()

    def wait() -> None:
        while reading.recv(1)[0] == RELOADING:
            reload()

    with reading, writing:
        writing.setblocking(False)
        descriptor = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        before = {each: signal.signal(each, lambda *_: None) for each in (*STOPPING, RELOADING)}
        try:
            yield wait
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
            signal.set_wakeup_fd(descriptor)
