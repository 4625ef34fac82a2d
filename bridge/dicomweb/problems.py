"""Errors as problem details (RFC 9457) with the status that PS3.18 section 8.5 gives them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from bridge.dicom.pixels.frames import FrameTooLarge, NoPixels, NoSuchFrame
from bridge.dicom.pixels.pool import NotDecodable
from bridge.dicom.stored_file import UnreadableFile
from bridge.dicomweb.query import InvalidQuery
from bridge.domain.errors import BridgeError

PROBLEM_JSON = "application/problem+json"
_RETRY_SECONDS = "5"

# Most specific first. What an instance cannot be made into is Not Acceptable: its stored form can.
_STATUSES: dict[type[BridgeError], HTTPStatus] = {
    NoSuchFrame: HTTPStatus.NOT_FOUND,
    NoPixels: HTTPStatus.NOT_ACCEPTABLE,
    FrameTooLarge: HTTPStatus.NOT_ACCEPTABLE,
    NotDecodable: HTTPStatus.NOT_ACCEPTABLE,
    UnreadableFile: HTTPStatus.NOT_ACCEPTABLE,
}

_log = logging.getLogger(__name__)


class ProblemRoute(APIRoute):
    """A route whose errors are told as problem details."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, its errors caught."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except HTTPException as error:
                return problem(error.status_code, str(error.detail), error.headers)
            except InvalidQuery as error:
                return problem(HTTPStatus.BAD_REQUEST, str(error))
            except BridgeError as error:
                return problem(status_of(error), error.message)

        return handler


def status_of(error: BridgeError) -> HTTPStatus:
    """The status of an error: 503 when trying again may help."""
    found = (status for kind, status in _STATUSES.items() if isinstance(error, kind))
    usual = HTTPStatus.INTERNAL_SERVER_ERROR if error.permanent else HTTPStatus.SERVICE_UNAVAILABLE
    return next(found, usual)


def problem(status: int, detail: str, headers: Any = None) -> Response:
    """One problem as an answer."""
    said = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": int(status)}
    more = dict(headers or {})
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        more["Retry-After"] = _RETRY_SECONDS
        _log.warning("dicomweb.unavailable", extra={"reason": detail})
    body = json.dumps(said | {"detail": detail})
    return Response(body, status_code=status, media_type=PROBLEM_JSON, headers=more)
