"""Studies whose images others hold, as rows of the studies there are."""

from __future__ import annotations

from typing import Any

from bridge.domain.announced_study import AnnouncedImages, StudyAnnounced
from bridge.domain.study import StudyState
from bridge.store import documents, event_documents
from bridge.store.study_identity import StudyIdentity, dump_identity


def announced_study(event: StudyAnnounced) -> dict[str, Any]:
    """The row of a study of which no image has arrived: the announcement says whose it is."""
    patient_id = next(iter(event.patient.identifiers), None)
    identity = StudyIdentity(patient_id, event.patient.name, event.accession)
    demographics = ("PatientBirthDate", "PatientSex")
    said = event.patient.attributes
    return {
        "study_instance_uid": event.study_instance_uid,
        "state": StudyState.AVAILABLE.value,
        "patient_id": patient_id.value if patient_id else "",
        "accession_number": event.accession.value if event.accession else "",
        "identity": dump_identity(identity),
        "attributes": {
            **event.attributes,
            **{keyword: said[keyword] for keyword in demographics if said.get(keyword)},
        },
        "request_attributes": documents.dump_request_attributes(()),
        "performed_step_uids": [],
    }


def load_announced(document: Any) -> AnnouncedImages | None:
    """What was announced of a study; None when nothing was."""
    return None if document is None else event_documents.load(AnnouncedImages, document)
