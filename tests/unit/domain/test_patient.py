"""A patient's attributes and names as messages lay them over each other."""

from __future__ import annotations

from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.patient import Patient, merged

HOSP = Authority("HOSP")


def test_what_is_said_wins_what_is_not_said_stays_and_an_empty_text_deletes() -> None:
    held = {"PatientName": "TRAN^BINH", "PatientSex": "F", "PatientWeight": "60"}
    assert merged(held, {"PatientName": "LE^BINH", "PatientWeight": ""}) == {
        "PatientName": "LE^BINH",
        "PatientSex": "F",
    }
    assert held["PatientWeight"] == "60"


def test_a_patient_is_called_by_every_identifier_and_every_alias() -> None:
    patient = Patient(
        pk=1,
        identifiers=(Identifier("A", HOSP), Identifier("N", Authority("NATION"))),
        attributes={},
        aliases=(Identifier("OLD", HOSP),),
    )
    assert patient.patient_id == Identifier("A", HOSP)
    for known in ("A", "N", "OLD"):
        assert patient.is_called(Identifier(known))
    assert patient.is_called(Identifier("OLD", HOSP))
    assert not patient.is_called(Identifier("A", Authority("CLINIC")))
    assert not patient.is_called(Identifier("B", HOSP))
