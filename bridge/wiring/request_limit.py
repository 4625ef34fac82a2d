"""No more HTTP requests at once than can be worked on: others are told to come again (RFC 9110)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

RETRY_AFTER_SECONDS = 2
_ALWAYS = ("/health/", "/metrics")
_TEXT = "too many requests are being worked on"


class RequestLimit:
    """An ASGI application before another: at most `most` requests wait for their answer in it.

    One that is being answered counts no more: streams of events and images may be as many as there
    are. Health is told at any time.
    """

    def __init__(self, application: Application, most: int) -> None:
        self._application = application
        self._most = most
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or scope["path"].startswith(_ALWAYS):
            await self._application(scope, receive, send)
        elif self._waiting >= self._most:
            await _refuse(scope, send)
        else:
            await self._work_on(scope, receive, send)

    async def _work_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._waiting += 1
        is_answered = False

        def answered() -> None:
            nonlocal is_answered
            self._waiting -= not is_answered
            is_answered = True

        async def watched(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answered()
            await send(message)

        try:
            await self._application(scope, receive, watched)
        finally:
            answered()


async def _refuse(scope: Scope, send: Send) -> None:
    is_fhir = scope["path"].startswith("/fhir")
    media_type = "application/fhir+json" if is_fhir else "application/problem+json"
    issue = {"severity": "error", "code": "throttled", "diagnostics": _TEXT}
    body = (
        {"resourceType": "OperationOutcome", "issue": [issue]}
        if is_fhir
        else {"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": _TEXT}
    )
    headers = {"content-type": media_type, "retry-after": str(RETRY_AFTER_SECONDS)}
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 503, "headers": encoded})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
