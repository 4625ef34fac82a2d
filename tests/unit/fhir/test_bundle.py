from __future__ import annotations

from dataclasses import replace
from typing import Any

import fhirkit
import pytest
from fhir.resources.R4B.bundle import Bundle

from bridge.fhir.bundle import Action, Content, digest, with_references
from bridge.fhir.composition import Manner
from bridge.fhir.endpoint import CONNECTIONS, Access, endpoint_resource, viewer_endpoint
from bridge.fhir.planning import amend
from bridge.fhir.releases import Release, in_release
from bridge.fhir.study_composition import StudyComposer
from bridge.fhir.validation import check
from bridge.mapping.ehr_profiles import EhrProfile
from tests.unit.fhir.requests import requests_to_write
from tests.unit.fhir.studies import a_patient, published

WADO = Access(identifier="urn:bridge:HOSP:wado-rs", address="http://127.0.0.1:8080/dicom-web/")


def content(patient_id: str = "P1", **manner: Any) -> Content:
    composer = StudyComposer(Manner(**{"access": (WADO,), **manner}))
    return composer.study(published(patient=a_patient(patient_id)), "1.2.3")


def bundle() -> dict[str, Any]:
    [asked] = requests_to_write(content(), EhrProfile())
    found: dict[str, Any] = asked["body"]
    return found


def test_given_a_study_when_bundled_then_repeating_it_changes_nothing() -> None:
    assert [entry["request"] for entry in bundle()["entry"]] == [
        {
            "method": "POST",
            "url": "Patient",
            "ifNoneExist": "identifier=urn%3Aid%3AHOSP%7CP1",
        },
        {
            "method": "PUT",  # the first time, so that a changed address reaches the server
            "url": "Endpoint?identifier=urn%3Aietf%3Arfc%3A3986%7Curn%3Abridge%3AHOSP%3Awado-rs",
        },
        {
            "method": "PUT",
            "url": "ImagingStudy?identifier=urn%3Adicom%3Auid%7Curn%3Aoid%3A1.2.3",
        },
    ]
    assert bundle() == bundle()


def test_given_a_bundle_when_validated_then_two_validators_agree() -> None:
    Bundle.model_validate(bundle())
    assert [str(issue) for issue in fhirkit.validate(bundle())] == []


def test_given_a_bundle_when_read_then_its_references_name_its_entries() -> None:
    patient, endpoint, study = bundle()["entry"]
    assert study["resource"]["subject"]["reference"] == patient["fullUrl"]
    assert study["resource"]["endpoint"] == [{"reference": endpoint["fullUrl"]}]
    assert len({patient["fullUrl"], endpoint["fullUrl"], study["fullUrl"]}) == 3


def test_given_the_same_content_when_digested_then_only_news_changes_it() -> None:
    same = content()
    assert digest(same, "ehr") == digest(content(), "ehr")
    assert digest(same, "ehr") != digest(same, "another ehr")
    assert digest(same, "ehr") != digest(content("P2"), "ehr")
    assert digest(same, "ehr") != digest(content(access=()), "ehr")
    changed = (replace(same[0], action=Action.UPDATE), *same[1:])
    assert digest(same, "ehr") != digest(changed, "ehr")


def test_given_references_when_some_are_known_then_what_stands_for_nothing_is_left_out() -> None:
    numbered = {"reference": "urn:b", "identifier": {"value": "A1"}}
    resource = {
        "subject": {"reference": "urn:a", "type": "Patient"},
        "basedOn": [numbered, {"reference": "urn:b", "type": "ServiceRequest"}],
        "endpoint": [{"reference": "urn:b"}],
    }
    assert with_references(resource, {"urn:a": "Patient/1", "urn:b": ""}) == {
        "subject": {"reference": "Patient/1", "type": "Patient"},
        "basedOn": [{"identifier": {"value": "A1"}}],
    }


@pytest.mark.parametrize(
    ("held", "said", "becomes"),
    [
        ("active", "completed", "completed"),
        ("completed", "active", "active"),
        ("entered-in-error", "completed", "entered-in-error"),
        ("draft", "active", "draft"),
        ("on-hold", "revoked", "revoked"),
        ("active", "", "active"),
    ],
)
def test_given_an_order_of_the_servers_when_amended_then_its_own_word_stands(
    held: str, said: str, becomes: str
) -> None:
    there = {"resourceType": "ServiceRequest", "id": "1", "status": held, "note": [{"text": "n"}]}
    accession = {"system": "urn:id:HOSP", "value": "A1"}
    ours = {"resourceType": "ServiceRequest", "identifier": [accession]}
    amended = amend(there, {**ours, **({"status": said} if said else {})})
    assert amended == {**there, "status": becomes, "identifier": [accession]}
    assert amend(amended, {**ours, **({"status": said} if said else {})}) is None


@pytest.mark.parametrize("connection", CONNECTIONS)
@pytest.mark.parametrize("release", Release)
def test_given_any_way_to_the_images_when_told_then_it_is_a_valid_endpoint(
    connection: str, release: Release
) -> None:
    access = Access(identifier="urn:x:1", address="http://127.0.0.1/", connection=connection)
    resource = endpoint_resource(access)
    check(in_release(resource, release), release)
    assert resource["address"] == "http://127.0.0.1"
    assert [str(issue) for issue in fhirkit.validate(resource)] == []


@pytest.mark.parametrize("release", Release)
def test_given_a_viewer_when_told_then_it_is_a_valid_endpoint(release: Release) -> None:
    resource = viewer_endpoint("https://viewer.example/?study=1.2.3")
    check(in_release(resource, release), release)
    assert [str(issue) for issue in fhirkit.validate(resource)] == []
