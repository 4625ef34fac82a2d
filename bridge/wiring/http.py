"""The HTTP application: health for now, with the other rooms' routers beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Response

if TYPE_CHECKING:
    from bridge.wiring.bridge import Bridge


def build_http(bridge: Bridge) -> FastAPI:
    """Everything that is served over HTTP."""
    app = FastAPI(title="bridge", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health/live")
    def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/health/ready")
    def ready(response: Response) -> dict[str, str]:
        if bridge.is_ready():
            return {"status": "ready"}
        response.status_code = 503
        return {"status": "not ready"}

    return app
