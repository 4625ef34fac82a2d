"""What happened to an order or a study, and the header of a received image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from bridge.console.access import Viewer
from bridge.console.swimlanes import swimlanes
from bridge.console.view import View
from bridge.domain.audit import AuditEventId, AuditObject
from bridge.domain.parsed import Node
from bridge.services.audit import RecordView
from bridge.services.show_timeline import ShowTimeline, Timeline

_LARGEST_PK = 2**63 - 1
_LONGEST_UID = 64
_PATIENT_ID = "(0010,0020)"
Uid = Annotated[str, Path(max_length=_LONGEST_UID)]

InstanceHeader = Callable[[str], tuple[Node, ...]]
"""The header of an instance, by its UID. Raises UnknownKey, or a BridgeError when unreadable."""


def timeline_router(
    view: View, timelines: ShowTimeline, header: InstanceHeader, records: RecordView
) -> APIRouter:
    """The pages at `/orders/…`, `/studies/…` and `/instances/…`."""
    router = APIRouter()

    def page(request: Request, timeline: Timeline, title: str) -> Response:
        picture = swimlanes(timeline.events)
        return view.page(request, "timeline.html", title=title, it=timeline, picture=picture)

    @router.get("/orders/{pk:int}")
    def order(
        request: Request, user: Viewer, pk: Annotated[int, Path(ge=1, le=_LARGEST_PK)]
    ) -> Response:
        """An order with everything that happened to it."""
        timeline = timelines.of_order(pk, user)
        return page(request, timeline, timeline.orders[0].number)

    @router.get("/studies/{uid}")
    def study(request: Request, user: Viewer, uid: Uid) -> Response:
        """A study with everything that happened to it."""
        return page(request, timelines.of_study(uid, user), uid)

    @router.get("/instances/{uid}")
    def instance(request: Request, user: Viewer, uid: Uid) -> Response:
        """What the header of an image says."""
        tree = header(uid)
        patient_id = next((each.value for each in tree if each.place == _PATIENT_ID), "")
        event, kind = AuditEventId.DICOM_INSTANCES_ACCESSED, AuditObject.STUDY
        records.seen(user, event, kind, uid, patient_id=patient_id)
        return view.page(request, "instance.html", uid=uid, tree=tree)

    return router
