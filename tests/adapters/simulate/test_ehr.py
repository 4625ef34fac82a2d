"""The simulated EHR over HTTP: what a FHIR client may rely on, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from bridge.simulate.ehr import Ehr

Answer = tuple[int, dict[str, str], dict[str, Any]]

STUDY_UID = "2.25.7"
STUDY_QUERY = f"ImagingStudy?identifier=urn:dicom:uid%7Curn:oid:{STUDY_UID}"


@pytest.fixture
def client() -> Iterator[HTTPConnection]:
    ehr = Ehr()
    ehr.start()
    connection = HTTPConnection("127.0.0.1", ehr.port, timeout=10)
    yield connection
    connection.close()
    ehr.stop()


def ask(client: HTTPConnection, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode() if body else b""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    client.request(method, f"/fhir/{path}".rstrip("/"), content, named)
    response = client.getresponse()
    return response.status, dict(response.getheaders()), json.loads(response.read())


def patient(value: str = "BN1", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:hosp", "value": value}],
        **more,
    }


def bundle(instances: int = 3, *, subject: str = "urn:uuid:p", **study: Any) -> dict[str, Any]:
    imaging_study = {
        "resourceType": "ImagingStudy",
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{STUDY_UID}"}],
        "status": "available",
        "subject": {"reference": subject},
        "numberOfInstances": instances,
        **study,
    }
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": imaging_study, "request": {"method": "PUT", "url": STUDY_QUERY}},
            {
                "fullUrl": "urn:uuid:p",
                "resource": patient(),
                "request": {
                    "method": "POST",
                    "url": "Patient",
                    "ifNoneExist": "identifier=urn:hosp%7CBN1",
                },
            },
        ],
    }


def test_given_a_transaction_when_posted_then_its_study_points_at_its_patient(
    client: HTTPConnection,
) -> None:
    status, _, answer = ask(client, "POST", "", bundle())
    assert status == 200
    assert [entry["response"]["status"] for entry in answer["entry"]] == [
        "201 Created",
        "201 Created",
    ]
    _, _, found = ask(client, "GET", STUDY_QUERY)
    assert found["total"] == 1
    subject = found["entry"][0]["resource"]["subject"]["reference"]
    assert ask(client, "GET", subject)[2]["identifier"][0]["value"] == "BN1"


def test_given_the_same_transaction_twice_then_one_patient_and_one_study_of_version_2(
    client: HTTPConnection,
) -> None:
    ask(client, "POST", "", bundle(3))
    _, _, answer = ask(client, "POST", "", bundle(4))
    assert [entry["response"]["status"] for entry in answer["entry"]] == ["200 OK", "200 OK"]
    _, _, found = ask(client, "GET", STUDY_QUERY)
    assert found["total"] == 1
    study = found["entry"][0]["resource"]
    assert (study["numberOfInstances"], study["meta"]["versionId"]) == (4, "2")
    assert ask(client, "GET", "Patient")[2]["total"] == 1


def test_given_a_transaction_with_one_bad_entry_then_nothing_of_it_stays(
    client: HTTPConnection,
) -> None:
    status, _, answer = ask(client, "POST", "", bundle(status="bogus"))
    assert status == 422
    assert answer["resourceType"] == "OperationOutcome"
    assert ask(client, "GET", "Patient")[2]["total"] == 0
    assert ask(client, "GET", "ImagingStudy")[2]["total"] == 0


def test_given_a_reference_that_resolves_to_nothing_then_the_transaction_is_undone(
    client: HTTPConnection,
) -> None:
    assert ask(client, "POST", "", bundle(subject="urn:uuid:nobody"))[0] == 400
    assert ask(client, "POST", "", bundle(subject="Patient?identifier=nobody"))[0] == 412
    assert ask(client, "GET", "ImagingStudy")[2]["total"] == 0


def test_given_a_conditional_reference_then_it_becomes_a_literal_one(
    client: HTTPConnection,
) -> None:
    ask(client, "POST", "", bundle(subject="Patient?identifier=urn:hosp%7CBN1"))
    study = ask(client, "GET", STUDY_QUERY)[2]["entry"][0]["resource"]
    assert study["subject"]["reference"].startswith("Patient/")


def test_given_two_holders_of_an_identifier_then_conditional_interactions_answer_412(
    client: HTTPConnection,
) -> None:
    ask(client, "POST", "Patient", patient())
    ask(client, "POST", "Patient", patient())
    query = "identifier=urn:hosp%7CBN1"
    assert ask(client, "PUT", f"Patient?{query}", patient())[0] == 412
    assert ask(client, "POST", "Patient", patient(), If_None_Exist=query)[0] == 412


def test_given_an_old_version_when_updated_with_if_match_then_412(client: HTTPConnection) -> None:
    _, headers, made = ask(client, "POST", "Patient", patient())
    path = f"Patient/{made['id']}"
    newer = {**made, "gender": "female"}
    assert ask(client, "PUT", path, newer, If_Match=headers["ETag"])[0] == 200
    assert ask(client, "PUT", path, newer, If_Match=headers["ETag"])[0] == 412


def test_given_a_changed_identifier_then_the_old_one_finds_nothing(client: HTTPConnection) -> None:
    made = ask(client, "POST", "Patient", patient("OLD"))[2]
    ask(client, "PUT", f"Patient/{made['id']}", {**patient("NEW"), "id": made["id"]})
    assert ask(client, "GET", "Patient?identifier=urn:hosp%7COLD")[2]["total"] == 0
    assert ask(client, "GET", "Patient?identifier=urn:hosp%7CNEW")[2]["total"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "Patient/404", None, 404),
        ("GET", "Patient?colour=red", None, 400),
        ("POST", "Patient", b"{not json", 400),
        ("POST", "Patient", {"resourceType": "Device"}, 400),
        ("POST", "", {"resourceType": "Bundle", "type": "batch"}, 400),
        ("PUT", "ImagingStudy/1", {"resourceType": "ImagingStudy", "status": "available"}, 422),
    ],
)
def test_given_what_it_cannot_do_then_it_says_so_in_an_operation_outcome(
    client: HTTPConnection, method: str, path: str, body: Any, status: int
) -> None:
    answer = ask(client, method, path, body)
    assert answer[0] == status
    assert answer[2]["resourceType"] == "OperationOutcome"
    assert answer[2]["issue"][0]["diagnostics"]


def test_given_metadata_is_asked_for_then_it_names_r4_and_transactions(
    client: HTTPConnection,
) -> None:
    statement = ask(client, "GET", "metadata")[2]
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["rest"][0]["interaction"] == [{"code": "transaction"}]
