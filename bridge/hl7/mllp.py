"""Listener for HL7 v2 over MLLP: many connections, each answered in the order of its messages.

The event loop only moves bytes. A handler may block: it runs in an executor, one message of a
connection at a time, and what it returns is framed and sent back on the same connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from datetime import UTC, datetime
from typing import Final, cast

from bridge.domain.errors import BridgeError
from bridge.hl7.answer_writer import Heading, reject
from bridge.hl7.errors import MessageTooLarge
from bridge.hl7.framing import Frame, FrameReader, Oversize, frame
from bridge.hl7.links import (
    DEFAULT_LIMITS,
    Closed,
    HandlerFailed,
    Limits,
    LinkEvent,
    Observer,
    Opened,
    Peer,
    log_event,
)

__all__ = ["Handler", "Limits", "MllpListener", "Peer"]

Handler = Callable[[bytes, Peer], Sequence[bytes]]
Reject = Callable[[bytes, BridgeError, Peer], Sequence[bytes]]

_QUICK_ACK: Final = getattr(socket, "TCP_QUICKACK", None)
_LONGEST_SWEEP: Final = 1.0
_SWEEPS_PER_TIMEOUT: Final = 4
_MOST_WAITING: Final = 64


def reject_now(raw: bytes, error: BridgeError, _peer: Peer) -> list[bytes]:
    """Answer AR with the time of day and a control id of its own."""
    heading = Heading(now=datetime.now(UTC), control_id=secrets.token_hex(10).upper())
    return [reject(raw, error, heading)]


class MllpListener:
    """Accepts MLLP connections and has each message handled and answered."""

    def __init__(
        self,
        handler: Handler,
        executor: Executor,
        *,
        name: str = "hl7",
        limits: Limits = DEFAULT_LIMITS,
        observer: Observer = log_event,
        reject: Reject = reject_now,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare a listener; `start` opens its port.

        `handler` takes the payload of one frame, in a thread of `executor`, and returns the
        payloads of the frames that answer it, or none. An exception becomes what `reject` writes,
        and so does a frame that is too large, of which it gets the beginning. `observer` is told,
        in the event loop, what happens on the links. With `tls` the port speaks TLS only.
        """
        self.name = name
        self.handler = handler
        self.executor = executor
        self.limits = limits
        self.observer = observer
        self.reject = reject
        self.tls = tls
        self.connections: set[_Connection] = set()
        self.held = 0
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int, *, shared: bool = False) -> None:
        """Listen on host and port (0: any free one); raises OSError when that is taken.

        `shared` lets other processes of ours listen there, too.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self, loop),
            host,
            port,
            reuse_port=shared or None,
            ssl=self.tls,
            ssl_handshake_timeout=self.limits.frame_timeout if self.tls else None,
        )
        self._sweeper = loop.create_task(self._sweep(loop))

    @property
    def port(self) -> int:
        """The port that is listened on."""
        if self._server is None:
            raise RuntimeError("the listener has not been started")
        return cast("int", self._server.sockets[0].getsockname()[1])

    async def close(self, timeout: float = 30.0) -> None:
        """Stop accepting, let messages in hand be answered, and close; messages not begun are left.

        What is not done after `timeout` seconds is cut off: its sender has no answer and repeats.
        """
        if self._server is None or self._sweeper is None:
            return
        self._server.close()
        self._sweeper.cancel()
        for connection in tuple(self.connections):
            connection.finish("listener closed")
        waiting = [connection.gone for connection in self.connections]
        if waiting:
            await asyncio.wait(waiting, timeout=timeout)
        for connection in tuple(self.connections):
            connection.abort("listener closed")
        with contextlib.suppress(asyncio.CancelledError):
            await self._sweeper

    async def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """One timer for all connections costs nothing per message."""
        shortest = min(self.limits.idle_timeout, self.limits.frame_timeout)
        interval = min(_LONGEST_SWEEP, shortest / _SWEEPS_PER_TIMEOUT)
        while True:
            await asyncio.sleep(interval)
            now = loop.time()
            for connection in tuple(self.connections):
                connection.check_timeouts(now)


class _Connection(asyncio.Protocol):
    """One peer: frames in, answers out in the same order."""

    def __init__(self, listener: MllpListener, loop: asyncio.AbstractEventLoop) -> None:
        self.gone: asyncio.Future[None] = loop.create_future()
        self._listener = listener
        self._loop = loop
        self._reader = FrameReader(listener.limits.frame_size)
        self._waiting: deque[Frame | Oversize] = deque()
        self._waiting_size = 0
        self._held = 0
        self._busy = False
        self._finishing = False
        self._reason = "closed by peer"
        self._seen = self._frame_began = loop.time()
        self._write_blocked: float | None = None
        self._reading_paused = False

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        host, port, *_ = transport.get_extra_info("peername") or ("", 0)
        self._peer = Peer(self._listener.name, host, port)
        self._socket: socket.socket = transport.get_extra_info("socket")
        if len(self._listener.connections) >= self._listener.limits.connections:
            self.abort("too many connections")
            return
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._listener.connections.add(self)
        self._tell(Opened())

    def connection_lost(self, error: Exception | None) -> None:
        self._listener.connections.discard(self)
        for event in self._reader.finish():
            self._tell(event)
        self._tell(Closed(self._reason))
        self._waiting.clear()
        self._listener.held -= self._held
        self.gone.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self._finishing:
            return
        self._seen = self._loop.time()
        continued = self._reader.inside
        for event in self._reader.feed(data):
            continued = False
            self._tell(event)
            if isinstance(event, Frame | Oversize):
                self._waiting.append(event)
                self._waiting_size += _size(event)
        if self._reader.inside:
            self._frame_began = self._frame_began if continued else self._seen
            self._hurry()
        self._account()
        self._work()

    def eof_received(self) -> bool:
        """Stay half open while there are answers to send; TLS connections cannot."""
        if not (self._busy or self._waiting) or self._listener.tls is not None:
            return False
        self._finishing = True
        return True

    def pause_writing(self) -> None:
        self._write_blocked = self._loop.time()

    def resume_writing(self) -> None:
        self._write_blocked = None
        self._seen = self._loop.time()
        self._work()

    # What the listener asks.

    def finish(self, reason: str) -> None:
        """Answer the message in hand, then close."""
        self._reason = reason
        self._finishing = True
        self._waiting.clear()
        if not self._busy:
            self._transport.close()

    def abort(self, reason: str) -> None:
        self._reason = reason
        self._finishing = True
        self._transport.abort()

    def check_timeouts(self, now: float) -> None:
        limits = self._listener.limits
        blocked = self._seen if self._transport.is_closing() else self._write_blocked
        if blocked is not None and now - blocked > limits.frame_timeout:
            self.abort("peer takes no answers")
        elif self._busy or self._reading_paused:
            self._frame_began = now  # a peer is not slow while we do not listen to it
        elif self._reader.inside and now - self._frame_began > limits.frame_timeout:
            self.finish("frame timeout")
        elif now - self._seen > limits.idle_timeout:
            self.finish("idle timeout")

    # What is done with a message.

    def _work(self) -> None:
        """Begin the next message, unless one is in hand or the peer takes no answers."""
        if self._waiting and not self._busy and self._write_blocked is None:
            event = self._waiting.popleft()
            self._waiting_size -= _size(event)
            try:
                job = self._listener.executor.submit(self._answer, event)
            except RuntimeError:  # the executor is shut down: so is the bridge
                self.finish("listener closed")
                return
            self._busy = True
            job.add_done_callback(self._hand_back)
        self._throttle()

    def _throttle(self) -> None:
        """Read no further ahead than a bounded number of messages and bytes."""
        full = (
            len(self._waiting) >= _MOST_WAITING
            or self._waiting_size >= self._listener.limits.frame_size
        )
        if full != self._reading_paused and not self._transport.is_closing():
            self._reading_paused = full
            (self._transport.pause_reading if full else self._transport.resume_reading)()

    def _account(self) -> None:
        """Part with the peer whose bytes no longer fit beside everybody else's."""
        held = self._reader.held + self._waiting_size
        self._listener.held += held - self._held
        self._held = held
        if held and self._listener.held > self._listener.limits.held_size:
            self.finish("no room for more messages")

    def _hurry(self) -> None:
        """Have the kernel acknowledge a part of a frame at once.

        A sender with Nagle's algorithm on that writes a frame in pieces holds the next piece back
        until then: 40 ms with the delayed acknowledgements of Linux, which turns quick
        acknowledgement off again by itself.
        """
        if _QUICK_ACK is not None:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)

    def _hand_back(self, job: Future[bytes]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to answer
            self._loop.call_soon_threadsafe(self._send, job)

    def _send(self, job: Future[bytes]) -> None:
        self._busy = False
        self._seen = self._loop.time()
        if job.cancelled() or job.exception():
            self.abort("no answer could be made")
        if not self._transport.is_closing():
            self._transport.write(job.result())
        self._account()
        self._work()
        if self._finishing and not (self._busy or self._waiting):
            self._transport.close()

    def _answer(self, event: Frame | Oversize) -> bytes:
        """Handle one frame, in a thread of the executor."""
        if isinstance(event, Oversize):
            limit = self._listener.limits.frame_size
            error = MessageTooLarge(f"message is larger than {limit} bytes")
            return b"".join(map(frame, self._listener.reject(event.head, error, self._peer)))
        return b"".join(map(frame, self._handle(event.payload)))

    def _handle(self, payload: bytes) -> Sequence[bytes]:
        try:
            return self._listener.handler(payload, self._peer)
        except Exception as error:
            self._loop.call_soon_threadsafe(self._tell, HandlerFailed(error))
            cause = error if isinstance(error, BridgeError) else BridgeError("internal error")
            return self._listener.reject(payload, cause, self._peer)

    def _tell(self, event: LinkEvent) -> None:
        self._listener.observer(self._peer, event)


def _size(event: Frame | Oversize) -> int:
    return len(event.payload if isinstance(event, Frame) else event.head)
