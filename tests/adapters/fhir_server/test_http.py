"""The FHIR server as HTTP clients see it: statuses, headers, media types, limits."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from bridge.domain.errors import ResourceBusy
from tests.adapters.fhir_server.conftest import MAX_BODY, Served
from tests.unit.fhir_server.house import JSON, patient
from tests.unit.services.core import order

FHIR = {"content-type": JSON}


def test_a_resource_is_created_and_read(served: Served) -> None:
    made = served.http.post("/Patient", json=patient(), headers=FHIR)
    assert made.status_code == 201
    assert made.headers["content-type"] == f"{JSON}; fhirVersion=4.0; charset=utf-8"
    assert made.headers["location"].endswith(f"/_history/{made.json()['meta']['versionId']}")
    name = made.json()["id"]
    read = served.http.get(f"/Patient/{name}")
    assert read.json() == made.json()
    assert read.headers["etag"] == made.headers["etag"]
    again = served.http.get(f"/Patient/{name}", headers={"if-none-match": read.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_base_is_posted_to_with_and_without_a_slash(served: Served) -> None:
    bundle = {"resourceType": "Bundle", "type": "batch"}
    for url in (served.url, f"{served.url}/"):
        answer = served.http.post(url, json=bundle, headers=FHIR, follow_redirects=False)
        assert answer.status_code == 200
        assert answer.json()["type"] == "batch-response"


def test_head_says_what_get_says_without_a_body(served: Served) -> None:
    served.core.place(order("NW"))
    got, head = served.http.get("/ServiceRequest"), served.http.head("/ServiceRequest")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == got.headers["content-length"]
    read = served.http.head("/ServiceRequest/order-1")
    assert read.headers["etag"]


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("PUT", "/metadata", 405, "GET, HEAD"),
        ("TRACE", "/Patient", 405, "GET, POST, PUT, PATCH, DELETE, HEAD"),
        ("OPTIONS", "/Patient/1", 405, "GET, PUT, PATCH, DELETE, HEAD"),
    ],
)
def test_a_method_that_is_not_done_names_those_that_are(
    served: Served, method: str, path: str, status: int, allow: str
) -> None:
    answer = served.http.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (status, allow)
    assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_beyond_the_limit_is_not_read(served: Served, declared: bool) -> None:
    body = b" " * (MAX_BODY + 1)
    content = body if declared else iter([body[:70_000]] * 4)
    answer = served.http.post("/Patient", content=content, headers=FHIR)
    assert answer.status_code == 413
    assert answer.json()["issue"][0]["code"] == "too-long"


def test_the_request_id_comes_back(served: Served) -> None:
    answer = served.http.get("/Patient/none", headers={"x-request-id": "abc"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (404, "abc")


def test_the_release_is_the_clients_choice(served: Served) -> None:
    wanted = {"accept": "application/fhir+json; fhirVersion=5.0"}
    answer = served.http.get("/metadata", headers=wanted)
    assert answer.json()["fhirVersion"] == "5.0.0"
    assert "fhirVersion=5.0" in answer.headers["content-type"]
    assert served.http.get("/metadata").json()["fhirVersion"] == "4.0.1"
    unknown = served.http.get("/metadata", headers={"accept": f"{JSON}; fhirVersion=3.0"})
    assert unknown.status_code == 406
    assert "XML" in served.http.get("/Patient?_format=xml").json()["issue"][0]["diagnostics"]


def test_a_busy_database_says_when_to_try_again(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_work: object) -> None:
        raise ResourceBusy("the database cannot be reached just now")

    monkeypatch.setattr(served.core.store, "transact", busy)
    monkeypatch.setattr(served.core.store, "read", busy)
    for answer in (
        served.http.post("/Patient", json=patient(), headers=FHIR),
        served.http.get("/Patient"),
    ):
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert answer.json()["issue"][0]["code"] == "transient"


def test_an_error_of_ours_tells_nothing_of_it(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_work: object) -> None:
        raise ValueError("TRAN^MAI")

    monkeypatch.setattr(served.core.store, "read", broken)
    answer = served.http.get("/Patient")
    assert answer.status_code == 500
    assert answer.json()["issue"][0]["code"] == "exception"
    assert "MAI" not in answer.text


def test_a_client_that_goes_away_harms_nobody(served: Served) -> None:
    address = urlsplit(served.url)
    with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
        connection.sendall(
            b"POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n{"
        )
    assert served.http.get("/metadata").status_code == 200


def test_odd_bytes_in_a_query_are_no_error(served: Served) -> None:
    for query in ("name=%ff%00", "identifier=%00", "_id=%00", "patient=%00", "name=%f0%9f%98%80"):
        path = "ServiceRequest" if query.startswith("patient") else "Patient"
        assert served.http.get(f"/{path}?{query}").status_code in (200, 400), query


@pytest.mark.parametrize(
    "path", ["/Patient/a%0Ab", "/%0A", "/Patient/a/_history/%0A", "/a/b/c/d/e"]
)
def test_odd_paths_are_not_found_as_anything_else(served: Served, path: str) -> None:
    answer = served.http.get(path)
    assert answer.status_code == 404
    assert answer.json()["resourceType"] == "OperationOutcome"
