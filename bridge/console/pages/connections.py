"""Connections: AE titles, MLLP peers, endpoints, their certificates, and a test of each."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from bridge.console.access import Operator, Viewer
from bridge.console.forms import Form
from bridge.console.view import View
from bridge.console.words import N_
from bridge.services.check_connections import CheckConnections, Part, TestResult
from bridge.services.transaction import Clock

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


def connections_router(view: View, connections: CheckConnections, clock: Clock) -> APIRouter:
    """The page at `/connections`. A test changes nothing but the audit trail, so it answers."""
    router = APIRouter()

    def page(request: Request, result: TestResult | None = None) -> Response:
        every = connections.every()
        return view.page(
            request,
            "connections.html",
            parts=[
                (label, [each for each in every if each.part is part])
                for part, label in PARTS.items()
            ],
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
