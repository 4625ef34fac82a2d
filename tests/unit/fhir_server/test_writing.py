"""What clients write becomes order events, and comes back as it was written."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from sqlalchemy import select

from bridge.domain.journal import Disposition
from bridge.domain.performed_step import ScheduledReference
from bridge.store.tables import message
from tests.unit.fhir_server.house import (
    BASE,
    MRN,
    ORDERS,
    Desk,
    Json,
    form,
    patient,
    problem,
    request,
)
from tests.unit.services.core import Core, order

PATCH = "application/json-patch+json"


def admitted(desk: Desk, mrn: str = "P1") -> str:
    return f"Patient/{desk.post(patient(mrn))['id']}"


def ordered(desk: Desk, placer: str = "O1", **elements: Any) -> Json:
    found = desk.find(f"Patient?identifier={MRN}|P1")
    subject = f"Patient/{found[0]['id']}" if found else admitted(desk)
    return desk.post(request(subject, placer, **elements))


def journal(core: Core) -> list[tuple[str, str]]:
    with core.database.read() as connection:
        rows = connection.execute(select(message.c.type, message.c.disposition)).all()
        return [(row.type, row.disposition) for row in rows]


# --- create


def test_a_request_is_on_the_worklist_and_comes_back_as_written(core: Core, desk: Desk) -> None:
    subject = admitted(desk)
    written = request(subject, note=[{"text": "claustrophobic"}])

    answer = desk.ask("POST", "ServiceRequest", written)

    assert answer.status == 201
    assert answer.content
    kept = answer.content
    assert answer.headers["Location"] == (
        f"{BASE}/ServiceRequest/{kept['id']}/_history/{kept['meta']['versionId']}"
    )
    assert answer.headers["ETag"] == f'W/"{kept["meta"]["versionId"]}"'
    entry = core.entry()
    assert (entry["patient_id"], entry["code"], entry["start"]) == (
        "P1",
        "CTHEAD",
        "20260105090000",
    )
    read = desk.get(f"ServiceRequest/{kept['id']}")
    assert read == kept
    assert {k: v for k, v in read.items() if k in written} | {"identifier": 0} == (
        written | {"identifier": 0}
    )
    placer, accession = read["identifier"]
    assert placer == written["identifier"][0]
    assert accession["value"] == entry["accession"]
    assert journal(core)[-1] == ("POST ServiceRequest", Disposition.APPLIED.value)


def test_the_second_create_with_if_none_exist_does_nothing(core: Core, desk: Desk) -> None:
    where = f"identifier={MRN}|P1"
    first = desk.ask("POST", "Patient", patient(), if_none_exist=where)
    again = desk.ask("POST", "Patient", patient(), if_none_exist=where)
    assert (first.status, again.status) == (201, 200)
    assert again.content == first.content
    assert len(desk.ids("Patient")) == 1
    assert journal(core)[-1][1] == Disposition.NOTED.value


def test_criteria_that_find_several_or_say_nothing_are_refused(desk: Desk) -> None:
    desk.post(patient("P1"))
    desk.post(patient("P2"))
    several = desk.ask("POST", "Patient", patient("P3"), if_none_exist="gender=female")
    assert problem(several) == (412, "multiple-matches", "Patient")
    assert problem(desk.ask("POST", "Patient", patient("P3"), if_none_exist="_count=1"))[0] == 412
    unknown = desk.ask("POST", "Patient", patient("P3"), if_none_exist="shoe=44")
    assert problem(unknown)[0] == 400


def test_the_same_request_again_is_answered_again_and_done_once(core: Core, desk: Desk) -> None:
    first = desk.ask("POST", "Patient", patient(), x_request_id="R-1")
    core.now += 5
    again = desk.ask("POST", "Patient", patient(), x_request_id="R-1")
    assert again == first
    other = desk.ask("POST", "Patient", patient("P2"), x_request_id="R-1")
    assert other.status == 201
    assert [each for _, each in journal(core)] == ["applied", "duplicate", "applied"]


def test_an_order_that_came_by_hl7_is_the_same_order(core: Core, desk: Desk) -> None:
    core.place(order("NW", placer="PL1"))
    (held,) = desk.find("ServiceRequest")
    again = request("Patient/patient-1", "PL1", priority="stat")
    again["identifier"][0]["system"] = "urn:id:KIS"
    written = desk.post(again)
    assert desk.ids("ServiceRequest") == [held["id"]]
    assert desk.get(f"ServiceRequest/{written['id']}")["priority"] == "stat"
    assert desk.get("ServiceRequest/order-1")["priority"] == "stat"
    assert len(core.worklist()) == 1


def test_what_is_no_imaging_order_is_kept_and_reaches_no_worklist(core: Core, desk: Desk) -> None:
    subject = admitted(desk)
    category = [{"coding": [{"system": "http://snomed.info/sct", "code": "108252007"}]}]
    code = {"coding": [{"system": "http://loinc.org", "code": "57698-3"}], "text": "Lipid panel"}
    written = desk.post(request(subject, category=category, code=code, orderDetail=[]) | {})
    assert core.worklist() == []
    assert desk.ids("ServiceRequest?code=57698-3") == [written["id"]]
    assert desk.ids(f"ServiceRequest?identifier={ORDERS}|O1") == [written["id"]]
    assert desk.ids(f"ServiceRequest?patient={subject}&status=active") == [written["id"]]
    assert desk.ids("ServiceRequest?patient.identifier=P1") == [written["id"]]


def test_what_was_odd_is_in_the_journal(core: Core, desk: Desk) -> None:
    desk.post(patient(address=[]))
    with core.database.read() as connection:
        warnings = connection.execute(select(message.c.warnings)).scalar_one()
    assert any("Patient.address" in each for each in warnings)


# --- update


def test_an_update_by_id_creates_and_then_changes(core: Core, desk: Desk) -> None:
    written = patient() | {"id": "mai-1"}
    first = desk.ask("PUT", "Patient/mai-1", written)
    assert first.status == 201
    second = desk.ask("PUT", "Patient/mai-1", written | {"birthDate": "1971-02-03"})
    assert second.status == 200
    assert desk.get("Patient/mai-1")["birthDate"] == "1971-02-03"
    assert desk.ids("Patient?birthdate=1971-02-03") == ["mai-1"]
    assert second.content
    assert second.content["meta"]["versionId"].startswith("2-")
    core.place(order("NW", accession="A7"))
    assert desk.ids("Patient") == ["mai-1", "patient-2"]


def test_a_conditional_update_creates_changes_or_is_refused(desk: Desk) -> None:
    where = f"Patient?identifier={MRN}|P1"
    first = desk.ask("PUT", where, patient())
    second = desk.ask("PUT", where, patient(gender="male"))
    assert (first.status, second.status) == (201, 200)
    assert first.content
    assert second.content
    assert first.content["id"] == second.content["id"]
    other = desk.ask("PUT", where, patient() | {"id": "else"})
    assert problem(other)[0] == 400


def test_an_update_of_another_version_is_refused(desk: Desk) -> None:
    first = desk.ask("PUT", "Patient/a", patient() | {"id": "a"})
    changed = patient(gender="male") | {"id": "a"}
    good = desk.ask("PUT", "Patient/a", changed, if_match=first.headers["ETag"])
    assert good.status == 200
    stale = desk.ask("PUT", "Patient/a", changed, if_match=first.headers["ETag"])
    assert problem(stale)[:2] == (412, "conflict")
    assert desk.ask("PUT", "Patient/a", changed, if_none_match="*").status == 412
    assert desk.ask("PUT", "Patient/b", changed | {"id": "b"}, if_match='W/"1"').status == 412


def test_a_request_changed_by_hl7_is_of_another_version(core: Core, desk: Desk) -> None:
    core.place(order("NW", placer="PL1"))
    before = desk.ask("GET", "ServiceRequest/order-1").headers["ETag"]
    core.place(order("CA", placer="PL1"))
    written = desk.get("ServiceRequest/order-1")
    stale = desk.ask("PUT", "ServiceRequest/order-1", written, if_match=before)
    assert stale.status == 412


@pytest.mark.parametrize(
    ("path", "identity", "status"),
    [
        ("Patient/a", {"id": "b"}, 400),
        ("Patient/a", {}, 400),
        ("Patient/patient-77", {"id": "patient-77"}, 422),
        ("Patient/a b", {"id": "a b"}, 404),
        ("Patient", {"id": "a"}, 405),
    ],
)
def test_ids_that_do_not_fit_are_refused(
    desk: Desk, path: str, identity: Json, status: int
) -> None:
    assert problem(desk.ask("PUT", path, patient() | identity))[0] == status


def test_a_rescheduled_step_is_seen_in_what_was_written(core: Core, desk: Desk) -> None:
    written = ordered(desk)
    assert core.worklist()
    changed = {**written, "occurrenceDateTime": "2026-01-06T10:00:00Z"}
    desk.ask("PUT", f"ServiceRequest/{written['id']}", changed)
    assert core.entry()["start"] == "20260106100000"
    assert desk.ids("ServiceRequest?occurrence=2026-01-06") == [written["id"]]


def test_a_revoked_request_leaves_the_worklist(core: Core, desk: Desk) -> None:
    written = ordered(desk)
    answer = desk.ask("PUT", f"ServiceRequest/{written['id']}", {**written, "status": "revoked"})
    assert answer.status == 200
    assert core.worklist() == []
    assert desk.ids("ServiceRequest?status=revoked") == [written["id"]]


def test_what_the_patient_is_called_elsewhere_is_laid_over(core: Core, desk: Desk) -> None:
    written = desk.post(patient(telecom=[{"system": "phone", "value": "1"}]))
    at = written["id"]
    core.now += 1
    again = patient(name=[{"family": "LE", "given": ["MAI"]}])
    desk.post(again)
    found = desk.get(f"Patient/{at}")
    assert found["name"][0]["family"] == "LE"
    assert found["telecom"] == [{"system": "phone", "value": "1"}]


# --- patch

BOMB = [
    {"op": "add", "path": "/extension", "value": [[0] * 50]},
    *[{"op": "copy", "path": "/extension/-", "from": "/extension"}] * 60,
]


def test_a_patch_changes_what_it_names(core: Core, desk: Desk) -> None:
    written = ordered(desk)
    at = f"ServiceRequest/{written['id']}"
    patch = [{"op": "replace", "path": "/status", "value": "revoked"}]
    answer = desk.ask("PATCH", at, patch, PATCH)
    assert answer.status == 200
    assert core.worklist() == []
    assert desk.get(at)["status"] == "revoked"


def test_a_patch_of_an_hl7_order_is_an_order_event(core: Core, desk: Desk) -> None:
    core.place(order("NW", placer="PL1"))
    patch = [{"op": "replace", "path": "/status", "value": "revoked"}]
    assert desk.ask("PATCH", "ServiceRequest/order-1", patch, PATCH).status == 200
    assert core.worklist() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([{"op": "test", "path": "/status", "value": "draft"}], 409),
        ([{"op": "remove", "path": "/nothing"}], 422),
        ([{"op": "replace", "path": "/id", "value": "x"}], 422),
        ([{"op": "replace", "path": "", "value": []}], 422),
        ([{"op": "add", "path": "/identifier/x", "value": 1}], 422),
        ([{"op": "move", "path": "/a", "from": 3}], 422),
        ([{"op": "copy", "path": "/note/-", "from": "/note"}] * 2, 422),
        (BOMB, 422),
        (b'[{"op": "add", "path": "/note", "value": 1e999}]', 400),
        ([{"op": "grow", "path": "/status"}], 400),
        ({"op": "remove"}, 400),
        ([1], 400),
        ([{"op": "remove", "path": "/subject"}], 422),
    ],
)
def test_a_patch_that_makes_no_sense_is_refused(desk: Desk, body: Any, status: int) -> None:
    written = ordered(desk)
    answer = desk.ask("PATCH", f"ServiceRequest/{written['id']}", body, PATCH)
    assert problem(answer)[0] == status
    assert desk.get(f"ServiceRequest/{written['id']}") == written


def test_a_patch_is_of_its_own_media_type(desk: Desk) -> None:
    assert problem(desk.ask("PATCH", "Patient/a", [], "application/json"))[0] == 415


# --- delete


def test_a_deleted_request_is_cancelled_and_gone(core: Core, desk: Desk) -> None:
    written = ordered(desk)
    at = f"ServiceRequest/{written['id']}"
    assert desk.ask("DELETE", at).status == 204
    assert core.worklist() == []
    assert problem(desk.ask("GET", at))[:2] == (410, "deleted")
    assert desk.ids("ServiceRequest") == []
    assert desk.ask("DELETE", at).status == 204
    history = desk.get(f"{at}/_history")
    assert [each["request"]["method"] for each in history["entry"]] == ["DELETE", "POST"]


def test_a_deleted_hl7_order_comes_back_with_its_sender(core: Core, desk: Desk) -> None:
    core.place(order("NW", placer="PL1"))
    assert desk.ask("DELETE", "ServiceRequest/order-1").status == 204
    assert desk.ask("GET", "ServiceRequest/order-1").status == 410
    assert desk.ids("ServiceRequest?identifier=PL1") == []
    assert core.worklist() == []


def test_what_has_begun_is_not_deleted(core: Core, desk: Desk) -> None:
    written = ordered(desk)
    (entry,) = core.worklist()
    begun = ScheduledReference(study_instance_uid=entry["uid"], sps_id=entry["sps_id"])
    core.start_step("1.9.1", "IN PROGRESS", begun)
    refused = desk.ask("DELETE", f"ServiceRequest/{written['id']}")
    assert problem(refused)[0] == 409
    assert desk.get(f"ServiceRequest/{written['id']}")["status"] == "active"
    assert journal(core)[-1][1] == Disposition.REFUSED.value


def test_a_conditional_delete_finds_one(core: Core, desk: Desk) -> None:
    ordered(desk)
    answer = desk.ask("DELETE", f"ServiceRequest?identifier={ORDERS}|O1")
    assert answer.status == 204
    assert core.worklist() == []


def test_a_deleted_patient_is_gone_unless_orders_hang_on_it(core: Core, desk: Desk) -> None:
    alone = desk.post(patient("P2"))
    assert desk.ask("DELETE", f"Patient/{alone['id']}").status == 204
    assert desk.ask("GET", f"Patient/{alone['id']}").status == 410
    assert desk.ids("Patient?identifier=P2") == []
    ordered(desk)
    (busy,) = desk.ids("Patient?identifier=P1")
    assert problem(desk.ask("DELETE", f"Patient/{busy}"))[0] == 409


def test_what_was_deleted_can_be_written_again(core: Core, desk: Desk) -> None:
    written = patient() | {"id": "a"}
    desk.ask("PUT", "Patient/a", written)
    desk.ask("DELETE", "Patient/a")
    assert desk.ask("PUT", "Patient/a", written).status == 201
    assert desk.get("Patient/a")["gender"] == "female"


# --- reads


def test_versions_that_were_written_are_kept(core: Core, desk: Desk) -> None:
    first = desk.ask("PUT", "Patient/a", patient() | {"id": "a"})
    desk.ask("PUT", "Patient/a", patient(gender="male") | {"id": "a"})
    old = desk.get(first.headers["Location"])
    assert old == first.content
    history = desk.get("Patient/a/_history")
    assert [each["resource"]["gender"] for each in history["entry"]] == ["male", "female"]
    assert problem(desk.ask("GET", "Patient/a/_history/9"))[0] == 404


def test_what_a_client_has_is_not_sent_again(desk: Desk) -> None:
    written = desk.ask("PUT", "Patient/a", patient() | {"id": "a"})
    same = desk.ask("GET", "Patient/a", if_none_match=written.headers["ETag"])
    assert (same.status, same.content) == (304, None)
    since = written.headers["Last-Modified"]
    assert desk.ask("GET", "Patient/a", if_modified_since=since).status == 304
    assert desk.ask("GET", "Patient/a", if_modified_since="yesterday").status == 200


def test_a_client_says_what_it_wants_back(desk: Desk) -> None:
    minimal = desk.ask("POST", "Patient", patient("P1"), prefer="return=minimal")
    assert (minimal.status, minimal.content) == (201, None)
    told = desk.ask("POST", "Patient", patient("P2"), prefer="return=OperationOutcome")
    assert told.content
    assert told.content["resourceType"] == "OperationOutcome"


def test_a_search_can_be_posted(desk: Desk) -> None:
    desk.post(patient())
    asked = form(identifier=f"{MRN}|P1")
    answer = desk.ask("POST", "Patient/_search", asked, "application/x-www-form-urlencoded")
    assert answer.status == 200
    assert answer.content
    assert answer.content["total"] == 1
    assert problem(desk.ask("POST", "Patient/_search", asked, "text/plain"))[0] == 415


# --- transactions


def whole_order(kind: str = "transaction") -> Json:
    def entry(name: str, resource: Json) -> Json:
        ask = {"method": "POST", "url": resource["resourceType"]}
        return {"fullUrl": f"urn:uuid:{name}", "resource": resource, "request": ask}

    task = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "identifier": [{"value": "STEP1"}],
        "focus": {"reference": "urn:uuid:order"},
        "for": {"reference": "urn:uuid:patient"},
        "code": {"coding": [{"system": "urn:id:99HOSP", "code": "CTHEADP"}]},
    }
    appointment = {
        "resourceType": "Appointment",
        "identifier": [{"system": "urn:oid:1.2.3", "value": "APT1"}],
        "status": "booked",
        "basedOn": [{"reference": "urn:uuid:order"}],
        "start": "2026-01-07T08:30:00Z",
        "end": "2026-01-07T09:00:00Z",
        "participant": [{"actor": {"reference": "urn:uuid:patient"}, "status": "accepted"}],
    }
    entries = [
        entry("appointment", appointment),
        entry("task", task),
        entry("order", request("urn:uuid:patient")),
        entry("patient", patient()),
    ]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def test_a_transaction_is_done_as_a_whole(core: Core, desk: Desk) -> None:
    answer = desk.ask("POST", "", whole_order())

    assert answer.status == 200, answer
    assert answer.content
    entries = answer.content["entry"]
    assert [each["response"]["status"] for each in entries] == ["201 Created"] * 4
    assert [each["resource"]["resourceType"] for each in entries] == [
        "Appointment",
        "Task",
        "ServiceRequest",
        "Patient",
    ]
    appointment, task, ask, someone = (each["resource"] for each in entries)
    assert task["focus"]["reference"] == f"ServiceRequest/{ask['id']}"
    assert ask["subject"]["reference"] == f"Patient/{someone['id']}"
    (entry,) = core.worklist()
    assert entry["sps_id"] == "STEP1"
    assert entry["start"] == "20260107083000"
    assert desk.ids("Task") == [task["id"]]
    assert desk.ids("Task?identifier=STEP1") == [task["id"]]
    assert desk.ids(f"Task?based-on=ServiceRequest/{ask['id']}") == [task["id"]]
    assert desk.ids(f"Appointment?patient=Patient/{someone['id']}") == [appointment["id"]]
    assert desk.ids("Appointment?date=2026-01-07") == [appointment["id"]]
    assert [kind for kind, _ in journal(core)] == ["POST transaction"]


def test_one_bad_entry_undoes_the_transaction(core: Core, desk: Desk) -> None:
    bundle = whole_order()
    del bundle["entry"][1]["resource"]["status"]
    answer = desk.ask("POST", "", bundle)
    assert problem(answer) == (422, "required", "Bundle.entry[1].resource.status")
    assert desk.ids("Patient") == []
    assert core.worklist() == []
    assert journal(core) == [("POST transaction", "refused")]


def test_a_transaction_again_with_conditions_changes_nothing(core: Core, desk: Desk) -> None:
    bundle = whole_order()
    for entry in bundle["entry"]:
        numbers = entry["resource"]["identifier"][0]
        where = f"identifier={numbers.get('system', '')}|{numbers['value']}".replace("=|", "=")
        entry["request"]["ifNoneExist"] = where
    first = desk.ask("POST", "", bundle)
    again = desk.ask("POST", "", bundle)
    assert first.content
    assert again.content
    assert [e["response"]["status"] for e in again.content["entry"]] == ["200 OK"] * 4
    assert [e["resource"]["id"] for e in again.content["entry"]] == [
        e["resource"]["id"] for e in first.content["entry"]
    ]
    assert len(core.worklist()) == 1


def test_conditional_references_become_literal(core: Core, desk: Desk) -> None:
    at = admitted(desk)
    written = desk.post(request(f"Patient?identifier={MRN}|P1"))
    assert written["subject"]["reference"] == at
    nobody = desk.ask("POST", "ServiceRequest", request("Patient?identifier=nobody", "O2"))
    assert problem(nobody) == (412, "not-found", "ServiceRequest.subject.reference")


def test_a_full_url_of_another_server_is_a_name_in_the_transaction(desk: Desk) -> None:
    bundle = whole_order()
    at = "http://else.example/fhir"
    bundle["entry"] = bundle["entry"][2:]
    for entry, name in zip(bundle["entry"], ("ServiceRequest/1", "Patient/2"), strict=True):
        entry["fullUrl"] = f"{at}/{name}"
    bundle["entry"][0]["resource"]["subject"] = {"reference": "Patient/2"}
    answer = desk.ask("POST", "", bundle)
    assert answer.status == 200, answer
    (found,) = desk.find("ServiceRequest")
    assert found["subject"]["reference"] == f"Patient/{desk.ids('Patient')[0]}"


def test_a_transaction_reads_what_it_wrote(desk: Desk) -> None:
    bundle = whole_order()
    bundle["entry"] += [
        {"request": {"method": "GET", "url": f"Patient?identifier={MRN}|P1"}},
        {"request": {"method": "DELETE", "url": "ServiceRequest?identifier=nothing"}},
    ]
    answer = desk.ask("POST", "", bundle)
    assert answer.content
    found, deleted = answer.content["entry"][4:]
    assert found["resource"]["total"] == 1
    assert deleted["response"]["status"] == "204 No Content"


def test_a_resource_stands_once_in_a_transaction(desk: Desk) -> None:
    entry = {
        "resource": patient() | {"id": "a"},
        "request": {"method": "PUT", "url": "Patient/a"},
    }
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry, entry]}
    assert problem(desk.ask("POST", "", bundle))[:2] == (400, "duplicate")


def test_a_batch_is_done_entry_by_entry(core: Core, desk: Desk) -> None:
    at = admitted(desk)
    patch = base64.b64encode(json.dumps([{"op": "add", "path": "/active", "value": True}]).encode())
    entries = [
        {"resource": request(at), "request": {"method": "POST", "url": "ServiceRequest"}},
        {"resource": {"resourceType": "Task"}, "request": {"method": "POST", "url": "Task"}},
        {"request": {"method": "GET", "url": "Patient/nobody"}},
        {"request": {"method": "GET", "url": f"{BASE}/{at}"}},
        {"request": {"method": "DELETE", "url": "Flag/none"}},
        {
            "resource": {
                "resourceType": "Binary",
                "contentType": PATCH,
                "data": patch.decode(),
            },
            "request": {"method": "PATCH", "url": at},
        },
        {"request": {"method": "POST", "url": ""}},
        {},
    ]
    answer = desk.ask("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert answer.status == 200
    assert answer.content
    responses = [each["response"] for each in answer.content["entry"]]
    assert [each["status"][:3] for each in responses] == [
        *("201", "422", "404", "200", "404", "200", "400", "400"),
    ]
    assert all("outcome" in each for each in responses if each["status"] >= "4")
    assert len(core.worklist()) == 1


def message_bundle() -> Json:
    bundle = whole_order("message")
    for entry in bundle["entry"]:
        del entry["request"]
    header = {
        "resourceType": "MessageHeader",
        "id": "m1",
        "eventUri": "http://hospital.example/order",
        "source": {"endpoint": "http://hospital.example"},
    }
    bundle["entry"].insert(0, {"fullUrl": "urn:uuid:m1", "resource": header})
    return bundle | {"timestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize("path", ["", "$process-message", "Bundle"])
def test_a_message_is_taken_and_answered(core: Core, desk: Desk, path: str) -> None:
    for _ in range(2):
        answer = desk.ask("POST", path, message_bundle())
        assert answer.status == 200, answer
        assert answer.content
        header = answer.content["entry"][0]["resource"]
        assert header["response"] == {"identifier": "m1", "code": "ok"}
    assert len(core.worklist()) == 1
    for kind in ("Patient", "ServiceRequest", "Task", "Appointment"):
        assert len(desk.ids(kind)) == 1, kind


def test_a_message_that_cannot_be_done_says_so_in_its_answer(desk: Desk) -> None:
    bundle = message_bundle()
    del bundle["entry"][3]["resource"]["status"]
    answer = desk.ask("POST", "$process-message", bundle)
    assert answer.status == 422
    assert answer.content
    header = answer.content["entry"][0]["resource"]
    assert header["response"]["code"] == "fatal-error"
    assert header["contained"][0]["resourceType"] == "OperationOutcome"
    bundle["entry"].pop(0)
    assert problem(desk.ask("POST", "$process-message", bundle))[0] == 422


def test_a_collection_is_taken_by_its_identifiers(core: Core, desk: Desk) -> None:
    entries = [
        {"fullUrl": "http://else.example/Patient/7", "resource": patient() | {"id": "7"}},
        {"resource": request("Patient/7") | {"id": "8"}},
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    for _ in range(2):
        answer = desk.ask("POST", "Bundle", bundle)
        assert answer.status == 200, answer
    (found,) = desk.find("ServiceRequest")
    assert found["id"] != "8"
    assert found["subject"]["reference"] == f"Patient/{desk.ids('Patient')[0]}"
    assert len(core.worklist()) == 1


# --- announced studies


def test_an_announced_study_becomes_the_one_that_arrives(core: Core, desk: Desk) -> None:
    bundle = whole_order()
    study = {
        "resourceType": "ImagingStudy",
        "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.77"}],
        "status": "registered",
        "subject": {"reference": "urn:uuid:patient"},
        "basedOn": [{"reference": "urn:uuid:order"}],
    }
    ask = {"method": "POST", "url": "ImagingStudy"}
    bundle["entry"].append({"fullUrl": "urn:uuid:s", "resource": study, "request": ask})
    desk.ask("POST", "", bundle)
    (announced,) = desk.find("ImagingStudy?status=registered")
    assert core.entry()["uid"] == "1.2.77"
    core.image("1.2.77.1.1", "1.2.77", accession=core.entry()["accession"])
    core.settle()
    (found,) = desk.find("ImagingStudy")
    assert found["id"] == announced["id"]
    assert found["status"] == "available"
    assert found["numberOfInstances"] == 1
    (written,) = desk.ids("ServiceRequest")
    assert desk.ids(f"ImagingStudy?basedon=ServiceRequest/{written}") == [announced["id"]]


# --- what is refused


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "expected"),
    [
        ("GET", "Patient/none", None, {}, (404, "not-found", "Patient")),
        ("GET", "Nonsense", None, {}, (404, "not-supported", "Resource")),
        ("GET", "", None, {}, (405, "not-supported", "http.method")),
        ("PUT", "metadata", None, {}, (405, "not-supported", "http.method")),
        ("BREW", "Patient", None, {}, (405, "not-supported", "http.method")),
        ("GET", "Patient/a/_history/1/x", None, {}, (404, "not-supported", "Patient")),
        ("GET", "Patient/a/b", None, {}, (404, "not-supported", "Patient")),
        ("GET", "Patient", None, {"accept": "text/html"}, (406, "not-supported", "http.accept")),
        ("GET", "Patient?_format=xml", None, {}, (406, "not-supported", "http.accept")),
        ("POST", "Patient", b"{", {}, (400, "structure", "Patient")),
        ("POST", "Patient", b"[]", {}, (400, "structure", "Patient")),
        ("POST", "Patient", b"\xff", {}, (400, "structure", "Patient")),
        (
            "POST",
            "Patient",
            b'{"resourceType": "Patient", "id": NaN}',
            {},
            (400, "structure", "Patient"),
        ),
        ("POST", "Patient", b'{"resourceType": "\\ud800"}', {}, (400, "value", "Patient")),
        ("POST", "Patient", b"[" * 100_000, {}, (400, "structure", "Patient")),
        (
            "POST",
            "Patient",
            b'{"resourceType": "Patient", "x": 1e999}',
            {},
            (400, "value", "Patient"),
        ),
        ("POST", "Patient", b"", {}, (400, "structure", "Patient")),
        ("POST", "Patient", {"resourceType": "Task"}, {}, (400, "invalid", "Patient.resourceType")),
        ("POST", "", {"resourceType": "Patient"}, {}, (400, "invalid", "resourceType")),
        (
            "POST",
            "",
            {"resourceType": "Bundle", "type": "document"},
            {},
            (422, "not-supported", "Bundle.type"),
        ),
        (
            "POST",
            "",
            {"resourceType": "Bundle", "type": "transaction", "entry": 1},
            {},
            (400, "structure", "Bundle.entry"),
        ),
        (
            "POST",
            "",
            {"resourceType": "Bundle", "type": "batch", "entry": [1]},
            {},
            (400, "structure", "Bundle.entry[0]"),
        ),
        ("POST", "Patient/a", patient(), {}, (405, "not-supported", "http.method")),
        ("DELETE", "Patient", None, {}, (405, "not-supported", "http.method")),
        ("GET", "Bundle/1", None, {}, (404, "not-supported", "Bundle")),
    ],
)
def test_what_cannot_be_done_is_an_outcome(
    desk: Desk, method: str, path: str, body: Any, headers: dict[str, str], expected: Any
) -> None:
    assert problem(desk.ask(method, path, body, **headers)) == expected


@pytest.mark.parametrize("content_type", ["application/fhir+xml", "text/plain", "", "image/png"])
def test_what_is_no_json_is_not_taken(desk: Desk, content_type: str) -> None:
    answer = desk.ask("POST", "Patient", patient(), content_type)
    assert problem(answer) == (415, "not-supported", "http.content-type")


def test_everything_wrong_with_a_resource_is_told(desk: Desk) -> None:
    answer = desk.ask("POST", "Patient", patient(gender="f", birthDate="long ago", shoe=44))
    assert answer.status == 422
    assert answer.content
    places = {place for issue in answer.content["issue"] for place in issue["expression"]}
    assert {"Patient.gender", "Patient.birthDate", "Patient"} <= places


def test_a_nul_character_is_no_error_of_ours(desk: Desk) -> None:
    written = patient(name=[{"family": "A\x00B"}])
    assert desk.ask("POST", "Patient", written).status in (201, 422)


def test_tokens_are_asked_for_where_some_are_configured(core: Core) -> None:
    desk = Desk(core, tokens={"ehr": "sesame"})
    assert problem(desk.ask("GET", "Patient"))[:2] == (401, "login")
    assert desk.ask("GET", "Patient", authorization="Bearer wrong").status == 401
    assert desk.ask("GET", "Patient", authorization="Bearer sesame").status == 200
    assert desk.ask("GET", "metadata").status == 200
    desk.ask("POST", "Patient", patient(), authorization="Bearer sesame")
    with core.database.read() as connection:
        raw = bytes(connection.execute(select(message.c.raw)).scalar_one())
    assert b"sesame" not in raw
    assert raw.startswith(b"POST Patient\r\n")
