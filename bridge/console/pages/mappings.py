"""Mapping profiles: what is in force since when, how versions differ, and a message tried."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from bridge.console.access import Viewer
from bridge.console.forms import Form
from bridge.console.view import View
from bridge.domain.audit import AuditObject
from bridge.domain.errors import BridgeError, UnknownKey
from bridge.services.audit import RecordView
from bridge.services.review_mappings import DryRun, ReviewMappings

_LONGEST_NAME = 100
_REFUSED = 422


def mappings_router(view: View, mappings: ReviewMappings, records: RecordView) -> APIRouter:
    """The pages below `/mappings`."""
    router, pages = APIRouter(), _Pages(view, mappings, records)
    router.add_api_route("/mappings", pages.listed, methods=["GET"])
    router.add_api_route("/mappings/difference", pages.difference, methods=["GET"])
    router.add_api_route("/mappings/dry-run", pages.form, methods=["GET"])
    router.add_api_route("/mappings/dry-run", pages.dry_run, methods=["POST"])
    router.add_api_route("/mappings/profiles/{name}", pages.profile, methods=["GET"])
    return router


Name = Annotated[str, Query(max_length=_LONGEST_NAME)]


class _Pages:
    def __init__(self, view: View, mappings: ReviewMappings, records: RecordView) -> None:
        self._view = view
        self._mappings = mappings
        self._records = records

    def listed(self, request: Request, user: Viewer) -> Response:
        """All profiles, those in use first."""
        profiles = self._mappings.profiles()
        return self._view.page(request, "mappings.html", profiles=profiles)

    def profile(self, request: Request, user: Viewer, name: str) -> Response:
        """What one says after all that it extends, and its versions."""
        shown = self._mappings.profile(name)
        if shown is None:
            raise UnknownKey(f"there is no profile {name}")
        others = [each.name for each in self._mappings.profiles() if each.name != name]
        return self._view.page(request, "mapping.html", shown=shown, others=others)

    def difference(
        self, request: Request, user: Viewer, before: Name = "", after: Name = ""
    ) -> Response:
        """What two profiles or versions say otherwise."""
        rows = self._mappings.compare(before, after)
        return self._view.page(
            request, "mapping_difference.html", before=before, after=after, rows=rows
        )

    def form(self, request: Request, user: Viewer, profile: Name = "") -> Response:
        """The form that a message is pasted into."""
        return self._dry_run(request, profile, "", None)

    def dry_run(self, request: Request, user: Viewer, form: Form) -> Response:
        """What a profile makes of the message; nothing is kept of it and nothing is done."""
        name, message = form.get("profile"), form.get("message")
        self._records.sought(user, AuditObject.MAPPING, f"dry run on {name}")
        try:
            run = self._mappings.dry_run(name, message)
        except UnknownKey:
            raise
        except BridgeError as error:
            run = DryRun.refused(error)
        return self._dry_run(request, name, message, run)

    def _dry_run(
        self, request: Request, profile: str, message: str, run: DryRun | None
    ) -> Response:
        return self._view.page(
            request,
            "mapping_dry_run.html",
            status=_REFUSED if run is not None and run.problem else 200,
            profile=profile,
            profiles=self._mappings.profiles(),
            message=message,
            run=run,
        )
