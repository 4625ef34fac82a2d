"""DocumentReference (FHIR R4) of a study: for receivers that keep documents and no studies."""

from __future__ import annotations

from bridge.fhir.identifiers import Json
from bridge.fhir.terms import LOINC

IMAGING = {"system": LOINC, "code": "18748-4", "display": "Diagnostic imaging study"}
DICOM, PAGE = "application/dicom", "text/html"


def document_reference(study: Json, pages: tuple[str, ...], retrieve: tuple[str, ...]) -> Json:
    """What an ImagingStudy (R4, by us) says, as a document that is held elsewhere.

    `pages` are addresses at which a person sees it, `retrieve` those at which programs get it
    (WADO-RS). Empty when there is neither: a document must have content.
    """
    attachments = [
        *({"contentType": PAGE, "url": each} for each in pages),
        *({"contentType": DICOM, "url": each} for each in retrieve),
    ]
    if not attachments:
        return {}
    title, started = study.get("description", ""), study.get("started", "")
    context = {
        **({"period": {"start": started}} if started else {}),
        **({"related": study["basedOn"]} if "basedOn" in study else {}),
    }
    return {
        "resourceType": "DocumentReference",
        "identifier": study["identifier"],
        "status": "current",
        "docStatus": "final",
        "type": {"coding": [IMAGING], "text": title or IMAGING["display"]},
        "subject": study["subject"],
        "content": [
            {"attachment": {**each, **({"title": title} if title else {})}} for each in attachments
        ],
        **({"context": context} if context else {}),
    }
