"""Routes for machines, which need no sign-in: `/health/…` and `/metrics`. They name no patient."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse

from bridge.console.health import Check, problems
from bridge.console.metrics import (
    CONTENT_TYPE,
    exposition,
    link_gauges,
    overview_gauges,
    readiness_gauge,
)
from bridge.domain.errors import BridgeError
from bridge.services.overview import ReadOverview
from bridge.services.transaction import Clock
from bridge.services.watch_links import WatchLinks


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """What monitors are told of. `warnings` are checks whose problems leave the bridge ready."""

    overview: ReadOverview
    links: WatchLinks
    clock: Clock
    checks: Mapping[str, Check]
    warnings: Mapping[str, Check] = field(default_factory=dict)


def monitoring_router(monitoring: Monitoring) -> APIRouter:
    """Routes to be mounted at the root."""
    router = APIRouter()

    @router.get("/health/live")
    def live() -> JSONResponse:
        """Answer, as a process that is alive does."""
        return JSONResponse({"status": "live"})

    @router.get("/health/ready")
    def ready() -> JSONResponse:
        """Say whether all is there to do the work, and what is not: 200 or 503."""
        found = problems(monitoring.checks)
        is_ready = not any(found.values())
        said = {name: words for name, words in problems(monitoring.warnings).items() if words}
        with suppress(BridgeError):
            said |= {
                f"link {each.link.kind} {each.link.peer}": each.problem
                for each in monitoring.links.links()
                if each.problem
            }
        return JSONResponse(
            {
                "status": "ready" if is_ready else "not ready",
                "checks": {name: problem or "ok" for name, problem in found.items()},
                "warnings": said,
            },
            status_code=200 if is_ready else 503,
        )

    @router.get("/metrics")
    def metrics() -> PlainTextResponse:
        """Count; what cannot be counted now is left out, and readiness says why."""
        gauges = [readiness_gauge(problems(monitoring.checks))]
        with suppress(BridgeError):
            gauges += overview_gauges(monitoring.overview.today())
            gauges += link_gauges(monitoring.links.links(), monitoring.clock())
        return PlainTextResponse(exposition(gauges), media_type=CONTENT_TYPE)

    return router
