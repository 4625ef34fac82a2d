"""Patient (FHIR R4 and R5) from a patient as held."""

from __future__ import annotations

from bridge.domain.patient import Patient
from bridge.fhir.datatypes import human_names, read_date
from bridge.fhir.identifiers import MEDICAL_RECORD, IdentifierSystems, Json
from bridge.fhir.terms import GENDERS


def patient_resource(patient: Patient, systems: IdentifierSystems) -> Json:
    """The patient with every identifier, the Patient ID first, as the official one.

    Identifiers of merged records stay out: a server may hold the retired record on its own, and
    two resources with one identifier make each later conditional request fail.
    """
    attributes = patient.attributes
    names = human_names(attributes.get("PatientName", ""))
    gender = GENDERS.get(attributes.get("PatientSex", "").strip().upper(), "")
    born = read_date(attributes.get("PatientBirthDate", ""))
    return {
        "resourceType": "Patient",
        "identifier": [
            systems.resource(
                identifier,
                MEDICAL_RECORD if index == 0 else "",
                use="official" if index == 0 else "",
            )
            for index, identifier in enumerate(patient.identifiers)
        ],
        **({"name": names} if names else {}),
        **({"gender": gender} if gender else {}),
        **({"birthDate": born} if born else {}),
    }
