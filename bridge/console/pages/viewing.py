"""From an accession number or a study to its images in the viewer, for whoever may see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from bridge.console.access import Viewer
from bridge.console.view import View
from bridge.console.words import N_
from bridge.domain.audit import AuditEventId, AuditObject
from bridge.services.audit import RecordView
from bridge.services.read_images import FoundStudy, ImageQuery

LONGEST = 1024
_MOST = 20
_WILDCARDS = frozenset("*?\\")
_NO_STUDY = N_("No study")
_NO_IMAGES = N_("There are no images of it here.")


class StudyFinder(Protocol):
    """Finds studies as their orders say they are."""

    def studies(self, query: ImageQuery) -> Sequence[FoundStudy]:
        """Those that match. Raises ResourceBusy."""


def viewing_router(view: View, images: StudyFinder, records: RecordView, viewer: str) -> APIRouter:
    """`/open` and `/viewer`. `viewer` is the address of the viewer; empty where there is none."""
    router = APIRouter()

    def lead(request: Request, user: Viewer, found: Sequence[FoundStudy]) -> Response:
        if not found:
            shown = {"title": view.say(request, _NO_STUDY), "text": view.say(request, _NO_IMAGES)}
            return view.page(request, "notice.html", status=404, **shown)
        for study in found:
            records.seen(
                user,
                AuditEventId.DICOM_INSTANCES_ACCESSED,
                AuditObject.STUDY,
                study.study_instance_uid,
                patient_id=study.patient_id.value if study.patient_id else "",
            )
        uids = ",".join(study.study_instance_uid for study in found)
        if viewer:
            return RedirectResponse(f"{viewer}/viewer?StudyInstanceUIDs={uids}", status_code=303)
        return RedirectResponse(f"/studies/{found[0].study_instance_uid}", status_code=303)

    @router.get("/open")
    def open_(
        request: Request,
        user: Viewer,
        accession: Annotated[str, Query(max_length=LONGEST)] = "",
        study: Annotated[str, Query(max_length=LONGEST)] = "",
    ) -> Response:
        """Open the images of an order or a study; links in reports and in the EHR lead here."""
        return lead(request, user, _found(images, accession, study))

    @router.get("/viewer")
    def viewer_(
        request: Request,
        user: Viewer,
        uids: Annotated[str, Query(alias="StudyInstanceUIDs", max_length=LONGEST)] = "",
    ) -> Response:
        """The same by the address that OHIF itself has; it leads here who is not signed in."""
        if not uids and viewer:
            return RedirectResponse(f"{viewer}/", status_code=303)
        return lead(request, user, _found(images, "", uids))

    return router


def _found(images: StudyFinder, accession: str, uids: str) -> Sequence[FoundStudy]:
    """What is named and nothing else: no patterns."""
    named = tuple(each for each in uids.split(",") if each)[:_MOST]
    if _WILDCARDS & {*accession, *uids} or not (accession or named):
        return ()
    query = ImageQuery(accession_number=accession, study_instance_uids=named, limit=_MOST)
    return images.studies(query)
