"""The worklist as an AE is shown it, and why an entry is not in it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from bridge.console.access import Viewer
from bridge.console.view import View
from bridge.console.words import N_
from bridge.domain.audit import AuditObject
from bridge.services.audit import RecordView
from bridge.services.preview_worklist import WorklistAsk, WorklistPreview

LONGEST = 200
"""Characters of a key that is sent along."""

KEYS = {
    "AccessionNumber": N_("Accession number"),
    "PatientID": N_("Patient ID"),
    "PatientName": N_("Patient name"),
    "Modality": N_("Modality"),
    "ScheduledStationAETitle": N_("Station AE title"),
    "ScheduledProcedureStepStartDate": N_("Start date"),
}
"""The matching keys of the form, by keyword; what modalities mostly ask with."""

VERDICTS = (
    N_("shown"),
    N_("not on the worklist"),
    N_("not matched"),
    N_("beyond the limit"),
)
RULES = (
    N_("matching key"),
    N_("not for this station"),
    N_("not of this station's modalities"),
    N_("not under this station's worklist labels"),
    N_("status is hidden from this station"),
    N_("outside the days shown without a date"),
    N_("keys that nothing can match"),
)
"""Words of explanations, for translation (`domain.worklist.Rule`)."""


def worklist_router(view: View, worklist: WorklistPreview, records: RecordView) -> APIRouter:
    """The page at `/worklist`."""
    router = APIRouter()

    @router.get("/worklist")
    def show(
        request: Request,
        user: Viewer,
        ae: Annotated[str, Query(max_length=16)] = "",
        why: Annotated[str, Query(max_length=LONGEST)] = "",
        fuzzy: bool = False,
    ) -> Response:
        """Ask as `ae` does, with the keys of the form; without it only the form is shown."""
        sent = request.query_params
        keys = {name: _as_dicom(sent.get(name, ""))[:LONGEST] for name in KEYS}
        ask = WorklistAsk(
            ae_title=_plain(ae),
            keys={name: text for name, text in keys.items() if text},
            fuzzy=fuzzy,
            why=tuple(_plain(why).split()),
        )
        shown = None
        if ask.ae_title:
            records.sought(user, AuditObject.WORKLIST, _in_words(ask))
            shown = worklist.ask(ask)
        return view.page(
            request,
            "worklist.html",
            ask=ask,
            why=why,
            sent={name: sent.get(name, "") for name in KEYS},
            keys=KEYS,
            shown=shown,
            ae_titles=worklist.ae_titles(),
        )

    return router


def _plain(text: str) -> str:
    return text.replace("\0", "").strip()


def _as_dicom(text: str) -> str:
    """A key as a modality sends it; a form writes days with hyphens."""
    text = _plain(text)
    day = text.replace("-", "")
    is_day = len(text) == len("2026-01-31") and text[4:8:3] == "--" and day.isdigit()
    return day if is_day else text


def _in_words(ask: WorklistAsk) -> str:
    keys = (f"{name}={text}" for name, text in ask.keys.items())
    why = (f"why {number}" for number in ask.why)
    return ", ".join((f"as {ask.ae_title}", *keys, *why))
