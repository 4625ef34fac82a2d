from __future__ import annotations

from dataclasses import replace
from typing import Any

import fhirkit
import pytest
from fhir.resources.R4B.bundle import Bundle

from bridge.fhir.bundle import Content, PatientPolicy, token_criteria, transaction
from bridge.fhir.endpoint import CONNECTIONS, Access, endpoint_resource
from bridge.fhir.identifiers import IdentifierSystems
from bridge.fhir.imaging_study import Rendering, imaging_study
from bridge.fhir.patient import patient_resource
from bridge.fhir.releases import Release, in_release
from bridge.fhir.validation import check
from tests.unit.fhir.studies import a_patient, published

ENDPOINT = endpoint_resource(
    Access(identifier="urn:bridge:HOSP:wado-rs", address="http://127.0.0.1:8080/dicom-web/")
)


def content(patient_id: str = "P1") -> Content:
    patient = a_patient(patient_id)
    study = imaging_study(published(patient=patient), Rendering())
    resource = patient_resource(patient, IdentifierSystems())
    return Content(
        study=study,
        study_criteria=token_criteria(study["identifier"][0]),
        patient=resource,
        patient_criteria=token_criteria(resource["identifier"][0]),
        endpoints=((ENDPOINT, token_criteria(ENDPOINT["identifier"][0])),),
    )


def bundle(**keywords: Any) -> dict[str, Any]:
    arguments = {"policy": PatientPolicy.CREATE, "source": "urn:bridge#1"} | keywords
    return transaction(content(), arguments.pop("requests", []), **arguments)


def requests_of(bundle: dict[str, Any]) -> list[dict[str, str]]:
    return [entry["request"] for entry in bundle["entry"]]


def test_given_a_study_when_bundled_then_repeating_it_changes_nothing() -> None:
    assert requests_of(bundle()) == [
        {
            "method": "POST",
            "url": "Patient",
            "ifNoneExist": "identifier=urn%3Aid%3AHOSP%7CP1",
        },
        {
            "method": "POST",
            "url": "Endpoint",
            "ifNoneExist": "identifier=urn%3Aietf%3Arfc%3A3986%7Curn%3Abridge%3AHOSP%3Awado-rs",
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
    assert study["resource"]["meta"] == {"source": "urn:bridge#1"}


def test_given_patients_of_ours_when_bundled_then_they_are_updated() -> None:
    first = requests_of(bundle(policy=PatientPolicy.UPDATE))[0]
    assert first == {"method": "PUT", "url": "Patient?identifier=urn%3Aid%3AHOSP%7CP1"}


def test_given_patients_of_the_servers_when_bundled_then_none_is_sent() -> None:
    entries = bundle(policy=PatientPolicy.SEARCH, patient="Patient/7")["entry"]
    assert [e["resource"]["resourceType"] for e in entries] == ["Endpoint", "ImagingStudy"]
    assert entries[-1]["resource"]["subject"]["reference"] == "Patient/7"
    assert entries[-1]["resource"]["subject"]["identifier"]["value"] == "P1"


@pytest.mark.parametrize("found", ["", "ServiceRequest/9"])
def test_given_an_order_when_bundled_then_its_number_stands_beside_its_reference(
    found: str,
) -> None:
    [based_on] = bundle(requests=[found])["entry"][-1]["resource"]["basedOn"]
    assert based_on["identifier"]["value"] == "A1"
    assert based_on.get("reference", "") == found


def test_given_an_address_to_make_known_when_bundled_then_the_endpoint_is_updated() -> None:
    assert requests_of(bundle(refresh_endpoints=True))[1]["method"] == "PUT"


def test_given_the_same_content_when_digested_then_only_news_changes_it() -> None:
    same = content()
    assert same.digest("ehr") == content().digest("ehr")
    assert same.digest("ehr") != same.digest("another ehr")
    assert same.digest("ehr") != content("P2").digest("ehr")
    assert same.digest("ehr") != replace(same, endpoints=()).digest("ehr")


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
