"""The settings in force: read only, each with where it was written; secrets are never shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from bridge.console.access import Admin
from bridge.console.view import View
from bridge.console.words import N_
from bridge.domain.audit import AuditEventId, AuditObject
from bridge.services.audit import RecordView
from bridge.services.list_settings import SettingRow, sections

WRITTEN = (N_("default"), N_("file"), N_("environment"))
"""Where values come from (`services.list_settings.Written`), for translation."""


def settings_router(view: View, rows: Sequence[SettingRow], records: RecordView) -> APIRouter:
    """The page at `/settings`."""
    router = APIRouter()

    @router.get("/settings")
    def show(
        request: Request,
        user: Admin,
        q: Annotated[str, Query(max_length=200)] = "",
        changed: bool = False,
    ) -> Response:
        """All settings, or those that hold what is sought or that somebody wrote."""
        records.seen(user, AuditEventId.APPLICATION_ACTIVITY, AuditObject.SETTINGS, "")
        found = sections(rows, sought=q, changed=changed)
        return view.page(
            request, "settings.html", sections=found, q=q, changed=changed, total=len(rows)
        )

    return router
