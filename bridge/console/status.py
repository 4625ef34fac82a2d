"""Routes of the console: pages at `/` and `/messages/…`, `/health/…` and `/metrics`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import tzinfo
from ipaddress import ip_address

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse

from bridge.console.health import Check, problems
from bridge.console.metrics import CONTENT_TYPE, exposition, overview_gauges, readiness_gauge
from bridge.console.pages import Pages
from bridge.domain.errors import BridgeError
from bridge.services.overview import ReadOverview

LONGEST_SOUGHT = 200
_LARGEST_PK = 2**63 - 1
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What the console shows: the site's name and zone, what is kept, and readiness checks.

    `warnings` are checks whose problems leave the bridge ready.
    """

    overview: ReadOverview
    site: str
    zone: tzinfo
    checks: Mapping[str, Check]
    warnings: Mapping[str, Check] = field(default_factory=dict)


def status_router(status: Status) -> APIRouter:
    """Routes to be mounted at the root."""
    router, routes = APIRouter(), _Routes(status)
    router.add_api_route("/", routes.first_page, methods=["GET"])
    router.add_api_route("/messages/{pk:int}", routes.message, methods=["GET"])
    router.add_api_route("/health/live", routes.live, methods=["GET"])
    router.add_api_route("/health/ready", routes.ready, methods=["GET"])
    router.add_api_route("/metrics", routes.metrics, methods=["GET"])
    return router


class _Routes:
    def __init__(self, status: Status) -> None:
        self._overview = status.overview
        self._checks = status.checks
        self._warnings = status.warnings
        self._pages = Pages(site=status.site, zone=status.zone)

    def live(self) -> JSONResponse:
        """Answer, as a process that is alive does."""
        return JSONResponse({"status": "live"})

    def ready(self) -> JSONResponse:
        """Say whether all is there to do the work, and what is not: 200 or 503."""
        found = problems(self._checks)
        is_ready = not any(found.values())
        said = {name: words for name, words in problems(self._warnings).items() if words}
        return JSONResponse(
            {
                "status": "ready" if is_ready else "not ready",
                "checks": {name: problem or "ok" for name, problem in found.items()},
                "warnings": said,
            },
            status_code=200 if is_ready else 503,
        )

    def metrics(self) -> PlainTextResponse:
        """Count; what cannot be counted now is left out, and readiness says why."""
        gauges = [readiness_gauge(problems(self._checks))]
        with suppress(BridgeError):
            gauges += overview_gauges(self._overview.today())
        return PlainTextResponse(exposition(gauges), media_type=CONTENT_TYPE)

    def first_page(self, q: str = "", still: bool = False) -> HTMLResponse:
        """Show the state, or what mentions `q`; `still` keeps the page from refreshing itself."""
        sought = q.replace("\0", "").strip()[:LONGEST_SOUGHT]
        try:
            if sought:
                return _page(self._pages.search(sought, self._overview.mentioning(sought)))
            found = problems({**self._checks, **self._warnings})
            return _page(self._pages.overview(self._overview.today(), found, refresh=not still))
        except BridgeError as error:
            return _page(self._pages.notice("The bridge cannot tell", error.message), 503)

    def message(self, pk: int, request: Request) -> HTMLResponse:
        """Show a message as it was on the wire, to whoever sits at this machine."""
        if not _is_local(request):
            text = "Messages name patients. Until there is sign-in, they are shown on this machine."
            return _page(self._pages.notice("Not shown here", text), 403)
        try:
            message = self._overview.message(pk) if pk <= _LARGEST_PK else None
        except BridgeError as error:
            return _page(self._pages.notice("The bridge cannot tell", error.message), 503)
        if message is None:
            return _page(self._pages.notice("No such message", "The journal has no such row."), 404)
        return _page(self._pages.message(message))


def _page(content: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(content, status_code=status, headers=_HEADERS)


def _is_local(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False
