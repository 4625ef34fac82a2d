"""The running bridge: all roles in one process, started and stopped in order."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import uvicorn

from bridge.delivery.dispatcher import Dispatcher
from bridge.delivery.timekeeper import Timekeeper
from bridge.dicom.server import DicomServer
from bridge.domain.errors import BridgeError
from bridge.hl7.mllp import MllpListener
from bridge.services.complete_study import SETTLE
from bridge.settings import Settings, public_url
from bridge.store import schema
from bridge.store.repositories import SqlTransaction
from bridge.wiring.core import Core, build_core
from bridge.wiring.destinations import build_destinations, subscriptions
from bridge.wiring.edges import build_dicom, build_hl7
from bridge.wiring.http import Checks, build_http

log = logging.getLogger(__name__)

HL7_THREADS = 8
START_TIMEOUT_SECONDS = 30.0
STOP_GRACE_SECONDS = 20.0


class Bridge:
    """Everything that `bridge serve` runs."""

    def __init__(self, settings: Settings) -> None:
        """Build everything; the HTTP port is taken here, because others are told of it."""
        self._http_socket = _listen(settings.http.host, settings.http.port)
        self.settings = settings = _with_bound_port(settings, self._http_socket)
        self._dicom_is_up = False
        # The same after a restart: the port is ours alone, so what a node of this name claimed
        # and did not finish was claimed by a former life of ours.
        self._owner = f"{socket.gethostname()}:{settings.http.port}"
        destinations = build_destinations(settings)
        self.core: Core = build_core(settings, subscriptions(destinations))
        enabled = {each.name for each in settings.destinations if each.enabled}
        active = [each for each in destinations if each.name in enabled]
        self._dispatcher = Dispatcher(self.core.outbox, active, time.time, self._owner)
        self._timekeeper = Timekeeper(
            store=self.core.store,
            clock=time.time,
            owner=self._owner,
            actions={SETTLE: self.core.complete.look},
        )
        self.core.wakers.deliveries.append(self._dispatcher.wake)
        self.core.wakers.timers.append(self._timekeeper.wake)
        self._dicom: DicomServer = build_dicom(self.core)
        self._edge = _AsyncEdge(self)

    @property
    def http_address(self) -> str:
        """Base URL of the HTTP listener."""
        return f"http://{self.settings.http.host}:{self.settings.http.port}"

    @property
    def hl7_ports(self) -> dict[str, int]:
        """The MLLP port of each listener, by name."""
        return {listener.name: listener.port for listener in self._edge.listeners}

    @property
    def dicom_port(self) -> int:
        """The DICOM port."""
        return self._dicom.port

    def start(self) -> None:
        """Migrate, take up what an earlier run left, and listen.

        Raises BridgeError or OSError when the database, a port or a profile cannot be had; nothing
        is left running then.
        """
        try:
            schema.upgrade(self.core.database)
            self._release_claims()
            self._timekeeper.start()
            self._dispatcher.start()
            self._dicom.start()
            self._dicom_is_up = True
            self._edge.start(self._http_socket)
        except BaseException:
            self.stop()
            raise
        log.info(
            "bridge.started", extra={"hl7": str(self.hl7_ports), "dicom_port": self.dicom_port}
        )

    def _release_claims(self) -> None:
        """Take up at once what was in hand when we were killed; SQLite has no other node."""
        owner = None if self.core.database.is_sqlite else self._owner

        def work(tx: SqlTransaction) -> None:
            tx.deliveries.release(owner)
            tx.timers.release(owner)

        self.core.store.transact(work)

    def stop(self) -> None:
        """Take nothing new, finish what is under way, and return when all is closed."""
        self._dicom_is_up = False
        self._edge.stop()
        self._http_socket.close()
        self._dicom.stop()
        self._timekeeper.stop()
        self._dispatcher.stop(STOP_GRACE_SECONDS)
        self.core.database.close()
        log.info("bridge.stopped")

    def checks(self) -> Checks:
        """Whether each listener is up, for readiness."""
        return {
            "hl7": lambda: "" if self._edge.is_up else "the MLLP listeners are not up",
            "dicom": lambda: "" if self._dicom_is_up else "the DICOM listener is not up",
        }


class _AsyncEdge:
    """MLLP and HTTP, in one event loop in a thread of its own."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._executor = ThreadPoolExecutor(HL7_THREADS, thread_name_prefix="hl7")
        self._settings = bridge.settings.hl7.listeners
        self.listeners: list[MllpListener] = [
            build_hl7(bridge.core, each, self._executor) for each in self._settings
        ]
        self.is_up = False
        self._thread = threading.Thread(target=self._run, name="edges", daemon=True)
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._http_socket: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    def start(self, http_socket: socket.socket) -> None:
        """Listen; raises what kept it from listening."""
        self._http_socket = http_socket
        self._thread.start()
        self._started.wait(START_TIMEOUT_SECONDS)
        if self._failure is not None:
            raise self._failure
        if not self.is_up:
            raise BridgeError("the HL7 and HTTP listeners did not start in time", permanent=False)

    def stop(self) -> None:
        """Close the listeners, letting messages in hand be answered."""
        if self._loop is not None and self._stopping is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        if self._thread.is_alive():
            self._thread.join()
        self._executor.shutdown()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # handed to the thread that starts the bridge
            self._failure = error
            log.exception("edges.failed")
        finally:
            self.is_up = False
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        server = uvicorn.Server(
            uvicorn.Config(
                build_http(self._bridge.core, self._bridge.checks()),
                log_config=None,
                access_log=False,
            )
        )
        sockets = [self._http_socket] if self._http_socket else []
        serving = asyncio.create_task(server.serve(sockets=sockets))
        try:
            for listener, each in zip(self.listeners, self._settings, strict=True):
                await listener.start(each.host, each.port)
            self.is_up = True
            self._started.set()
            await self._stopping.wait()
        finally:
            for listener in self.listeners:
                await listener.close(STOP_GRACE_SECONDS)
            server.should_exit = True
            await serving


def _with_bound_port(settings: Settings, bound: socket.socket) -> Settings:
    """The settings with the port that was really taken, where they left it open (0)."""
    if settings.http.port:
        return settings
    port = bound.getsockname()[1]
    address = public_url(settings.http.host, port)
    return replace(settings, http=replace(settings.http, port=port, public_url=address))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.listen(128)
    return listening
