"""Studies whose images others hold, as rows of the studies there are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from bridge.domain.announced_study import AnnouncedImages, StudyAnnounced
from bridge.domain.identifiers import Identifier
from bridge.store import documents, event_documents
from bridge.store.study_identity import StudyIdentity, dump_identity, load_identity


def announced_study(event: StudyAnnounced, row: Row[Any] | None) -> dict[str, Any]:
    """The row of a study of which no image has arrived: announcements say whose it is.

    What the newest does not say is as it was said before.
    """
    held = load_identity(row.identity) if row else StudyIdentity(None, "", None)
    patient_id = _fuller(held.patient_id, next(iter(event.patient.identifiers), None))
    accession = _fuller(held.accession, event.accession)
    name = event.patient.name or held.patient_name
    said = {k: event.patient.attributes.get(k, "") for k in ("PatientBirthDate", "PatientSex")}
    steps = dict.fromkeys((*(row.performed_step_uids if row else ()), *event.performed_step_uids))
    return {
        "study_instance_uid": event.study_instance_uid,
        "patient_id": patient_id.value if patient_id else "",
        "accession_number": accession.value if accession else "",
        "identity": dump_identity(StudyIdentity(patient_id, name, accession)),
        "attributes": {
            **(row.attributes if row else {}),
            **event.attributes,
            **{keyword: text for keyword, text in said.items() if text},
        },
        "request_attributes": documents.dump_request_attributes(()),
        "performed_step_uids": list(steps),
    }


def _fuller(held: Identifier | None, said: Identifier | None) -> Identifier | None:
    """What is said now; when it is the same, with the authority that somebody named before."""
    if held and said and held.agrees_with(said) and not said.authority:
        return held
    return said or held


def identity_is_changed(row: Row[Any], values: dict[str, Any]) -> bool:
    """Whether a study is somebody else's by these values, or described otherwise."""
    return any(getattr(row, name) != value for name, value in values.items())


def load_announced(document: Any) -> AnnouncedImages | None:
    """What was announced of a study; None when nothing was."""
    return None if document is None else event_documents.load(AnnouncedImages, document)
