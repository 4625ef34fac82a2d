"""The form of resources: what fhir.resources lets pass is told here, with its place."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.fhir.reading import check_resource
from bridge.fhir.releases import Release

PATIENT: dict[str, Any] = {"resourceType": "Patient"}
REQUEST: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    "status": "active",
    "intent": "order",
    "subject": {"reference": "Patient/1"},
}
SERIES: dict[str, Any] = {"uid": "1.2.3", "modality": {"code": "CT"}}
STUDY: dict[str, Any] = {
    "resourceType": "ImagingStudy",
    "status": "available",
    "subject": {"reference": "Patient/1"},
}


def problems(resource: dict[str, Any], release: Release = Release.R4) -> list[tuple[str, str]]:
    """(code, place) of every error."""
    found = check_resource(resource, release)
    return [(each.code, each.expression) for each in found if each.is_error]


@pytest.mark.parametrize("resource", [PATIENT, REQUEST, STUDY])
def test_given_a_sound_resource_then_nothing_is_wrong(resource: dict[str, Any]) -> None:
    assert problems(resource) == []


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ({}, ("structure", "Resource")),
        ({"resourceType": 7}, ("structure", "Resource")),
        ({"resourceType": "Nonsense"}, ("not-supported", "Nonsense")),
        ({"resourceType": "HumanName"}, ("not-supported", "HumanName")),
        ({"resourceType": "../etc/passwd"}, ("not-supported", "Resource")),
        (PATIENT | {"gender": "X"}, ("code-invalid", "Patient.gender")),
        (PATIENT | {"active": "true"}, ("value", "Patient.active")),
        (PATIENT | {"multipleBirthInteger": "2"}, ("value", "Patient.multipleBirth")),
        (PATIENT | {"birthDate": "12.3.1980"}, ("value", "Patient.birthDate")),
        (PATIENT | {"birthDate": "1980-13-01"}, ("value", "Patient.birthDate")),
        (PATIENT | {"name": {"family": "A"}}, ("structure", "Patient.name")),
        (PATIENT | {"name": ["A"]}, ("structure", "Patient.name[0]")),
        (PATIENT | {"name": [{"use": "bogus"}]}, ("code-invalid", "Patient.name[0].use")),
        (PATIENT | {"nmae": []}, ("structure", "Patient")),
        (PATIENT | {"id": "bad_id"}, ("value", "Patient.id")),
        (PATIENT | {"identifier": [{"value": 12}]}, ("value", "Patient.identifier[0].value")),
        (PATIENT | {"link": [{"type": "seealso"}]}, ("required", "Patient.link[0].other")),
        (
            PATIENT | {"deceasedBoolean": True, "deceasedDateTime": "2020"},
            ("structure", "Patient.deceased"),
        ),
        (
            PATIENT | {"contained": [{"resourceType": "Patient", "gender": "?"}]},
            ("code-invalid", "Patient.contained[0].gender"),
        ),
        (
            PATIENT | {"contained": [{"resourceType": "Patient", "id": "a"}] * 2},
            ("duplicate", "Patient.contained[1].id"),
        ),
        (REQUEST | {"status": "bogus"}, ("code-invalid", "ServiceRequest.status")),
        (REQUEST | {"intent": "whim"}, ("code-invalid", "ServiceRequest.intent")),
        (REQUEST | {"occurrenceDateTime": "tomorrow"}, ("value", "ServiceRequest.occurrence")),
        (REQUEST | {"doNotPerform": 1}, ("value", "ServiceRequest.doNotPerform")),
        (STUDY | {"series": [{"uid": "1.2"}]}, ("required", "ImagingStudy.series[0].modality")),
        (
            STUDY | {"series": [SERIES | {"number": "1"}]},
            ("value", "ImagingStudy.series[0].number"),
        ),
        (STUDY | {"series": [SERIES | {"number": -1}]}, ("value", "ImagingStudy.series[0].number")),
        (STUDY | {"status": "done"}, ("code-invalid", "ImagingStudy.status")),
    ],
)
def test_given_a_fault_then_its_place_is_told(
    resource: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert problems(resource) == [expected]


@pytest.mark.parametrize("missing", ["status", "intent", "subject"])
def test_given_a_missing_element_then_its_place_is_told(missing: str) -> None:
    rest = {name: value for name, value in REQUEST.items() if name != missing}
    assert problems(rest) == [("required", f"ServiceRequest.{missing}")]


@pytest.mark.parametrize("empty", ["", [], {}])
def test_given_what_is_empty_then_it_is_only_warned_of(empty: Any) -> None:
    name: Any = {"family": ""} if empty == "" else empty
    value = [name] if empty != [] else []
    found = check_resource(PATIENT | {"name": value}, Release.R4)
    assert [each.severity for each in found] == ["warning"]


def test_given_a_primitive_with_extensions_only_then_it_is_there() -> None:
    absent = {"_status": {"extension": [{"url": "urn:x", "valueCode": "unknown"}]}}
    rest = {name: value for name, value in REQUEST.items() if name != "status"}
    assert problems(rest | absent) == []


@pytest.mark.parametrize(
    ("code", "release", "is_sound"),
    [
        ({"text": "CT"}, Release.R4, True),
        ({"text": "CT"}, Release.R5, False),
        ({"concept": {"text": "CT"}}, Release.R4, False),
        ({"concept": {"text": "CT"}}, Release.R5, True),
    ],
)
def test_given_a_release_then_its_own_elements_are_known(
    code: dict[str, Any], release: Release, is_sound: bool
) -> None:
    assert (problems(REQUEST | {"code": code}, release) == []) is is_sound


def test_given_a_bundle_then_its_entries_are_not_looked_into() -> None:
    whole = {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": {"a": 1}}]}
    assert problems(whole) == []


def test_given_faults_without_number_then_only_the_first_are_told() -> None:
    found = check_resource(PATIENT | {"name": [{"use": "x"}] * 1000}, Release.R4)
    assert len(found) == 50


def test_given_a_fault_then_no_value_is_in_its_text() -> None:
    (issue,) = check_resource(PATIENT | {"gender": "Nguyễn Văn Bí Mật"}, Release.R4)
    assert "Nguyễn" not in str(issue)
