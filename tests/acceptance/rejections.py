"""Rejection notes as change requesters send them (IHE RAD IOCM; PS3.3 A.35.4)."""

from __future__ import annotations

from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid

from tests.acceptance.images import Study, save

KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"
MEANINGS = {
    "113001": "Rejected for Quality Reasons",
    "113038": "Incorrect Modality Worklist Entry",
    "113039": "Data Retention Policy Expired",
}
_SAID = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber")


def rejection(study: Study, code: str, folder: Path, *rejected: str) -> Path:
    """A note in the study itself that rejects these of its instances."""
    source = dcmread(study.paths[0])
    note = Dataset()
    for keyword in _SAID:
        setattr(note, keyword, source.get(keyword))
    note.SpecificCharacterSet = "ISO_IR 192"
    note.SOPClassUID, note.SOPInstanceUID = KEY_OBJECT_SELECTION, generate_uid()
    note.StudyInstanceUID, note.SeriesInstanceUID = study.uid, generate_uid()
    note.Modality, note.SeriesNumber, note.InstanceNumber = "KO", 99, 1
    title = Dataset()
    title.CodeValue, title.CodingSchemeDesignator = code, "DCM"
    title.CodeMeaning = MEANINGS[code]
    note.ConceptNameCodeSequence = [title]
    evidence = Dataset()
    evidence.StudyInstanceUID = study.uid
    evidence.ReferencedSeriesSequence = [
        _series(uid, str(source.SOPClassUID), chosen)
        for uid, paths in study.series.items()
        if (chosen := [path.stem for path in paths if path.stem in rejected])
    ]
    note.CurrentRequestedProcedureEvidenceSequence = [evidence]
    return save(note, folder / "note")


def _series(uid: str, sop_class: str, instances: list[str]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = uid
    series.ReferencedSOPSequence = []
    for each in instances:
        reference = Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = sop_class, each
        series.ReferencedSOPSequence.append(reference)
    return series
