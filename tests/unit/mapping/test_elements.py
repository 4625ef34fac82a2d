"""Paths of elements, and the errors of FHIR profiles: each says where, and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bridge.mapping.elements import Element, ElementPath, ElementScope
from bridge.mapping.errors import ProfileError
from bridge.mapping.fhir_profiles import load_fhir_profile
from bridge.mapping.profiles import check_profiles
from bridge.mapping.shelf import Shelf, default_directory

REQUEST: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    "identifier": [
        {"type": {"coding": [{"system": "urn:a", "code": "ACSN"}]}, "value": "A1"},
        {"type": {"text": "Placer Number"}, "value": "P1"},
        {"system": "urn:x", "value": "N1"},
    ],
    "code": {"text": "CT", "coding": [{"code": "c1"}, {"code": "c2"}]},
    "doNotPerform": False,
    "note": [],
    "subject": {"reference": "Patient/1"},
    "occurrenceDateTime": "2026",
}
PATIENT = Element({"resourceType": "Patient", "id": "1", "name": [{"family": "A"}]}, "Patient")


def found(path: str) -> list[Any]:
    scope = ElementScope(
        roots={"ServiceRequest": [Element(REQUEST, "ServiceRequest")]},
        follow=lambda reference: PATIENT if "reference" in reference.value else None,
    )
    return [each.value for each in ElementPath.parse(path).find(scope)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("ServiceRequest.identifier.value", ["A1", "P1", "N1"]),
        ("ServiceRequest.identifier[type=ACSN].value", ["A1"]),
        ("ServiceRequest.identifier[type=acsn|placer number].value", ["A1", "P1"]),
        ("ServiceRequest.identifier[type!=ACSN].value", ["P1", "N1"]),
        ("ServiceRequest.identifier[!type].value", ["N1"]),
        ("ServiceRequest.identifier[type].value", ["A1", "P1"]),
        ("ServiceRequest.identifier[type.coding.system=urn:a].value", ["A1"]),
        ("ServiceRequest.identifier[!type][system=urn:x].value", ["N1"]),
        ("ServiceRequest.identifier[1].value", ["P1"]),
        ("ServiceRequest.identifier[9].value", []),
        ("ServiceRequest.code.coding.code", ["c1", "c2"]),
        ("ServiceRequest.doNotPerform", [False]),
        ("ServiceRequest.note", []),
        ("ServiceRequest.code.text.more", []),
        ("ServiceRequest.subject.resolve().name.family", ["A"]),
        ("ServiceRequest.subject.resolve()[resourceType=Patient].id", ["1"]),
        ("ServiceRequest.subject.resolve()[resourceType=Device].id", []),
        ("Nothing.at.all", []),
    ],
)
def test_given_a_path_then_these_elements_are_there(path: str, expected: list[Any]) -> None:
    assert found(path) == expected


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("ServiceRequest.identifier[type=ACSN].value", "ServiceRequest.identifier[0].value"),
        ("ServiceRequest.occurrenceDateTime", "ServiceRequest.occurrence"),
        ("ServiceRequest.subject.resolve().name.family", "Patient.name[0].family"),
    ],
)
def test_given_an_element_then_its_place_is_fhirpath(path: str, place: str) -> None:
    scope = ElementScope(
        roots={"ServiceRequest": [Element(REQUEST, "ServiceRequest")]},
        follow=lambda _: PATIENT,
    )
    assert [each.path for each in ElementPath.parse(path).find(scope)] == [place]


@pytest.mark.parametrize(
    "text", ["", ".code", "A..b", "A.b[", "A.b[]", "A b", "A.b.where(x)", "1.b"]
)
def test_given_what_is_no_path_then_that_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is not a path"):
        ElementPath.parse(text)


def write(directory: Path, rows: str, more: str = "") -> Path:
    (directory / "mine.yaml").write_text(f"profile: mine\nextends: fhir-r4\n{more}{rows}")
    return directory


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (
            "rows: {order: [{to: Acession, from: ServiceRequest.id}]}",
            "did you mean AccessionNumber",
        ),
        ("rows: {order: [{to: AccessionNumber}]}", "a row without `from`"),
        ("rows: {order: [{from: ServiceRequest.id}]}", "a row without `to`"),
        ("rows: {order: [{to: AccessionNumber, from: OBR-18}]}", "is not a path"),
        ("rows: {order: [{to: AccessionNumber, from: A.b}]}", "takes identifier, not text"),
        ("rows: {order: [{to: AccessionNumber, from: A.b, as: ei}]}", "unknown transform"),
        ("rows: {order: [{to: RequestingService, from: A.b, as: [upper, text]}]}", "put it first"),
        ("rows: {order: [{to: AdmissionID, from: A.b, as: [concept, upper]}]}", "takes text"),
        ("rows: {step: [{to: Modality, from: A.b, as: {table: none}}]}", "no table"),
        ("imaging: [{path: A.b}]", "a rule without `because`"),
        ("imaging: [{because: x, path: A.b, match: y}]", "a rule without `is`"),
        ("imaging: [{is: imaging, because: x, path: A.b}]", "nothing to hold it against"),
        ("imaging: [{is: imaging, because: x, path: A.b, match: '('}]", "not a regular expression"),
        ("imaging: [{is: maybe, because: x}]", "unknown 'maybe'"),
        ("statuses: {Task: none}", "no table"),
        ("release: R6", "no release"),
    ],
)
def test_given_a_fault_in_a_profile_then_its_line_and_the_fix_are_told(
    tmp_path: Path, rows: str, told: str
) -> None:
    with pytest.raises(ProfileError, match=told) as caught:
        load_fhir_profile("mine", write(tmp_path, rows))
    assert caught.value.file == "mine.yaml"
    assert caught.value.line == 3


def test_given_a_profile_of_its_own_then_only_what_differs_is_said(tmp_path: Path) -> None:
    path = "'ServiceRequest.identifier[system=urn:acc]'"
    rows = f"rows: {{order: [{{to: AccessionNumber, from: {path}, as: identifier}}]}}"
    systems = (
        'systems: {"http://h.example/mrn/": "HOSP&1.2.3&ISO"}\nauthorities: {resources: EHR}\n'
    )
    mine = load_fhir_profile("mine", write(tmp_path, rows, systems))
    theirs = load_fhir_profile("fhir-r4")
    assert mine.systems["http://h.example/mrn"].namespace == "HOSP"
    assert mine.authorities["resources"].namespace == "EHR"
    for level, compiled in theirs.levels.items():
        assert {row.target for row in mine.levels[level]} == {row.target for row in compiled}


def test_given_what_is_shipped_then_every_profile_is_sound() -> None:
    shelf = Shelf.of()
    for name in shelf.profiles("fhir"):
        load_fhir_profile(name)
    assert {"fhir-r4", "fhir-r5"} <= set(shelf.profiles("fhir"))
    assert check_profiles(default_directory()) == []
