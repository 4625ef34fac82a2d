"""Notifications of Subscriptions (FHIR R4 rest-hook, R4 backport, R5) from servers that we ask.

What a notification names is fetched from the server it is configured for: nothing that it carries
is believed, and no other address is called. The answer is 200 only after what it named is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hmac import compare_digest
from http import HTTPStatus
from typing import Any, Protocol

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from bridge.domain.errors import BridgeError, UnknownKey
from bridge.fhir.client import MEDIA_TYPE
from bridge.fhir.identifiers import Json
from bridge.fhir.reading import issue_code, parse_body

LONGEST_BODY = 16 * 1024 * 1024
"""Bytes of the longest notification that is read."""


class Kind(StrEnum):
    """What a notification is for."""

    HANDSHAKE = "handshake"
    HEARTBEAT = "heartbeat"
    EVENT = "event-notification"
    QUERY = "query-event"
    STATUS = "query-status"


@dataclass(frozen=True, slots=True)
class Notification:
    """What is new, by reference; that it names nothing means: ask for what is new."""

    kind: Kind = Kind.EVENT
    references: tuple[str, ...] = ()

    @property
    def tells_of_change(self) -> bool:
        """Whether there is anything to be read; a handshake and a heartbeat only want an answer."""
        return self.kind not in (Kind.HANDSHAKE, Kind.HEARTBEAT)


class NotifiedSource(Protocol):
    """A server that notifies."""

    def poll(self) -> None:
        """Read everything that changed. Raises BridgeError."""

    def fetch(self, references: Iterator[str] | tuple[str, ...]) -> int:
        """Read these, and say how many were of this server. Raises BridgeError."""


@dataclass(frozen=True, slots=True)
class Notifier:
    """A source and the token that its notifications must carry; empty: none."""

    source: NotifiedSource
    token: str = ""


def read_notification(body: Json | None) -> Notification:
    """What a notification says.

    An R4 rest-hook sends nothing, or the resource; the backport and R5 send a Bundle that begins
    with the status of the subscription, and has the focus by id or whole.
    """
    if body is None:
        return Notification()
    if body.get("resourceType") != "Bundle":
        return Notification(references=tuple(_reference_of(body)))
    entries = [each for each in _list(body.get("entry")) if isinstance(each, dict)]
    first = entries[0].get("resource") if entries else None
    status = first if isinstance(first, dict) else {}
    if status.get("resourceType") == "SubscriptionStatus":
        kind, focuses = _status(status)
    elif status.get("resourceType") == "Parameters":
        kind, focuses = _parameters(status)
    else:
        kind, focuses = Kind.EVENT, []
        status = {}
    rest = entries[1:] if status else entries
    named = [*focuses, *(name for each in rest for name in _named(each))]
    return Notification(kind, tuple(dict.fromkeys(named)))


def _status(status: Json) -> tuple[Kind, list[str]]:
    """SubscriptionStatus of R4B and R5."""
    events = [e for e in _list(status.get("notificationEvent")) if isinstance(e, dict)]
    return _kind(status.get("type")), [name for e in events for name in _text(e.get("focus"))]


def _parameters(parameters: Json) -> tuple[Kind, list[str]]:
    """The same as Parameters, for R4."""
    parts = [p for p in _list(parameters.get("parameter")) if isinstance(p, dict)]
    kind = next((p.get("valueCode") for p in parts if p.get("name") == "type"), None)
    focuses = [
        name
        for part in parts
        if part.get("name") == "notification-event"
        for inner in _list(part.get("part"))
        if isinstance(inner, dict) and inner.get("name") == "focus"
        for name in _text(inner.get("valueReference"))
    ]
    return _kind(kind), focuses


def _kind(code: Any) -> Kind:
    return Kind(code) if code in set(Kind) else Kind.EVENT


def _named(entry: Json) -> Iterator[str]:
    """What an entry is about: its request's URL, its fullUrl, or the resource in it."""
    request = entry.get("request")
    url = request.get("url") if isinstance(request, dict) else None
    if isinstance(url, str) and "/" in url and "?" not in url and "$" not in url:
        yield url
        return
    resource = entry.get("resource")
    if isinstance(resource, dict):
        yield from _reference_of(resource)
    elif isinstance(entry.get("fullUrl"), str):
        yield entry["fullUrl"]


def _reference_of(resource: Json) -> Iterator[str]:
    kind, name = resource.get("resourceType"), resource.get("id")
    if isinstance(kind, str) and isinstance(name, str) and kind and name:
        yield f"{kind}/{name}"


def _text(reference: Any) -> Iterator[str]:
    found = reference.get("reference") if isinstance(reference, dict) else None
    if isinstance(found, str):
        yield found


def _list(content: Any) -> list[Any]:
    return content if isinstance(content, list) else []


def notification_router(notifiers: Mapping[str, Notifier]) -> APIRouter:
    """Routes `/{source}`, and `/{source}/{type}/{id}` to which R4 servers put the resource."""
    router, routes = APIRouter(), _Routes(notifiers)
    router.add_api_route("/{source}", routes.receive, methods=["POST", "PUT"])
    router.add_api_route("/{source}/{kind}/{name}", routes.receive_named, methods=["POST", "PUT"])
    return router


class _Routes:
    def __init__(self, notifiers: Mapping[str, Notifier]) -> None:
        self._notifiers = notifiers

    async def receive(self, source: str, request: Request) -> Response:
        """A notification; its body says what it is about."""
        body = await _body(request)
        return await run_in_threadpool(self._answer, source, request, lambda: _read(body))

    async def receive_named(self, source: str, kind: str, name: str, request: Request) -> Response:
        """A notification whose address says what it is about, as R4 servers put a resource."""
        await _body(request)
        named = Notification(references=(f"{kind}/{name}",))
        return await run_in_threadpool(self._answer, source, request, lambda: named)

    def _answer(self, source: str, request: Request, read: Callable[[], Notification]) -> Response:
        notifier = self._notifiers.get(source)
        if notifier is None:
            return _outcome(HTTPStatus.NOT_FOUND, UnknownKey("no source of that name"))
        said = request.headers.get("Authorization", "")
        if notifier.token and not compare_digest(
            said.encode(), f"Bearer {notifier.token}".encode()
        ):
            return _outcome(HTTPStatus.UNAUTHORIZED, BridgeError("the token is another"), "login")
        try:
            notification = read()
        except BridgeError as error:
            return _outcome(HTTPStatus.BAD_REQUEST, error)
        try:
            apply_notification(notifier.source, notification)
        except BridgeError as error:
            # What it named could not be read or applied now: its sender is to say it again.
            return _outcome(HTTPStatus.SERVICE_UNAVAILABLE, error)
        return Response(status_code=HTTPStatus.OK)


def apply_notification(source: NotifiedSource, notification: Notification) -> None:
    """Read what is new. Raises BridgeError when that cannot be done now."""
    if not notification.tells_of_change:
        return
    if not notification.references or not source.fetch(notification.references):
        source.poll()


def _read(body: bytes) -> Notification:
    if len(body) > LONGEST_BODY:
        raise BridgeError("the notification is too long")
    return read_notification(parse_body(body) if body.strip() else None)


async def _body(request: Request) -> bytes:
    """The body; of one that is too long only its beginning."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            break
    return bytes(body)


def _outcome(status: HTTPStatus, error: BridgeError, code: str = "") -> JSONResponse:
    issue = {
        "severity": "error",
        "code": code or issue_code(error),
        "diagnostics": error.message,
        **({"expression": [error.location]} if error.location else {}),
    }
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    return JSONResponse(outcome, status_code=status, media_type=MEDIA_TYPE)
