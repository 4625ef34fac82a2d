"""An accepted connection: its socket options, its peer, and writing to it past pynetdicom."""

from __future__ import annotations

import contextlib
import queue
import select
import socket
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.transport import AssociationSocket

from bridge.dicom.admission import Admission, Negotiator
from bridge.dicom.reception import MessageReceiver
from bridge.dicom.upper_layer import ForgivingStateMachine
from bridge.domain.errors import ResourceBusy
from bridge.services.room import ENDLESS, Room

# Linux only; elsewhere delayed acknowledgements cannot be turned off for a socket.
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)

_LONGEST_WAIT = 0.01  # seconds until the association's other duties are looked at again
_QUIET_ROUNDS, _QUIET_WAIT = 5, 0.2
_SHORTEST_SLEEP = 0.00005
_REACTOR_NAP = 0.001  # of pynetdicom's loop for the requests of an association
_STRETCH = 65_536
_LONGEST_NEGOTIATION = 1 << 20  # bytes of an A-ASSOCIATE-RQ, which no maximum length limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a peer may be silent inside a PDU (seconds), and how long its messages (bytes).

    `spool` is the folder where long data sets are held as they arrive, None for the system's own,
    and `room` tells whether there is any.
    """

    idle_timeout: float
    maximum_message: int
    spool: Path | None = None
    room: Room = ENDLESS


class Doorbell:
    """A socket to be read once somebody rang; it wakes a thread that waits for the network."""

    def __init__(self) -> None:
        self._button, self.socket = socket.socketpair()
        self._button.setblocking(False)
        self.socket.setblocking(False)
        # pynetdicom does not close every connection that it gives up.
        self.close = weakref.finalize(self, _close, self._button, self.socket)

    def ring(self) -> None:
        """Wake whoever waits."""
        with contextlib.suppress(OSError):  # full: awake already; closed: nobody waits
            self._button.send(b"!")

    def silence(self) -> None:
        """Be quiet until it rings again."""
        with contextlib.suppress(OSError):
            self.socket.recv(4096)


class SignallingQueue(queue.Queue[Any]):
    """A queue that tells when something was put."""

    def __init__(self, signal: Callable[[], None]) -> None:
        super().__init__()
        self._signal = signal

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Queue an item, then give the signal."""
        super().put(item, block, timeout)
        self._signal()


class Patience:
    """How long to wait for something before timers are looked at: longer where all is quiet.

    A connection wakes its threads for all that matters; hundreds of them that only look at their
    timers every hundredth of a second would take the processor for it.
    """

    def __init__(self) -> None:
        self._rounds = 0

    def next(self) -> float:
        """Seconds of the next wait."""
        self._rounds += 1
        return _LONGEST_WAIT if self._rounds < _QUIET_ROUNDS else _QUIET_WAIT

    def renew(self) -> None:
        """Something happened."""
        self._rounds = 0


