"""What is answered where a page cannot be shown: a page that says why, or problem+json."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import HTTPException, RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse

from bridge.console.access import NotAllowed, NotSignedIn, sign_in_path
from bridge.console.live import TooManyListeners
from bridge.console.view import View
from bridge.console.words import N_
from bridge.domain.errors import BridgeError, ResourceBusy, StorageFull, UnknownKey

PROBLEM_JSON = "application/problem+json"
_TITLES = {
    400: N_("This cannot be read"),
    401: N_("Sign in first"),
    403: N_("Not allowed"),
    404: N_("Not found"),
    405: N_("Not allowed"),
    409: N_("This cannot be done"),
    413: N_("Too long"),
    422: N_("This cannot be read"),
    503: N_("The bridge cannot tell just now"),
}
_TEXTS = {
    404: N_("There is no such page."),
    405: N_("This page cannot be asked in that way."),
    413: N_("The form is too long."),
    422: N_("The address or the form holds what does not belong there."),
}
_STATUSES: tuple[tuple[type[BridgeError], int], ...] = (
    (UnknownKey, 404),
    (ResourceBusy, 503),
    (StorageFull, 503),
    (TooManyListeners, 503),
    (BridgeError, 409),
)


def wants_json(request: Request) -> bool:
    """Whether a program asks, and not a browser for a page."""
    accepted = request.headers.get("accept", "")
    return request.url.path.startswith("/api/") or (
        "json" in accepted and "text/html" not in accepted
    )


class Answers:
    """Answers errors in the language and the form of who asked."""

    def __init__(self, view: View) -> None:
        self._view = view

    def install(self, application: FastAPI) -> None:
        """Have an application answer its errors so."""
        handlers: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
            NotSignedIn: self._not_signed_in,
            NotAllowed: self._not_allowed,
            BridgeError: self._refused,
            HTTPException: self._http_error,
            RequestValidationError: self._unreadable,
        }
        for kind, handler in handlers.items():
            application.add_exception_handler(kind, handler)
        for status in _TEXTS:  # what the router and the static files raise is of another class
            application.add_exception_handler(status, self._http_error)

    def _problem(self, request: Request, status: int, text: str) -> Response:
        title = _TITLES.get(status, N_("This did not work"))
        if wants_json(request):
            body = {"type": "about:blank", "title": title, "status": status, "detail": text}
            return JSONResponse(body, status_code=status, media_type=PROBLEM_JSON)
        say = self._view.say
        shown = {"title": say(request, title), "text": say(request, text) if text else ""}
        return self._view.page(request, "notice.html", status=status, **shown)

    async def _not_signed_in(self, request: Request, _error: Exception) -> Response:
        if wants_json(request):
            return self._problem(request, 401, N_("Sign in first."))
        path = sign_in_path(request)
        if request.headers.get("hx-request"):
            return Response(status_code=401, headers={"HX-Redirect": path})
        return RedirectResponse(path, status_code=303)

    async def _not_allowed(self, request: Request, error: Exception) -> Response:
        return self._problem(request, 403, getattr(error, "reason", ""))

    async def _refused(self, request: Request, error: Exception) -> Response:
        status = next(code for kind, code in _STATUSES if isinstance(error, kind))
        return self._problem(request, status, getattr(error, "message", ""))

    async def _http_error(self, request: Request, error: Exception) -> Response:
        status = int(getattr(error, "status_code", 400))
        detail = _TEXTS.get(status) or str(getattr(error, "detail", ""))
        return self._problem(request, status, detail)

    async def _unreadable(self, request: Request, _error: Exception) -> Response:
        return self._problem(request, 422, _TEXTS[422])
