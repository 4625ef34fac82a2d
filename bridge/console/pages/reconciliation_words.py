"""Words of reconciliation as people read them, marked for translation."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.console.words import N_

LABELS: Mapping[str, str] = {
    "outcome": N_("Decision"),
    "orders": N_("Orders"),
    "images": N_("Images shown"),
    "StudyInstanceUID": "Study Instance UID",
    "AccessionNumber": N_("Accession number"),
    "RequestedProcedureID": N_("Requested procedure ID"),
    "ScheduledProcedureStepID": N_("Scheduled step ID"),
    "PatientID": N_("Patient ID"),
    "IssuerOfPatientID": N_("Issuer of the patient ID"),
    "PatientName": N_("Patient name"),
    "PatientBirthDate": N_("Birth date"),
    "PatientSex": N_("Sex"),
    "Modality": N_("Modality"),
    "StationAETitle": N_("Station AE title"),
    "StudyDateTime": N_("Start"),
    "IssuerOfAccessionNumberSequence": N_("Issuer of the accession number"),
    "StudyID": "Study ID",
    "StudyDescription": N_("Description"),
    "ReferringPhysicianName": N_("Referring physician"),
}
"""Attributes by DICOM keyword, and what else a preview tells of."""

ACTIONS: Mapping[str, str] = {
    "link": N_("Link to an order"),
    "unlink": N_("Unlink from its orders"),
    "order": N_("Create an order"),
    "move": N_("Move to a patient"),
    "reject": N_("Reject"),
    "restore": N_("Show again"),
    "undo": N_("Take the last decision back"),
}
DONE: Mapping[str, str] = {
    "link": N_("The study was linked."),
    "unlink": N_("The study was unlinked."),
    "order": N_("An order was created and the study linked to it."),
    "move": N_("The study was moved."),
    "reject": N_("The study was rejected; its images are kept and shown to nobody."),
    "restore": N_("What was hidden is shown again."),
    "undo": N_("The last decision was taken back."),
}
OTHERS = (
    N_("rejected"),
    N_("still arriving"),
    N_("published"),
    N_("withdrawn"),
    N_("told that it is unmatched"),
    N_("gets images"),
    N_("told of the order"),
    N_("told of the decision"),
    N_("nothing"),
    N_("same"),
    N_("alike"),
    N_("unknown"),
    N_("linked"),
    N_("other"),
    N_("link"),
    N_("unlink"),
    N_("move"),
    N_("reject"),
)
"""Words of outcomes, effects and of how patients compare (`domain.study_preview`, `matching`)."""
