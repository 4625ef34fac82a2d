"""The ASGI application around the server: bodies read within their limit, answers sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import APIRouter, Response
from fastapi import Request as HttpRequest
from fastapi.concurrency import run_in_threadpool

from bridge.fhir.releases import Release
from bridge.fhir.server.exchange import Answer, Request, content_type
from bridge.fhir.server.media_types import answer_release
from bridge.fhir.server.refusals import FhirRefusal
from bridge.fhir.server.service import FhirServer, refused

MAX_BODY_BYTES = 16 * 1024 * 1024
_BODILESS = frozenset({204, 304})
_DEEPEST = 8
"""Parts of a path below the base that are looked at."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class FhirApplication:
    """Speaks HTTP for a server at the path `prefix`; `max_body` is in bytes."""

    def __init__(
        self,
        server: FhirServer,
        *,
        prefix: str = "/fhir",
        release: Release = Release.R4,
        max_body: int = MAX_BODY_BYTES,
    ) -> None:
        self.prefix = prefix
        self._server = server
        self._release = release
        self._max_body = max_body

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        http = HttpRequest(scope)
        try:
            body = await self._body(http, receive)
        except FhirRefusal as refusal:
            request, answer = Request(method="GET", path=""), refused(refusal, "Resource")
            await self._response(request, answer)(scope, receive, send)
            return
        if body is None:
            return  # nobody waits for an answer
        request = _request(http, body, self.prefix)
        answer = await run_in_threadpool(self._server.answer, request)
        await self._response(request, answer)(scope, receive, send)

    async def _body(self, http: HttpRequest, receive: Receive) -> bytes | None:
        """The whole body; None when the client went away before its end."""
        length = http.headers.get("content-length", "")
        if length.isdigit() and int(length) > self._max_body:
            raise self._too_long()
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._max_body:
                raise self._too_long()
            if not message.get("more_body", False):
                return bytes(body)

    def _too_long(self) -> FhirRefusal:
        headers = {"Connection": "close"}
        return FhirRefusal(413, f"more than {self._max_body} bytes", headers=headers)

    def _response(self, request: Request, answer: Answer) -> Response:
        headers = dict(answer.headers)
        if request.header("x-request-id"):
            headers["X-Request-Id"] = _printable(request.header("x-request-id"))
        if answer.content is None or answer.status in _BODILESS:
            headers.pop("Content-Type", None)
            return Response(status_code=answer.status, headers=headers)
        headers.setdefault("Content-Type", self._content_type(request))
        pretty = dict(request.parameters).get("_pretty") == "true"
        body = answer.body(pretty=pretty)
        response = Response(body, status_code=answer.status, headers=headers)
        if request.method == "HEAD":
            response.body = b""
        return response

    def _content_type(self, request: Request) -> str:
        try:
            release = answer_release(request, self._release)
        except FhirRefusal:
            release = self._release
        return content_type(release)


def fhir_router(application: FhirApplication) -> APIRouter:
    """The base itself, and all below it, with every method there is."""
    router = APIRouter()
    parts = ["".join(f"/{{part{number}}}" for number in range(n)) for n in range(_DEEPEST)]
    # The second matches all but what has a line feed in it, which the others match.
    for path in (*parts[:1], "/{path:path}", *parts[1:]):
        # What is no function is an ASGI application of its own, and gets every method.
        router.add_route(application.prefix + path, application)  # type: ignore[arg-type]
    return router


def _request(http: HttpRequest, body: bytes, prefix: str) -> Request:
    headers: dict[str, str] = {}
    for name, value in http.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    path = str(http.scope["path"]).removeprefix(prefix).lstrip("/")
    query = http.scope.get("query_string", b"").decode("latin-1")
    client = http.client.host if http.client else ""
    return Request(
        method=http.method,
        path=path,
        query=query,
        headers=headers,
        body=body,
        client=client,
    )


def _printable(text: str) -> str:
    return "".join(
        character for character in text if character.isascii() and character.isprintable()
    )
