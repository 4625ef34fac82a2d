"""Patients: found by number or name, with merges and links, and how either is taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from bridge.console.access import Operator, Viewer
from bridge.console.forms import Form
from bridge.console.view import View
from bridge.domain.audit import AuditEventId, AuditObject
from bridge.domain.errors import UnknownKey
from bridge.services.audit import RecordView
from bridge.services.review_patients import ReviewPatients
from bridge.services.steer_patients import SteerPatients

_LARGEST_PK = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientDesk:
    """What the pages ask and do."""

    reviews: ReviewPatients
    steer: SteerPatients
    records: RecordView


def patients_router(view: View, desk: PatientDesk) -> APIRouter:
    """The pages below `/patients`."""
    router, pages = APIRouter(), _Pages(view, desk)
    router.add_api_route("/patients", pages.search, methods=["GET"])
    router.add_api_route("/patients/merges", pages.merges, methods=["GET"])
    router.add_api_route("/patients/merges/{pk:int}/undo", pages.undo, methods=["POST"])
    router.add_api_route("/patients/{pk:int}", pages.patient, methods=["GET"])
    router.add_api_route("/patients/{pk:int}/unlink", pages.unlink, methods=["POST"])
    return router


class _Pages:
    def __init__(self, view: View, desk: PatientDesk) -> None:
        self._view = view
        self._desk = desk

    def search(
        self, request: Request, user: Viewer, q: Annotated[str, Query(max_length=200)] = ""
    ) -> Response:
        """Who is called so; without a question those who changed last."""
        sought = q.replace("\0", "").strip()
        self._desk.records.sought(user, AuditObject.PATIENT, sought)
        found = self._desk.reviews.find(sought)
        return self._view.page(request, "patients.html", found=found)

    def patient(self, request: Request, user: Viewer, pk: int, done: str = "") -> Response:
        """One record with all that hangs on it."""
        found = self._desk.reviews.patient(pk) if pk <= _LARGEST_PK else None
        if found is None:
            raise UnknownKey(f"there is no patient {pk}")
        self._desk.records.seen(
            user,
            AuditEventId.PATIENT_RECORD,
            AuditObject.PATIENT,
            str(pk),
            patient_id=found.patient_id,
        )
        return self._view.page(request, "patient.html", patient=found, done=done)

    def merges(self, request: Request, user: Viewer) -> Response:
        """The newest merges of anybody."""
        self._desk.records.sought(user, AuditObject.PATIENT, "merges")
        return self._view.page(request, "merges.html", merges=self._desk.reviews.merges())

    def undo(self, request: Request, user: Operator, pk: int, form: Form) -> Response:
        """Take a merge back."""
        if pk > _LARGEST_PK:
            raise UnknownKey(f"there is no merge {pk}")
        undone = self._desk.steer.undo_merge(pk, user, form.get("why"))
        return RedirectResponse(f"/patients/{undone.survivor_pk}?done=undone", 303)

    def unlink(self, request: Request, user: Operator, pk: int, form: Form) -> Response:
        """Take a link to another record back."""
        other = form.get("other")
        if not (other.isascii() and other.isdigit()) or max(pk, int(other)) > _LARGEST_PK:
            raise UnknownKey("there is no such patient")
        self._desk.steer.unlink(pk, int(other), user, form.get("why"))
        return RedirectResponse(f"/patients/{pk}?done=unlinked", 303)
