import pytest

from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.order import CodedConcept
from bridge.fhir.datatypes import codeable_concept
from bridge.fhir.identifiers import IdentifierSystems, criteria

SYSTEMS = IdentifierSystems(
    known={"HOSP": "https://hosp.example/mrn", "99HOSP": "https://hosp.example/codes"},
    default="SITE",
)


@pytest.mark.parametrize(
    ("authority", "system"),
    [
        (Authority("HOSP", "1.2.3", "ISO"), "https://hosp.example/mrn"),
        (Authority("KIS", "1.2.3", "ISO"), "urn:oid:1.2.3"),
        (Authority("", "1.2.3", ""), "urn:oid:1.2.3"),
        (
            Authority("", "6F0F3B6E-6B0F-5D5A-9D55-1C7F2D1F6A42", "UUID"),
            "urn:uuid:6f0f3b6e-6b0f-5d5a-9d55-1c7f2d1f6a42",
        ),
        (Authority("", "https://kis.example/id", "URI"), "https://kis.example/id"),
        (Authority("https://kis.example/id"), "https://kis.example/id"),
        (Authority("KIS"), "urn:id:KIS"),
        (Authority("B&V KLINIK"), "urn:id:B%26V%20KLINIK"),
        (Authority("", "kis.example", "DNS"), "urn:id:kis.example"),
        (Authority(), "urn:id:SITE"),
    ],
)
def test_given_an_authority_when_told_then_it_is_a_uri(authority: Authority, system: str) -> None:
    assert SYSTEMS.system(authority) == system


def test_given_no_authority_anywhere_when_searched_then_only_identifiers_without_system_match() -> (
    None
):
    assert IdentifierSystems().token(Identifier("P1")) == "|P1"


def test_given_separators_in_a_value_when_searched_then_they_are_escaped_and_encoded() -> None:
    token = SYSTEMS.token(Identifier("A|1,2$&3", Authority("HOSP")))
    assert token == r"https://hosp.example/mrn|A\|1\,2\$&3"
    assert criteria("identifier", token) == (
        "identifier=https%3A%2F%2Fhosp.example%2Fmrn%7CA%5C%7C1%5C%2C2%5C%24%263"
    )


@pytest.mark.parametrize(
    ("concept", "told"),
    [
        (
            CodedConcept("36643-5", "LN", "XR Chest"),
            {
                "coding": [
                    {"system": "http://loinc.org", "code": "36643-5", "display": "XR Chest"}
                ],
                "text": "XR Chest",
            },
        ),
        (
            CodedConcept("CT1", "99HOSP"),
            {"coding": [{"system": "https://hosp.example/codes", "code": "CT1"}]},
        ),
        (CodedConcept("CT1", "L"), {"coding": [{"system": "urn:id:L", "code": "CT1"}]}),
        (CodedConcept("CT1"), {"coding": [{"code": "CT1"}]}),
        (CodedConcept("", "", "CT ngực"), {"text": "CT ngực"}),
    ],
)
def test_given_a_coded_concept_when_told_then_its_scheme_is_a_uri(
    concept: CodedConcept, told: dict[str, object]
) -> None:
    assert codeable_concept(concept, SYSTEMS) == told
