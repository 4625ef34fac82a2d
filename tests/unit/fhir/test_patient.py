from __future__ import annotations

from typing import Any

import fhirkit
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.patient import Patient
from bridge.fhir.datatypes import display_name
from bridge.fhir.identifiers import IdentifierSystems
from bridge.fhir.patient import patient_resource
from bridge.fhir.releases import Release, in_release
from bridge.fhir.validation import check
from tests.unit.fhir.studies import HOSP, a_patient

SYSTEMS = IdentifierSystems()
REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"


def names_of(name: str) -> list[dict[str, Any]]:
    names = patient_resource(a_patient(PatientName=name), SYSTEMS).get("name", [])
    assert isinstance(names, list)
    return names


def test_given_a_patient_when_told_then_identifiers_name_their_authorities() -> None:
    patient = Patient(
        pk=1,
        identifiers=(
            Identifier("P1", HOSP),
            Identifier("079080001234", Authority("CCCD", "1.2.840.99", "ISO"), "NI"),
        ),
        attributes={"PatientName": "NGUYỄN^ÁNH^VĂN", "PatientBirthDate": "19800102"},
        aliases=(Identifier("TEMP7", HOSP),),
    )
    resource = patient_resource(patient, SYSTEMS)

    first, second = resource["identifier"]
    assert (first["use"], first["system"], first["value"]) == ("official", "urn:id:HOSP", "P1")
    assert first["type"]["coding"][0]["code"] == "MR"
    assert (second["system"], second["type"]["coding"][0]["code"]) == ("urn:oid:1.2.840.99", "NI")
    assert resource["birthDate"] == "1980-01-02"


@pytest.mark.parametrize(
    ("sex", "gender"),
    [("M", "male"), ("f", "female"), ("O", "other"), ("U", "unknown"), ("X", None), ("", None)],
)
def test_given_a_sex_when_told_then_it_is_a_gender_of_fhir(sex: str, gender: str | None) -> None:
    assert patient_resource(a_patient(PatientSex=sex), SYSTEMS).get("gender") == gender


@pytest.mark.parametrize("born", ["1980", "198013", "19801301", "", "00000000"])
def test_given_half_a_birth_date_when_told_then_it_is_left_out(born: str) -> None:
    assert "birthDate" not in patient_resource(a_patient(PatientBirthDate=born), SYSTEMS)


def test_given_a_whole_vietnamese_name_when_told_then_it_is_not_split() -> None:
    assert names_of("NGUYỄN VĂN ÁNH") == [
        {"text": "NGUYỄN VĂN ÁNH", "family": "NGUYỄN VĂN ÁNH", "use": "official"}
    ]


def test_given_components_when_told_then_each_has_its_place() -> None:
    assert names_of("NGUYỄN^ÁNH^VĂN TỊNH^BS^Jr") == [
        {
            "family": "NGUYỄN",
            "given": ["ÁNH", "VĂN", "TỊNH"],
            "prefix": ["BS"],
            "suffix": ["Jr"],
            "use": "official",
        }
    ]


def test_given_three_writings_when_told_then_each_is_a_name_that_says_which() -> None:
    names = names_of("Yamada^Tarou=山田^太郎=やまだ^たろう")
    assert [n["family"] for n in names] == ["Yamada", "山田", "やまだ"]
    assert [n["extension"][0]["valueCode"] for n in names] == ["ABC", "IDE", "SYL"]
    assert {n["extension"][0]["url"] for n in names} == {REPRESENTATION}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("TRẦN^THỊ^BÍCH^BS", "TRẦN, BS THỊ BÍCH"),
        ("NGUYỄN VĂN ÁNH", "NGUYỄN VĂN ÁNH"),
        ("^ANNA", "ANNA"),
        ("=山田^太郎", "山田, 太郎"),
        ("^^^", ""),
    ],
)
def test_given_a_name_when_displayed_then_no_caret_is_seen(name: str, shown: str) -> None:
    assert display_name(name) == shown


@given(
    name=st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=60),
    born=st.text("0123456789", max_size=9),
    sex=st.text(max_size=2),
    namespace=st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20),
)
def test_given_whatever_a_his_sends_when_told_then_the_resource_is_valid(
    name: str, born: str, sex: str, namespace: str
) -> None:
    patient = Patient(
        pk=1,
        identifiers=(Identifier("P1", Authority(namespace)),),
        attributes={"PatientName": name, "PatientBirthDate": born, "PatientSex": sex},
    )
    resource = patient_resource(patient, SYSTEMS)
    check(resource, Release.R4)
    check(in_release(resource, Release.R5), Release.R5)
    assert [str(issue) for issue in fhirkit.validate(resource)] == []
