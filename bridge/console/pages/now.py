"""The first page: how far today's work got and what needs somebody."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from bridge.console.access import Viewer
from bridge.console.view import View
from bridge.services.overview import ReadOverview


def now_router(view: View, overview: ReadOverview) -> APIRouter:
    """The page at `/`."""
    router = APIRouter()

    @router.get("/")
    def now(request: Request, user: Viewer) -> Response:
        """Show the state of the bridge."""
        return view.page(request, "now.html", now=overview.today())

    return router
