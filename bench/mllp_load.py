"""Load over MLLP: as fast as acknowledgements come, or at a given rate. Only AA counts."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

START, END = b"\x0b", b"\x1c\r"
TIMEOUT = 60.0


class Connection:
    """One MLLP connection with one message in flight."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def exchange(self, message: bytes) -> None:
        """Send a message and wait for its AA."""
        self._socket.sendall(START + message + END)
        answer = b""
        while not answer.endswith(END):
            chunk = self._socket.recv(65536)
            if not chunk:
                raise ConnectionError("closed before the acknowledgement")
            answer += chunk
        if b"MSA|AA" not in answer:
            raise AssertionError(f"not accepted: {answer!r}")

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def measure_rate(port: int, messages: Sequence[bytes], connections: int) -> float:
    """Messages a second, each connection sending its next as soon as it has its answer."""

    def work(connection: Connection, mine: Sequence[bytes]) -> None:
        for message in mine:
            connection.exchange(message)

    begun = time.perf_counter()
    _share(port, messages, connections, work)
    return len(messages) / (time.perf_counter() - begun)


def measure_latencies(
    port: int, messages: Sequence[bytes], connections: int, rate: float
) -> list[float]:
    """Milliseconds from when each message was due to its answer, at `rate` messages a second.

    From when it was due, not when it was sent: a stall counts for every message it held up.
    """
    begun = time.perf_counter() + 0.2
    due = {message: begun + number / rate for number, message in enumerate(messages)}
    latencies: list[float] = []

    def work(connection: Connection, mine: Sequence[bytes]) -> None:
        for message in mine:
            time.sleep(max(0.0, due[message] - time.perf_counter()))
            connection.exchange(message)
            latencies.append((time.perf_counter() - due[message]) * 1000)

    _share(port, messages, connections, work)
    return latencies


def _share(
    port: int,
    messages: Sequence[bytes],
    connections: int,
    work: Callable[[Connection, Sequence[bytes]], None],
) -> None:
    opened = [Connection(port) for _ in range(connections)]
    try:
        with ThreadPoolExecutor(connections) as pool:
            shares = [messages[number::connections] for number in range(connections)]
            for done in [pool.submit(work, *pair) for pair in zip(opened, shares, strict=True)]:
                done.result()
    finally:
        for connection in opened:
            connection.close()


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
