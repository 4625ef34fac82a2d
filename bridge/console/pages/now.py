"""The first page: open problems, the links, how far today's work got, and what stayed behind."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from bridge.console.access import Viewer
from bridge.console.view import View
from bridge.console.words import N_
from bridge.services.watch_now import FindStragglers, WatchNow

TITLES = {
    "scheduled": N_("Orders that are not on the worklist"),
    "acquired": N_("Orders that nobody has begun"),
    "matched": N_("Studies without an order"),
    "published": N_("Studies that nobody has confirmed"),
}


def now_router(view: View, watch: WatchNow, stragglers: FindStragglers) -> APIRouter:
    """The pages at `/` and `/stragglers/…`."""
    router = APIRouter()

    @router.get("/")
    def now(request: Request, user: Viewer) -> Response:
        """Show the state of the bridge; it names no patient."""
        return view.page(request, "now.html", now=watch.look())

    @router.get("/stragglers/{stage}")
    def behind(request: Request, user: Viewer, stage: str) -> Response:
        """What came today and did not get to a stage."""
        return view.page(
            request,
            "stragglers.html",
            orders=stragglers.orders(stage, user),
            title=TITLES.get(stage, ""),
            studies=stragglers.studies(stage),
        )

    return router
