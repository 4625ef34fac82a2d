"""MLLP and HTTP, in one event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import uvicorn
import uvloop
from fastapi import FastAPI

from bridge.domain.errors import BridgeError
from bridge.hl7.mllp import MllpListener
from bridge.settings import ConfigurationError
from bridge.wiring.addresses import listening
from bridge.wiring.core import Core
from bridge.wiring.edges import build_hl7
from bridge.wiring.hl7_answers import tls_problems
from bridge.wiring.request_limit import RequestLimit
from bridge.wiring.viewer import listen_for_viewer

log = logging.getLogger(__name__)

# With SQLite most wait for the commit of their group, while others read the next messages. With
# PostgreSQL each has work to do, and more of them only take the interpreter from each other.
HL7_THREADS, HL7_THREADS_ON_POSTGRESQL = 32, 8
START_TIMEOUT_SECONDS = 30.0
STOP_GRACE_SECONDS = 15.0


class AsyncListeners:
    """Started and stopped from any thread; what arrives runs in the loop or in its executor."""

    def __init__(
        self, core: Core, http_socket: socket.socket, build_application: Callable[[], FastAPI]
    ) -> None:
        """Build the listeners; the HTTP port is taken already, its application built at start."""
        problems = tls_problems(core.settings)
        if problems:
            raise ConfigurationError(problems)
        threads = HL7_THREADS if core.database.is_sqlite else HL7_THREADS_ON_POSTGRESQL
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="hl7")
        self._whole = core.settings
        self._settings = core.settings.hl7.listeners
        self._max_requests = core.settings.http.max_requests
        self._shared = core.settings.processes > 1
        self.listeners: list[MllpListener] = [
            build_hl7(core, each, self._executor) for each in self._settings
        ]
        self.is_up = False
        self._http_socket = http_socket
        self._build_application = build_application
        self._thread = threading.Thread(target=self._run, name="edges", daemon=True)
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    def start(self) -> None:
        """Listen; raises what kept it from listening."""
        self._thread.start()
        self._started.wait(START_TIMEOUT_SECONDS)
        if self._failure is not None:
            raise self._failure
        if not self.is_up:
            raise BridgeError("the HL7 and HTTP listeners did not start in time", permanent=False)

    def stop(self) -> None:
        """Close the listeners, letting messages in hand be answered."""
        if self._thread.is_alive():
            if self._loop is not None and self._stopping is not None:
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        self._executor.shutdown()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())
        except BaseException as error:  # handed to the thread that starts the bridge
            self._failure = error
            if self._started.is_set():
                log.exception("edges.failed")
        finally:
            self.is_up = False
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        application = self._build_application()
        configuration = _plain(application, self._max_requests)
        servers = [uvicorn.Server(configuration)]
        serving = [asyncio.create_task(servers[0].serve(sockets=[self._http_socket]))]
        try:
            if application.state.viewer is not None:
                servers.append(uvicorn.Server(_plain(application.state.viewer, self._max_requests)))
                bound = listen_for_viewer(self._whole, shared=self._shared)
                serving.append(asyncio.create_task(servers[-1].serve(sockets=[bound])))
            for listener, each in zip(self.listeners, self._settings, strict=True):
                with listening(f"HL7 listener {each.name}", each.host, each.port):
                    await listener.start(each.host, each.port, shared=self._shared)
            self.is_up = True
            self._started.set()
            await self._stopping.wait()
        finally:
            for server in servers:
                server.should_exit = True
            application.state.end_streams()
            closing = (listener.close(STOP_GRACE_SECONDS) for listener in self.listeners)
            await asyncio.gather(*serving, *closing)


def _plain(application: FastAPI, most: int) -> uvicorn.Config:
    """How both HTTP listeners are served."""
    return uvicorn.Config(
        RequestLimit(application, most),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=int(STOP_GRACE_SECONDS),
    )
