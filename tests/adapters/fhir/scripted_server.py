"""A FHIR server on a real socket that does as a script says, and worse than any real one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def query(self) -> str:
        return unquote(self.path.partition("?")[2])

    @property
    def resource(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value


@dataclass(frozen=True)
class Reply:
    """`drips` sends the body byte by byte until the server is closed; `drop` sends nothing."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    hang: bool = False
    drips: bool = False

    @property
    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


DROP = Reply(drop=True)
HANG = Reply(hang=True)


def searchset(*resources: Mapping[str, Any]) -> Reply:
    entries = [{"resource": resource} for resource in resources]
    return Reply(body={"resourceType": "Bundle", "type": "searchset", "entry": entries})


def done(*statuses: str) -> Reply:
    entries = [{"response": {"status": status}} for status in statuses or ("200 OK",) * 2]
    return Reply(body={"resourceType": "Bundle", "type": "transaction-response", "entry": entries})


def outcome(code: str, text: str = "") -> dict[str, Any]:
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def obliging(asked: Asked) -> Reply:
    """Find nothing and do everything."""
    return searchset() if asked.method == "GET" else done()


@dataclass
class ScriptedServer:
    url: str
    script: Callable[[Asked], Reply] = obliging
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    closing: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def writes(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.method != "GET"]


@contextmanager
def serving(port: int = 0) -> Iterator[ScriptedServer]:
    server = ScriptedServer("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Header and body leave in two packets: without this, each answer waits 40 ms.
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            with server.lock:
                server.connections += 1

        def log_message(self, *arguments: object) -> None:
            pass

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body)
            with server.lock:
                server.asked.append(asked)
            reply = server.script(asked)
            if reply.hang:
                server.closing.wait()
            if reply.drop or reply.hang:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.raw)))
            self.end_headers()
            pieces = [bytes([b]) for b in reply.raw] if reply.drips else [reply.raw]
            for piece in pieces:
                if reply.drips and server.closing.wait(0.05):
                    break
                self.wfile.write(piece)
                self.wfile.flush()

        do_GET = do_POST = do_PUT = answer

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # clients that went away are what is being tested

    http = Server(("127.0.0.1", port), Handler)
    server.url = f"http://127.0.0.1:{http.server_address[1]}/fhir"
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        http.shutdown()
        thread.join()
        http.server_close()