class Checkpoint(threading.Event):
    """Where an association's thread pauses on request; here it also waits until there is work."""

    def __init__(self) -> None:
        super().__init__()
        self.work = threading.Event()
        self.at_rest = threading.Event()
        self._patience = Patience()
        self.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until there is work, or it is time to look at the timers again."""
        passed = super().wait(timeout)
        self.at_rest.set()
        if self.work.wait(self._patience.next()):
            self.at_rest.clear()
            self._patience.renew()
        self.work.clear()
        return passed


class PromptConnection(AssociationSocket):
    """pynetdicom's end of a connection, waiting for events instead of looking every millisecond.

    It acknowledges at once whatever arrives. A client with Nagle's algorithm on (dcmtk's default,
    and many modalities) holds the last part of a message back until the part before it is
    acknowledged, and the kernel delays that by 40 ms. Measured with 300 small CTs from dcmtk's
    storescu: 21 stored a second as is, 312-378 with TCP_NODELAY here and TCP_QUICKACK; one
    worklist match 92 ms as is, 5 ms with them. The kernel takes TCP_QUICKACK back whenever it
    answers, so it is set anew after each receive.
    """

    def __init__(
        self,
        association: Association,
        client: socket.socket,
        limits: Limits,
        receiver: MessageReceiver,
    ) -> None:
        super().__init__(association, client_socket=client)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A peer that stops in the middle of a PDU, or stops reading, is given up after this.
        client.settimeout(limits.idle_timeout)
        self._longest_wait = limits.idle_timeout
        self._longest_pdu = association.ae.maximum_pdu_size + _LONGEST_NEGOTIATION
        self._receiver = receiver
        self._patience = Patience()
        self._outgoing = Doorbell()
        # Not select: it knows no descriptors beyond 1,023.
        self._outgoing_only, self._both = select.poll(), select.poll()
        for each in (self._outgoing_only, self._both):
            each.register(self._outgoing.socket, select.POLLIN)
        self._both.register(client, select.POLLIN)
        association.dul.to_provider_queue = SignallingQueue(self._outgoing.ring)

    @property
    def ready(self) -> bool:
        """Wait until the peer sent something (true), or there is something to send (false)."""
        connection = self.socket
        if connection is None or not self._is_connected:
            return False
        if connection.fileno() < 0:  # another thread closed it
            self.event_queue.put("Evt17")  # transport connection closed
            return False
        # A peer that sends more than is being worked on is not listened to meanwhile.
        waiting = self._outgoing_only if self._receiver.is_behind else self._both
        readable = {descriptor for descriptor, _ in waiting.poll(self._patience.next() * 1000)}
        if self._outgoing.socket.fileno() in readable:
            self._outgoing.silence()
        if readable:
            self._patience.renew()
        return connection.fileno() in readable

    def recv(self, nr_bytes: int) -> bytearray:
        """Receive exactly `nr_bytes`, or less when the peer closes the connection.

        Raises:
            OSError: the peer is silent or takes its time for too long, or sends more than anybody
                asked for.
        """
        if nr_bytes > self._longest_pdu:
            raise OSError(f"the peer announced a PDU of {nr_bytes} bytes")
        if self._receiver.would_be_too_long(nr_bytes):
            raise OSError(f"the peer sends a message that is too long by {nr_bytes} bytes")
        received = bytearray(nr_bytes)
        view, count = memoryview(received), 0
        connection, deadline = self.socket, time.monotonic() + self._longest_wait
        while connection is not None and count < nr_bytes:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the peer needs too long for {nr_bytes} bytes")
            size = connection.recv_into(view[count : count + _STRETCH])
            if _QUICKACK is not None:
                connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
            if not size:
                break
            count += size
        view.release()
        del received[count:]
        if count < nr_bytes:
            self._receiver.forget()
            if _awaits_request(self.assoc):
                _stop_waiting(self.assoc)
        return received

    def close(self) -> None:
        """Close the connection and what wakes it, and give up what was arriving."""
        connection = self.socket
        super().close()
        if connection is not None:
            connection.close()  # the library's own close gives up when the peer was faster
        self._is_connected = False
        self._receiver.forget()
        self._outgoing.close()


class Polling:
    """What pynetdicom takes for the module `select`, whose `select` knows descriptors to 1,023."""

    @staticmethod
    def select(
        readable: Sequence[socket.socket], _writable: Any, _failed: Any, seconds: float
    ) -> tuple[list[socket.socket], list[Any], list[Any]]:
        """Those of the connections that can be read. Raises ValueError when one is closed."""
        poll = select.poll()
        for each in readable:
            poll.register(each, select.POLLIN)
        found = {descriptor for descriptor, _ in poll.poll(seconds * 1000)}
        return [each for each in readable if each.fileno() in found], [], []


class Moments:
    """What pynetdicom's associations take for the module `time`.

    Between two looks for work its thread sleeps a millisecond, which a request that has come
    meanwhile waits for; one that waits at a Checkpoint need not.
    """

    @staticmethod
    def sleep(seconds: float) -> None:
        """Sleep, unless there is a better way to wait."""
        checkpoint = getattr(threading.current_thread(), "_reactor_checkpoint", None)
        if seconds != _REACTOR_NAP or not isinstance(checkpoint, Checkpoint):
            time.sleep(seconds)


def _close(*sockets: socket.socket) -> None:
    for each in sockets:
        each.close()


def open_connection(event: Event, limits: Limits, admission: Admission) -> None:
    """Put a prompt connection in the place of pynetdicom's, before anything is read from it.

    For EVT_CONN_OPEN, when the association's threads do not run yet. Without it they look for work
    every millisecond: 285 small CTs and 150 of 512×512 stored a second, 495 and 310 with it.
    """
    dul = event.assoc.dul
    if dul.socket is None or dul.socket.socket is None:
        return
    dul.event_queue.get_nowait()  # its "connection opened" (Evt5); the new one has its own
    receiver = MessageReceiver(event.assoc, limits.spool, limits.room, limits.maximum_message)
    event.assoc.dimse = receiver
    event.assoc.acse = Negotiator(event.assoc, admission)
    admission.connected(event.assoc)
    dul.socket = PromptConnection(event.assoc, dul.socket.socket, limits, receiver)
    dul.state_machine = ForgivingStateMachine(dul)
    dul._run_loop_delay = _SHORTEST_SLEEP
    checkpoint = Checkpoint()
    dul.to_user_queue = SignallingQueue(checkpoint.work.set)
    receiver.msg_queue = SignallingQueue(checkpoint.work.set)
    event.assoc._reactor_checkpoint = checkpoint
    event.assoc.bind(evt.EVT_CONN_CLOSE, _end_connection)


def _end_connection(event: Event) -> None:
    """Close what pynetdicom leaves open when it was the peer that ended a connection."""
    connection = event.assoc.dul.socket
    if isinstance(connection, PromptConnection):
        connection.close()


def give_up(association: Association) -> None:
    """End a connection on which no association is open; its own thread closes it."""
    connection = association.dul.socket
    if connection is not None and (client := connection.socket) is not None:
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
    if _awaits_request(association):
        _stop_waiting(association)


def end_associations(associations: Sequence[Association], grace: float) -> None:
    """Abort associations once each has answered what it is at, at the latest after `grace` seconds.

    Returns when their threads are done with the services behind them, or when time is up.
    """
    deadline = time.monotonic() + grace
    for association in associations:
        checkpoint = association._reactor_checkpoint
        if isinstance(checkpoint, Checkpoint) and association.is_established:
            checkpoint.at_rest.wait(max(0.0, deadline - time.monotonic()))
    for association in associations:
        if _awaits_request(association):
            association.dul.event_queue.put("Evt17")  # transport connection closed
            _stop_waiting(association)
        else:
            association.abort(block=False)
    for association in associations:
        association.join(max(0.0, deadline - time.monotonic()))


def _awaits_request(association: Association) -> bool:
    """Whether a peer is connected, or was, that did not ask for an association yet."""
    return association.requestor.primitive is None


def _stop_waiting(association: Association) -> None:
    """Tell an association's thread that no request will come.

    Else it waits 30 s for one, also for a peer that only checked the port and has gone. No
    primitive is what the library takes for a timeout.
    """
    association.dul.to_user_queue.put(None)


def calling_ae_title(event: Event) -> str:
    """The AE title that the peer calls itself."""
    return str(event.assoc.requestor.ae_title).strip()


def peer_of(event: Event) -> str:
    """Who is at the other end, for logs and the journal: `CT01@192.0.2.7`."""
    return f"{calling_ae_title(event)}@{event.assoc.requestor.address}"


class Outlet:
    """Writes PDUs to a peer from the thread that serves its request.

    pynetdicom's own way is a queue that another thread looks at every millisecond. That thread
    only reads meanwhile, so nothing else writes, and it still sees a C-CANCEL when the peer reads
    slowly and this thread waits.
    """

    def __init__(self, event: Event) -> None:
        self._association = event.assoc

    def send(self, pdus: bytes) -> None:
        """Write whole PDUs.

        Raises:
            ResourceBusy: the connection is gone.
        """
        if not pdus:
            return
        dul = self._association.dul
        while not dul.to_provider_queue.empty():  # only when a peer did not wait for its answer
            time.sleep(0.001)
        connection = dul.socket
        if connection is None or connection.socket is None:
            raise ResourceBusy("the peer has gone")
        connection.send(pdus)
