"""An EHR: a small FHIR R4 server on loopback that keeps its resources in memory."""

from __future__ import annotations

import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

from bridge.simulate.resources import FhirError, Repository, Resource, Written, check, etag

_CONTENT_TYPE = "application/fhir+json; charset=utf-8"
_LIMIT = 64 * 1024 * 1024


class Ehr:
    """The server; `base_url` is valid once constructed, answers come from `start` to `stop`.

    Port 0 takes a free one. Raises `OSError` when the port is taken.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = _Server((host, port), _Handler)
        self.port = int(self._server.server_address[1])
        self.base_url = f"http://{host}:{self.port}/fhir"
        self._thread = Thread(
            target=self._server.serve_forever, args=(0.05,), name="ehr", daemon=True
        )

    def start(self) -> None:
        """Answer from now on, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.repository = Repository()
        self.one_at_a_time = Lock()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer on a kept connection waits 40 ms
    timeout = 60

    def do_GET(self) -> None:
        """Read, search or capabilities."""
        self._serve(self._get)

    def do_POST(self) -> None:
        """Create or transaction."""
        self._serve(self._post)

    def do_PUT(self) -> None:
        """Update, by id or by query."""
        self._serve(self._put)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: whoever started the server prints what matters."""

    def _serve(self, act: Any) -> None:
        try:
            body = self._body()
            path = urlsplit(self.path)
            parts = path.path.removeprefix("/fhir").strip("/").split("/")
            with self.server.one_at_a_time:
                answer = act(parts, path.query, body)
                self._answer(*answer)
        except FhirError as error:
            self._answer(error.status, outcome(error))

    def _body(self) -> Resource:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _LIMIT:
            self.close_connection = True
            raise FhirError(413, "too-long", f"more than {_LIMIT} bytes")
        text = self.rfile.read(length)
        if not text:
            return {}
        try:
            body = json.loads(text)
        except ValueError as error:
            raise FhirError(400, "structure", f"this is not JSON: {error}") from error
        if not isinstance(body, dict):
            raise FhirError(400, "structure", "a resource is a JSON object")
        return body

    def _get(self, parts: list[str], query: str, body: Resource) -> tuple[int, Resource]:
        match parts:
            case ["metadata"]:
                return 200, capabilities()
            case [kind] if kind:
                return 200, searchset(self.server.repository.search(kind, query))
            case [kind, resource_id]:
                return 200, self.server.repository.read(kind, resource_id)
        raise FhirError(404, "not-found", "there is nothing at this address")

    def _post(self, parts: list[str], query: str, body: Resource) -> tuple[int, Resource]:
        match parts:
            case [""]:
                check("Bundle", body)
                return 200, self.server.repository.transaction(body)
            case [kind]:
                condition = self.headers.get("If-None-Exist", "")
                return _written(self.server.repository.create(kind, body, condition))
        raise FhirError(404, "not-found", "there is nothing at this address")

    def _put(self, parts: list[str], query: str, body: Resource) -> tuple[int, Resource]:
        repository = self.server.repository
        match parts:
            case [kind] if kind and query:
                return _written(repository.update_found(kind, query, body))
            case [kind, resource_id]:
                condition = self.headers.get("If-Match", "")
                return _written(repository.update(kind, resource_id, body, condition))
        raise FhirError(404, "not-found", "there is nothing at this address")

    def _answer(self, status: int, resource: Resource) -> None:
        content = json.dumps(resource, ensure_ascii=False).encode()
        head = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            f"Content-Type: {_CONTENT_TYPE}",
            f"Content-Length: {len(content)}",
        ]
        if "versionId" in resource.get("meta", {}):
            head += [f"ETag: {etag(resource)}", f"Last-Modified: {self.date_time_string()}"]
            head.append(f"Location: /fhir/{Written(resource, status).location}")
        self.wfile.write("\r\n".join([*head, "", ""]).encode() + content)


def _written(done: Written) -> tuple[int, Resource]:
    return done.status, done.resource


def outcome(error: FhirError) -> Resource:
    """The OperationOutcome that says what went wrong."""
    issue = {"severity": "error", "code": error.code, "diagnostics": str(error)}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def searchset(found: list[Resource]) -> Resource:
    """A searchset Bundle of what a search found."""
    entry = [{"resource": resource, "search": {"mode": "match"}} for resource in found]
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
    return {**bundle, "entry": entry} if entry else bundle


def capabilities() -> Resource:
    """What this server can do (CapabilityStatement)."""
    codes = ("read", "create", "update", "search-type")
    kinds = ("Patient", "ServiceRequest", "Endpoint", "ImagingStudy")
    resources = [
        {
            "type": kind,
            "interaction": [{"code": code} for code in codes],
            "conditionalCreate": True,
            "conditionalUpdate": True,
            "searchParam": [{"name": "identifier", "type": "token"}],
        }
        for kind in kinds
    ]
    rest = {"mode": "server", "resource": resources, "interaction": [{"code": "transaction"}]}
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2025-01-01",
        "kind": "instance",
        "implementation": {"description": "The bridge's simulated EHR"},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [rest],
    }
