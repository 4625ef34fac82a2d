"""The keys that a study is searched by: how its row is made of what its images say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.domain.identifiers import Identifier
from bridge.domain.names import fold_name

_TIME_LENGTH = 6


def study_keys(
    *,
    patient_id: Identifier | None,
    patient_name: str,
    accession: Identifier | None,
    attributes: Mapping[str, str],
) -> dict[str, Any]:
    """The columns of `study_key` but its primary key; what is not known is empty."""
    return {
        "patient_name": fold_name(patient_name),
        "patient_id": patient_id.value if patient_id else "",
        "issuer_of_patient_id": patient_id.authority.key if patient_id else "",
        "patient_birth_date": attributes.get("PatientBirthDate", ""),
        "patient_sex": attributes.get("PatientSex", ""),
        "accession_number": accession.value if accession else "",
        "study_date": attributes.get("StudyDate", "").replace(".", ""),
        "study_time": _time(attributes.get("StudyTime", "")),
        "study_id": attributes.get("StudyID", ""),
        "study_description": attributes.get("StudyDescription", ""),
        "referring_physician": fold_name(attributes.get("ReferringPhysicianName", "")),
    }


def _time(text: str) -> str:
    """HHMMSS, as ranges are compared; without seconds it is the first of its minute."""
    digits = text.replace(":", "").partition(".")[0]
    return (digits + "000000")[:_TIME_LENGTH] if digits.isdigit() else ""
