"""The audit trail: who saw or did what, when and from where."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, tzinfo

from fastapi import APIRouter, Request, Response

from bridge.console.access import Admin
from bridge.console.view import View
from bridge.console.words import N_
from bridge.domain.audit import AuditAction, AuditEventId, AuditObject, AuditOutcome
from bridge.services.read_audit import AuditFilter, ReadAudit

LONGEST = 200
"""Characters of a choice that count."""

_LARGEST_PK = 2**63 - 1
_CHOICES = ("who", "patient", "kind", "event", "since", "until")
EVENTS = {
    AuditEventId.APPLICATION_ACTIVITY: N_("operation of the bridge"),
    AuditEventId.AUDIT_LOG_USED: N_("audit trail read"),
    AuditEventId.DICOM_INSTANCES_ACCESSED: N_("images seen"),
    AuditEventId.EXPORT: N_("export"),
    AuditEventId.ORDER_RECORD: N_("order"),
    AuditEventId.PATIENT_RECORD: N_("patient record"),
    AuditEventId.PROCEDURE_RECORD: N_("study"),
    AuditEventId.QUERY: N_("search"),
    AuditEventId.SECURITY_ALERT: N_("security"),
    AuditEventId.USER_AUTHENTICATION: N_("sign-in"),
}
ACTIONS = {
    AuditAction.CREATE: N_("created"),
    AuditAction.READ: N_("read"),
    AuditAction.UPDATE: N_("changed"),
    AuditAction.DELETE: N_("deleted"),
    AuditAction.EXECUTE: N_("done"),
}
KINDS = (
    N_("message"),
    N_("delivery"),
    N_("worklist"),
    N_("account"),
    N_("audit"),
    N_("settings"),
    N_("mapping"),
    N_("connection"),
    N_("patient"),
)
"""Kinds of records (`domain.audit.AuditObject`), for translation."""


def audit_router(view: View, audit: ReadAudit, zone: tzinfo) -> APIRouter:
    """The page at `/audit`."""
    router = APIRouter()

    @router.get("/audit")
    def show(request: Request, user: Admin, below: int | None = None) -> Response:
        """Rows by choice, newest first; days are those of the site's clocks."""
        said = {
            name: request.query_params.get(name, "").replace("\0", "").strip()[:LONGEST]
            for name in _CHOICES
        }
        chosen = AuditFilter(
            who=said["who"],
            patient_id=said["patient"],
            object_kind=said["kind"] if said["kind"] in set(AuditObject) else "",
            event=said["event"] if said["event"] in set(AuditEventId) else "",
            since=_midnight(said["since"], zone),
            until=_midnight(said["until"], zone, days=1),
            below=None if below is None else min(below, _LARGEST_PK),
        )
        return view.page(
            request,
            "audit.html",
            page=audit.page(chosen, user),
            chosen=chosen,
            since=said["since"],
            until=said["until"],
            events=EVENTS,
            actions=ACTIONS,
            kinds=[each.value for each in AuditObject if each],
            failed=AuditOutcome.MINOR_FAILURE,
            query=_without_below(request),
        )

    return router


def _without_below(request: Request) -> str:
    kept = [each for each in request.url.query.split("&") if not each.startswith("below=")]
    return "&".join(each for each in kept if each)


def _midnight(text: str, zone: tzinfo, days: int = 0) -> float | None:
    """When a day begins at the site, or one some days later; None for what is no day."""
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
        return datetime.combine(day, time.min, zone).timestamp()
    except (ValueError, OverflowError):
        return None
