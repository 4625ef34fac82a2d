"""R4 and R5 of one order; Tasks that clients write, change and delete."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.fhir.reading import check_resource
from bridge.fhir.releases import Release
from tests.unit.fhir_server.house import DCM, ORDERS, TYPES, Desk, Json, patient, problem, request
from tests.unit.services.core import Core, order

R5 = "application/fhir+json; fhirVersion=5.0"


def r5_request(subject: str) -> Json:
    kind = {"coding": [{"system": TYPES, "code": "PLAC"}]}
    return {
        "resourceType": "ServiceRequest",
        "identifier": [{"type": kind, "system": ORDERS, "value": "O5"}],
        "status": "active",
        "intent": "order",
        "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "363679005"}]}],
        "code": {
            "concept": {
                "coding": [{"system": DCM, "code": "CT"}],
                "text": "CT head",
            }
        },
        "subject": {"reference": subject},
        "occurrenceDateTime": "2026-01-05T09:00:00Z",
    }


def test_a_request_in_r5_is_an_order_and_is_read_in_both_releases(core: Core, desk: Desk) -> None:
    subject = f"Patient/{desk.post(patient())['id']}"
    answer = desk.ask("POST", "ServiceRequest", r5_request(subject), R5)
    assert answer.status == 201, answer
    assert "fhirVersion=5.0" in answer.headers["Content-Type"]
    assert answer.content
    assert core.entry()["modality"] == "CT"
    at = f"ServiceRequest/{answer.content['id']}"
    new, old = desk.get(at, accept=R5), desk.get(at)
    assert new["code"]["concept"]["text"] == "CT head"
    assert old["code"]["text"] == "CT head"
    assert check_resource(new, Release.R5) == ()
    assert check_resource(old, Release.R4) == ()
    assert old["subject"]["reference"] == subject
    for accept in (R5, "application/fhir+json"):
        found = desk.get("ServiceRequest?identifier=O5", accept=accept)
        assert [each["resource"]["id"] for each in found["entry"]] == [answer.content["id"]]


def test_what_only_one_release_can_say_is_not_given_in_the_other(desk: Desk) -> None:
    device = {
        "resourceType": "Device",
        "identifier": [{"value": "D1"}],
        "displayName": "CT 1",
    }
    written = desk.ask("POST", "Device", device, R5)
    assert written.status == 201
    assert written.content
    at = f"Device/{written.content['id']}"
    assert desk.get(at, accept=R5)["displayName"] == "CT 1"
    assert problem(desk.ask("GET", at)) == (406, "not-supported", "http.accept")
    found = desk.get("Device?identifier=D1")
    assert [each["search"]["mode"] for each in found["entry"]] == ["outcome"]
    same = desk.post({"resourceType": "Organization", "name": "HOSP"})
    assert desk.get(f"Organization/{same['id']}", accept=R5)["name"] == "HOSP"


def test_a_body_of_no_known_release_is_not_taken(desk: Desk) -> None:
    answer = desk.ask("POST", "Patient", patient(), "application/fhir+json; fhirVersion=3.0")
    assert problem(answer)[0] == 415


def task(focus: str, **elements: Any) -> Json:
    return {
        "resourceType": "Task",
        "identifier": [{"value": "STEP1"}],
        "status": "requested",
        "intent": "order",
        "focus": {"reference": focus},
        **elements,
    }


def test_a_task_of_a_request_is_its_step(core: Core, desk: Desk) -> None:
    subject = f"Patient/{desk.post(patient())['id']}"
    asked = desk.post(request(subject))
    written = desk.post(
        task(
            f"ServiceRequest/{asked['id']}",
            restriction={"period": {"start": "2026-01-09T07:00:00Z"}},
        )
    )
    (entry,) = core.worklist()
    assert (entry["sps_id"], entry["start"]) == ("STEP1", "20260109070000")
    assert desk.ids("Task") == [written["id"]]
    assert desk.get(f"Task/{written['id']}")["status"] == "requested"


@pytest.mark.parametrize("way", ["DELETE", "cancelled", "rejected"])
def test_a_task_that_is_taken_back_leaves_the_worklist(core: Core, desk: Desk, way: str) -> None:
    core.place(order("NW", placer="PL1"))
    (step,) = desk.find("Task")
    if way == "DELETE":
        assert desk.ask("DELETE", f"Task/{step['id']}").status == 204
        assert desk.ids("Task") == []
        assert desk.ask("GET", f"Task/{step['id']}").status == 410
    else:
        answer = desk.ask("PUT", f"Task/{step['id']}", {**step, "status": way})
        assert answer.status == 200, answer
        assert desk.ids("Task?status=cancelled") == [step["id"]]
    assert core.worklist() == []
    assert desk.get("ServiceRequest/order-1")["status"] == "revoked"


def test_a_task_that_is_done_completes_its_step(core: Core, desk: Desk) -> None:
    core.place(order("NW", placer="PL1"))
    (step,) = desk.find("Task")
    patch = [{"op": "replace", "path": "/status", "value": "completed"}]
    answer = desk.ask("PATCH", f"Task/{step['id']}", patch, "application/json-patch+json")
    assert answer.status == 200, answer
    assert desk.get("ServiceRequest/order-1")["status"] == "completed"


def test_a_task_of_an_unknown_request_is_refused(desk: Desk) -> None:
    refused = desk.ask("POST", "Task", task("ServiceRequest/none"))
    assert problem(refused) == (422, "not-found", "Task.focus.reference")


def test_a_request_without_any_number_is_known_by_its_id(core: Core, desk: Desk) -> None:
    subject = f"Patient/{desk.post(patient())['id']}"
    written = desk.post(request(subject) | {"identifier": []})
    assert len(core.worklist()) == 1
    again = desk.ask("PUT", f"ServiceRequest/{written['id']}", {**written, "status": "revoked"})
    assert again.status == 200
    assert core.worklist() == []


def test_a_hold_and_its_release(core: Core, desk: Desk) -> None:
    subject = f"Patient/{desk.post(patient())['id']}"
    written = desk.post(request(subject))
    at = f"ServiceRequest/{written['id']}"
    desk.ask("PUT", at, {**written, "status": "on-hold"})
    assert core.worklist() == []
    assert desk.ids("ServiceRequest?status=on-hold") == [written["id"]]
    desk.ask("PUT", at, {**written, "status": "active"})
    assert len(core.worklist()) == 1
    assert desk.get(at)["status"] == "active"


def test_an_order_replaced_by_another_is_revoked(core: Core, desk: Desk) -> None:
    subject = f"Patient/{desk.post(patient())['id']}"
    old = desk.post(request(subject))
    new = desk.post(request(subject, "O2", replaces=[{"reference": f"ServiceRequest/{old['id']}"}]))
    assert desk.get(f"ServiceRequest/{old['id']}")["status"] == "revoked"
    assert desk.ids("ServiceRequest?status=active") == [new["id"]]
