"""A bridge in this process with one HL7 listener, and the senders and receivers around it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from sqlalchemy import Row, select

from bridge.hl7.framing import Frame, FrameReader, frame
from bridge.settings import load
from bridge.store.tables import message
from bridge.wiring.bridge import Bridge
from tests.peers.bridge_process import configure

HOST = "127.0.0.1"


@contextmanager
def running(
    directory: Path,
    *,
    mode: str = "his_only",
    destinations: Sequence[dict[str, Any]] = (),
    **listener: Any,
) -> Iterator[Bridge]:
    """A started bridge over an SQLite file; a second one in the same directory goes on with it."""
    made = configure(directory, f"sqlite:///{directory}/bridge.db")
    made["http"]["port"] = made["dicom"]["port"] = 0
    made["site"]["mode"] = mode
    made["destinations"] = list(destinations)
    made["hl7"]["listeners"][0] |= {"port": 0, **listener}
    file = directory / "bridge.yaml"
    file.write_text(yaml.safe_dump(made))
    bridge = Bridge(load(file, {}))
    bridge.start()
    try:
        yield bridge
    finally:
        bridge.stop()


def port_of(bridge: Bridge) -> int:
    return bridge.hl7_ports["his"]


def journal(bridge: Bridge, control_id: str | None = None) -> list[Row[Any]]:
    """What the journal holds of incoming messages, oldest first."""
    query = select(message).where(message.c.direction == "in").order_by(message.c.pk)
    if control_id is not None:
        query = query.where(message.c.control_id == control_id)
    with bridge.core.database.read() as connection:
        return list(connection.execute(query).all())


class Wire:
    """A connection to a listener that sends any bytes, and reads frame by frame."""

    def __init__(self, port: int, seconds: float = 60.0) -> None:
        self.socket = socket.create_connection((HOST, port), seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = FrameReader()
        self._payloads: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def write(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self) -> bytes | None:
        """The payload of the next frame; None when the connection has ended."""
        while not self._payloads:
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                return None
            if not data:
                return None
            found = self._reader.feed(data)
            self._payloads += [event.payload for event in found if isinstance(event, Frame)]
        return self._payloads.pop(0)

    def read_all(self, count: int) -> list[bytes]:
        """The next so many payloads; fewer when the connection ends."""
        found = [payload for _ in range(count) if (payload := self.read()) is not None]
        return found

    def exchange(self, payload: bytes) -> bytes | None:
        self.write(frame(payload))
        return self.read()


Script = Callable[[bytes], list[bytes]]


class Receiver:
    """A sender's own port, on which it takes application acknowledgements."""

    def __init__(self, script: Script, port: int = 0) -> None:
        """`script` gives the payloads that answer one."""
        self.script = script
        self.taken: list[bytes] = []
        self.connections = 0
        self._told = threading.Condition()
        self._server = socket.create_server((HOST, port))
        self.port = int(self._server.getsockname()[1])
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.hang_up()
        self._thread.join()

    def hang_up(self) -> None:
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def wait(self, count: int) -> list[bytes]:
        """Everything taken, once it is so many."""
        with self._told:
            assert self._told.wait_for(lambda: len(self.taken) >= count, 60), self.taken
            return list(self.taken)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        reader = FrameReader()
        with connection, suppress(OSError):
            while data := connection.recv(65536):
                for event in reader.feed(data):
                    if isinstance(event, Frame):
                        self._take(connection, event.payload)

    def _take(self, connection: socket.socket, payload: bytes) -> None:
        answers = self.script(payload)
        with self._told:
            self.taken.append(payload)
            self._told.notify_all()
        for answer in answers:
            connection.sendall(frame(answer))
