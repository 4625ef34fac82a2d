"""What the server says of itself is what it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.fhir.reading import check_resource
from bridge.fhir.releases import Release
from bridge.fhir.server.capability import INTERACTIONS
from bridge.fhir.server.parameters import ParameterType
from bridge.fhir.server.reference import MARK, reference
from bridge.fhir.server.resource_types import EVERYWHERE, TYPES
from bridge.fhir.server.subsetting import _REQUIRED
from bridge.services.find_records import RecordKind
from bridge.store.record_fields import field_of
from tests.unit.fhir_server.house import BASE, Desk, problem

REPOSITORY = Path(__file__).parents[3]


def test_the_page_is_current() -> None:
    """Put what `python -m bridge.fhir.server` writes behind the mark when this fails."""
    page = (REPOSITORY / "docs" / "conformance" / "fhir-server.md").read_text(encoding="utf-8")
    assert page[page.index(MARK) :] == reference()


@pytest.mark.parametrize("release", Release)
def test_the_statement_is_valid_in_its_release(desk: Desk, release: Release) -> None:
    accept = f"application/fhir+json; fhirVersion={release.value[1]}.0"
    statement = desk.get("metadata", accept=accept)
    assert check_resource(statement, release) == ()
    assert statement["implementation"]["url"] == BASE


@pytest.mark.parametrize("name", TYPES)
def test_every_parameter_can_be_asked(desk: Desk, name: str) -> None:
    values = {ParameterType.DATE: "2026", ParameterType.REFERENCE: f"{name}/1"}
    for parameter in (*EVERYWHERE, *TYPES[name].parameters):
        for suffix in ("", ":missing"):
            if suffix and parameter.name.startswith("_"):
                continue
            value = "true" if suffix else values.get(parameter.type, "x")
            answer = desk.ask(
                "GET", f"{name}?{parameter.name}{suffix}={value}", prefer="handling=strict"
            )
            assert answer.status == 200, (parameter.name, answer)


@pytest.mark.parametrize("name", TYPES)
def test_every_inclusion_can_be_asked(desk: Desk, name: str) -> None:
    for include in TYPES[name].includes:
        desk.get(f"{name}?_include={name}:{include}")
    for include in TYPES[name].revincludes:
        kind, _, parameter = include.partition(":")
        found = TYPES[kind].parameter(parameter)
        assert found
        assert name in found.targets
        desk.get(f"{name}?_revinclude={include}")


def test_every_field_is_one_of_the_store() -> None:
    for type_ in TYPES.values():
        for parameter in (*EVERYWHERE, *type_.parameters):
            if type_.kind is not None and parameter.field:
                assert field_of(type_.kind, parameter.field) is not None
    assert {each.kind for each in TYPES.values() if each.kind} == set(RecordKind) - {
        RecordKind.RESOURCE
    }


def test_no_interaction_that_is_said_is_not_done(desk: Desk) -> None:
    assert "delete" in INTERACTIONS
    for name in TYPES:
        for method, path in (
            ("GET", f"{name}/none"),
            ("GET", f"{name}/none/_history"),
            ("GET", f"{name}/none/_history/1"),
            ("DELETE", f"{name}/none"),
        ):
            assert problem(desk.ask(method, path))[:2] == (404, "not-found")
    assert _REQUIRED.keys() <= TYPES.keys() | {"Bundle"}
