"""What came by HL7 is read and found as FHIR resources, with nothing written for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import fhirkit
import pytest

from bridge.domain.appointment import AppointmentAction
from bridge.domain.order import Order, OrderReceived
from bridge.domain.order_state import OrderState, state_of
from bridge.domain.step_status import StepStatus
from bridge.domain.visit import VisitStatus
from bridge.fhir.reading import check_resource
from bridge.fhir.releases import Release, in_release
from bridge.fhir.server.library import Library
from bridge.fhir.server.statuses import (
    APPOINTMENT_STATUS,
    ENCOUNTER_STATUS,
    ORDER_STATUS,
    TASK_STATUS,
)
from bridge.services.find_records import Criterion, Exactly, RecordKind, Selection, Window
from bridge.store.repositories import SqlTransaction
from tests.unit.fhir_server.house import Desk, target
from tests.unit.fhir_server.searches import SEARCHES
from tests.unit.services.core import (
    Core,
    merge,
    order,
    patient,
    procedure,
    scheduled,
    step,
    updated,
)

KINDS = ("Patient", "ServiceRequest", "Task")


def test_an_hl7_order_is_a_request_with_its_task_and_patient(core: Core, desk: Desk) -> None:
    core.place(order("NW", placer="PL1", filler="FI1"))

    (found,) = desk.find("ServiceRequest?accession=A1")

    assert found["id"] == "order-1"
    assert found["status"] == "active"
    assert [each["value"] for each in found["identifier"]] == ["PL1", "FI1", "A1"]
    assert found["subject"]["reference"] == "Patient/patient-1"
    assert found["code"]["coding"][0]["code"] == "CTHEAD"
    assert found["occurrenceDateTime"] == "2026-01-05T09:00:00+00:00"
    (task,) = desk.find("Task?based-on=ServiceRequest/order-1")
    assert task["status"] == "accepted"
    assert task["identifier"][0]["value"] == "S1"
    assert task["restriction"]["period"]["start"] == "2026-01-05T09:00:00+00:00"
    someone = desk.get(found["subject"]["reference"])
    assert someone["name"][0]["family"] == "TRAN"
    assert someone["birthDate"] == "1970-01-01"


@pytest.mark.parametrize("release", Release)
def test_what_is_given_is_valid(core: Core, desk: Desk, release: Release) -> None:
    core.place(order("NW", procedure(), procedure("1.2.2", "R2", step("S2")), placer="PL1"))
    core.image()
    core.settle()
    accept = {"accept": f"application/fhir+json; fhirVersion={release.value[1]}.0"}
    for kind in (*KINDS, "ImagingStudy"):
        found = [each["resource"] for each in desk.get(kind, **accept)["entry"]]
        assert found
        for resource in found:
            assert check_resource(resource, release) == ()
            if release is Release.R4:
                assert [str(issue) for issue in fhirkit.validate(resource)] == []


@pytest.mark.parametrize(("url", "found"), SEARCHES)
def test_an_order_is_found_by_what_integrators_ask(
    core: Core, desk: Desk, url: str, found: bool
) -> None:
    core.place(order("NW", placer="PL1", filler="FI1"))
    assert bool(desk.ids(url)) is found


def test_a_study_is_found_by_its_order_and_by_its_images(core: Core, desk: Desk) -> None:
    core.place(order("NW", placer="PL1"))
    core.image()
    core.settle()

    (study,) = desk.find("ImagingStudy?accession=A1")
    assert study["status"] == "available"
    assert study["basedOn"][0]["reference"] == "ServiceRequest/order-1"
    assert study["subject"]["reference"] == "Patient/patient-1"
    for url in (
        "identifier=urn:dicom:uid|urn:oid:1.2.1",
        "identifier=1.2.1",
        "identifier=urn:oid:1.2.1",
        "identifier=A1",
        "patient=Patient/patient-1",
        "patient.identifier=P1",
        "basedon=ServiceRequest/order-1",
        "modality=CT",
        "modality=http://dicom.nema.org/resources/ontology/DCM|CT",
        "status=available",
        "series=1.2.1.1",
        "instance=1.2.1.1.1",
    ):
        assert desk.ids(f"ImagingStudy?{url}") == ["study-1"], url
    for url in ("accession=A2", "modality=MR", "patient.identifier=P2", "status=registered"):
        assert desk.ids(f"ImagingStudy?{url}") == [], url


def test_images_that_match_nothing_are_no_resource(core: Core, desk: Desk) -> None:
    core.image(patient_id="P9", accession="A9")
    core.settle()
    assert desk.ids("ImagingStudy") == []
    assert desk.ask("GET", "ImagingStudy/study-1").status == 404


def test_what_happens_to_the_step_is_seen_in_task_and_request(core: Core, desk: Desk) -> None:
    core.place(order("NW"))
    before = desk.get("ServiceRequest/order-1")["meta"]
    core.now += 10
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    assert desk.get("Task/step-1")["status"] == "in-progress"
    assert desk.ids("ServiceRequest?_lastUpdated=ge1970-01-01T00:16:50Z") == ["order-1"]
    core.end_step("1.9.1", "COMPLETED", scheduled())
    assert desk.get("Task/step-1")["status"] == "completed"
    after = desk.get("ServiceRequest/order-1")
    assert after["status"] == "completed"
    assert after["meta"]["versionId"] != before["versionId"]
    assert after["meta"]["lastUpdated"] > before["lastUpdated"]


def test_a_merged_patient_leads_to_the_survivor(core: Core, desk: Desk) -> None:
    core.place(order("NW", who=patient("P1")))
    core.place(updated(patient("P2")))
    core.place(merge(patient("P2"), "P1"))

    retired = desk.get("Patient/patient-1")
    assert retired["active"] is False
    assert retired["link"] == [{"other": {"reference": "Patient/patient-2"}, "type": "replaced-by"}]
    assert desk.ids("Patient?identifier=P1") == ["patient-2"]
    assert desk.ids("ServiceRequest?patient=Patient/patient-1") == ["order-1"]
    assert desk.get("ServiceRequest/order-1")["subject"]["reference"] == "Patient/patient-2"


def test_an_order_that_is_held_says_why(core: Core, desk: Desk) -> None:
    core.place(held_order())
    (found,) = desk.find("ServiceRequest?status=on-hold")
    assert found["status"] == "on-hold"
    (task,) = desk.find("Task")
    assert "Modality" in task["statusReason"]["text"]


def held_order() -> OrderReceived:
    return order("NW", procedure("1.2.1", "R1", step("S1", modality=""), code=""))


@pytest.mark.parametrize("held", ["", "missing Modality"])
def test_the_state_of_an_order_is_the_same_in_sql(core: Core, held: str) -> None:
    core.place(order("NW", procedure("1.2.1", "R1", step("S1"), step("S2"))))

    def work(tx: SqlTransaction) -> list[tuple[Order, OrderState]]:
        found = []
        for one in StepStatus:
            for other in StepStatus:
                tx.orders.set_step_status(1, one)
                tx.orders.set_step_status(2, other)
                loaded = tx.orders.get(1)
                tx.orders.change(replace(loaded, held_reason=held), 1000.0)
                loaded = tx.orders.get(1)
                states = [
                    state
                    for state in OrderState
                    if tx.records.find(
                        Selection(
                            kind=RecordKind.ORDER,
                            criteria=(Criterion("state", (Exactly(state.value),)),),
                        ),
                        Window(limit=2),
                    )
                ]
                assert len(states) == 1
                found.append((loaded, states[0]))
        return found

    for loaded, state in core.store.transact(work):
        assert state_of(loaded) is state


def test_every_state_has_a_word_in_fhir() -> None:
    assert ORDER_STATUS.keys() == set(OrderState)
    assert TASK_STATUS.keys() == set(StepStatus)
    assert ENCOUNTER_STATUS.keys() == set(VisitStatus)
    assert APPOINTMENT_STATUS.keys() == set(AppointmentAction)


def test_pages_are_stable_while_orders_come(core: Core, desk: Desk) -> None:
    for number in range(1, 6):
        core.place(
            order("NW", procedure(f"1.2.{number}"), accession=f"A{number}", placer=f"PL{number}")
        )
    first = desk.get("ServiceRequest?_count=2&status=active")
    assert first["total"] == 5
    assert ids(first) == ["order-1", "order-2"]
    core.place(order("NW", procedure("1.2.6"), accession="A6"))
    second = desk.get(target(link(first, "next")))
    assert ids(second) == ["order-3", "order-4"]
    third = desk.get(target(link(second, "next")))
    assert ids(third) == ["order-5", "order-6"]
    assert link(third, "next") == ""
    back = desk.get(target(link(third, "previous")))
    assert ids(back) == ["order-3", "order-4"]
    back = desk.get(target(link(back, "previous")))
    assert ids(back) == ["order-1", "order-2"]
    assert link(back, "previous") == ""
    assert "_cursor" not in link(first, "self")


@pytest.mark.parametrize("sort", ["_lastUpdated", "-_lastUpdated", "_id"])
def test_pages_in_any_order_hold_every_order_once(core: Core, desk: Desk, sort: str) -> None:
    for number in range(1, 6):
        core.now = 1000.0 + (number * 7 % 3)  # some at the same moment
        core.place(order("NW", procedure(f"1.2.{number}"), accession=f"A{number}"))
        desk.post({"resourceType": "Device", "identifier": [{"value": f"D{number}"}]})
    page = desk.get(f"ServiceRequest?_count=2&_sort={sort}")
    seen, pages = ids(page), [page]
    while url := link(page, "next"):
        page = desk.get(target(url))
        pages.append(page)
        seen += ids(page)
    assert sorted(seen) == [f"order-{number}" for number in range(1, 6)]
    changed = [desk.get(f"ServiceRequest/{each}")["meta"]["lastUpdated"] for each in seen]
    if sort != "_id":
        assert changed == sorted(changed, reverse=sort.startswith("-"))
    for before in reversed(pages[:-1]):
        page = desk.get(target(link(page, "previous")))
        assert ids(page) == ids(before)


def test_what_goes_with_a_request_is_taken_along(core: Core, desk: Desk) -> None:
    core.place(order("NW"))
    core.image()
    core.settle()
    bundle = desk.get(
        "ServiceRequest?_include=ServiceRequest:patient&_revinclude=Task:based-on"
        "&_revinclude=ImagingStudy:basedon"
    )
    modes = {e["resource"]["resourceType"]: e["search"]["mode"] for e in bundle["entry"]}
    assert modes == {
        "ServiceRequest": "match",
        "Patient": "include",
        "Task": "include",
        "ImagingStudy": "include",
    }
    assert bundle["total"] == 1
    iterated = desk.get("Task?_include=Task:focus&_include:iterate=ServiceRequest:patient")
    assert [e["resource"]["resourceType"] for e in iterated["entry"]] == [
        "Task",
        "ServiceRequest",
        "Patient",
    ]
    assert len(desk.get("Task?_include=*")["entry"]) == 3


def test_an_answer_can_be_a_part(core: Core, desk: Desk) -> None:
    core.place(order("NW"))
    count = desk.get("ServiceRequest?_summary=count")
    assert (count["total"], "entry" in count) == (1, False)
    (part,) = desk.find("ServiceRequest?_elements=identifier")
    assert part.keys() == {
        "resourceType",
        "id",
        "meta",
        "identifier",
        "status",
        "intent",
        "subject",
    }
    assert part["meta"]["tag"][-1]["code"] == "SUBSETTED"
    (summary,) = desk.find("ServiceRequest?_summary=true")
    assert "code" in summary
    assert "note" not in summary
    assert "total" not in desk.get("ServiceRequest?_total=none")
    only = desk.get("ServiceRequest/order-1?_elements=code")
    assert "identifier" not in only


def test_an_unknown_parameter_is_left_out_or_refused(core: Core, desk: Desk) -> None:
    core.place(order("NW"))
    lenient = desk.get("ServiceRequest?identifer=A9&status=active")
    assert ids(lenient) == ["order-1"]
    assert link(lenient, "self").endswith("/ServiceRequest?status=active")
    strict = desk.ask("GET", "ServiceRequest?identifer=A9", prefer="handling=strict")
    assert strict.status == 400


def test_a_row_says_what_r5_says(core: Core, desk: Desk) -> None:
    core.place(order("NW"))
    found = desk.get("ServiceRequest/order-1", accept="application/fhir+json; fhirVersion=5.0")
    assert found["code"]["concept"]["coding"][0]["code"] == "CTHEAD"


def test_there_is_one_projection_for_each_kind(core: Core, desk: Desk) -> None:
    core.place(order("NW"))

    def work(tx: SqlTransaction) -> None:
        library = Library(tx, desk.server._configuration.house, Release.R4)
        for kind in (RecordKind.PATIENT, RecordKind.ORDER, RecordKind.STEP):
            resource = library.projection(kind, 1)
            assert resource
            assert check_resource(in_release(resource, Release.R5), Release.R5) == ()

    core.store.read(work)


def ids(bundle: dict[str, Any]) -> list[str]:
    return [each["resource"]["id"] for each in bundle.get("entry", [])]


def link(bundle: dict[str, Any], relation: str) -> str:
    found = (each["url"] for each in bundle["link"] if each["relation"] == relation)
    return next(found, "")
