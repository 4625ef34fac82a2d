"""Connections: AE titles, MLLP peers, endpoints, their certificates, and a test of each."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from bridge.console.access import Operator, Viewer
from bridge.console.forms import Form
from bridge.console.view import View
from bridge.console.words import N_
from bridge.services.check_connections import CheckConnections, Part, TestResult, watched
from bridge.services.transaction import Clock
from bridge.services.watch_links import WatchLinks

PARTS = {
    Part.LISTENER: N_("What listens"),
    Part.DEVICE: N_("DICOM devices"),
    Part.DESTINATION: N_("Destinations"),
    Part.SOURCE: N_("Sources"),
}
STANDINGS = (
    N_("valid"),
    N_("ends soon"),
    N_("ended"),
    N_("not valid yet"),
    N_("cannot be read"),
)
"""How certificates stand (`services.check_connections.Standing`), for translation."""


def connections_router(
    view: View, connections: CheckConnections, links: WatchLinks, clock: Clock
) -> APIRouter:
    """The page at `/connections`. A test changes nothing but the audit trail, so it answers."""
    router = APIRouter()

    def page(request: Request, result: TestResult | None = None) -> Response:
        every, others = watched(connections.every(), links.links())
        return view.page(
            request,
            "connections.html",
            parts=[
                (label, [each for each in every if each.connection.part is part])
                for part, label in PARTS.items()
            ],
            others=others,
            result=result,
            now=clock(),
        )

    @router.get("/connections")
    def show(request: Request, user: Viewer) -> Response:
        """Everything the bridge is connected to."""
        return page(request)

    @router.post("/connections/test")
    def test(request: Request, user: Operator, form: Form) -> Response:
        """Ask one of them now."""
        return page(request, connections.test(form.get("key"), user))

    return router
