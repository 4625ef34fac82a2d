"""Encounters and Appointments, whether HL7 or a client told of them."""

from __future__ import annotations

import pytest

from bridge.domain.appointment import AppointmentAction, AppointmentReceived
from bridge.domain.identifiers import Identifier
from bridge.domain.order import StepDetails
from bridge.domain.visit import VisitAction, VisitChanged, VisitDetails
from bridge.fhir.reading import check_resource
from bridge.fhir.releases import Release
from tests.unit.fhir_server.house import MRN, Desk, Json, patient, problem, request
from tests.unit.services.core import HOSP, Core, numbers, order
from tests.unit.services.core import patient as details

VISITS = "http://hospital.example/visits"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def admission(action: VisitAction = VisitAction.ADMIT) -> VisitChanged:
    return VisitChanged(
        event="A01",
        action=action,
        patient=details(),
        visit=VisitDetails(
            number=Identifier("V1", HOSP),
            patient_class="I",
            attributes={"CurrentPatientLocation": "WARD 3"},
        ),
    )


def booking(action: AppointmentAction = AppointmentAction.BOOK) -> AppointmentReceived:
    return AppointmentReceived(
        action=action,
        numbers=(Identifier("APT1", HOSP),),
        orders=(numbers(accession="A1"),),
        patient=details(),
        steps=(StepDetails(start_date="20260108", start_time="103000"),),
    )


@pytest.mark.parametrize("release", Release)
def test_a_visit_is_an_encounter(core: Core, desk: Desk, release: Release) -> None:
    core.place(admission())
    accept = f"application/fhir+json; fhirVersion={release.value[1]}.0"
    found = desk.get("Encounter/visit-1", accept=accept)
    assert check_resource(found, release) == ()
    assert found["subject"]["reference"] == "Patient/patient-1"
    assert found["location"][0]["location"]["display"] == "WARD 3"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("identifier=V1", True),
        ("identifier=urn:id:HOSP|V1", True),
        ("identifier=urn:id:ELSE|V1", False),
        ("patient=patient-1", True),
        ("status=in-progress", True),
        ("status=finished", False),
        ("class=IMP", True),
        ("class=AMB", False),
        ("patient.identifier=P1", True),
    ],
)
def test_a_visit_is_found(core: Core, desk: Desk, query: str, found: bool) -> None:
    core.place(admission())
    assert bool(desk.ids(f"Encounter?{query}")) is found


def test_the_request_names_its_visit(core: Core, desk: Desk) -> None:
    core.place(admission())
    core.place(order("NW"))
    (found,) = desk.find("ServiceRequest")
    if "encounter" in found:
        assert found["encounter"]["reference"] == "Encounter/visit-1"


def encounter(subject: str, **elements: object) -> Json:
    return {
        "resourceType": "Encounter",
        "identifier": [{"system": VISITS, "value": "V7"}],
        "status": "in-progress",
        "class": {"system": ACT, "code": "IMP"},
        "subject": {"reference": subject},
        "period": {"start": "2026-01-04"},
        **elements,
    }


def test_an_encounter_that_is_written_is_a_visit(core: Core, desk: Desk) -> None:
    subject = f"Patient/{desk.post(patient())['id']}"
    written = desk.post(encounter(subject))
    assert desk.ids("Encounter") == [written["id"]]
    assert desk.ids("Encounter?date=2026-01-05") == [written["id"]]
    assert desk.ids("Encounter?date=lt2026-01-01") == []
    done = {**written, "status": "finished"}
    assert desk.ask("PUT", f"Encounter/{written['id']}", done).status == 200
    assert desk.ids("Encounter?status=finished") == [written["id"]]
    asked = desk.post(request(subject, encounter={"reference": f"Encounter/{written['id']}"}))
    assert desk.ids(f"ServiceRequest?encounter=Encounter/{written['id']}") == [asked["id"]]
    assert desk.ids(f"Encounter?patient.identifier={MRN}|P1") == [written["id"]]
    assert desk.ask("DELETE", f"Encounter/{written['id']}").status == 204
    assert desk.ask("GET", f"Encounter/{written['id']}").status == 410


@pytest.mark.parametrize("release", Release)
def test_an_appointment_by_hl7_is_one_in_fhir(core: Core, desk: Desk, release: Release) -> None:
    core.place(order("NW"))
    core.place(booking())
    accept = f"application/fhir+json; fhirVersion={release.value[1]}.0"
    found = desk.get("Appointment/appointment-1", accept=accept)
    assert check_resource(found, release) == ()
    assert found["status"] == "booked"
    assert found["start"] == "2026-01-08T10:30:00+00:00"
    assert found["identifier"] == [{"system": "urn:id:HOSP", "value": "APT1"}]
    assert found["basedOn"] == [{"reference": "ServiceRequest/order-1"}]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("identifier=APT1", True),
        ("identifier=urn:id:HOSP|APT1", True),
        ("identifier=urn:id:ELSE|APT1", False),
        ("patient=Patient/patient-1", True),
        ("patient.identifier=P1", True),
        ("based-on=ServiceRequest/order-1", True),
        ("date=2026-01-08", True),
        ("date=gt2026-01-08", False),
        ("status=booked", True),
        ("status=cancelled", False),
    ],
)
def test_an_appointment_is_found(core: Core, desk: Desk, query: str, found: bool) -> None:
    core.place(order("NW"))
    core.place(booking())
    assert bool(desk.ids(f"Appointment?{query}")) is found


def test_an_appointment_is_taken_back_by_its_deletion(core: Core, desk: Desk) -> None:
    core.place(order("NW"))
    core.place(booking())
    assert desk.ask("DELETE", "Appointment/appointment-1").status == 204
    assert problem(desk.ask("GET", "Appointment/appointment-1"))[0] == 410
    assert desk.ids("Appointment") == []


def test_an_appointment_of_an_hl7_order_moves_it(core: Core, desk: Desk) -> None:
    core.place(order("NW"))
    written = desk.post(
        {
            "resourceType": "Appointment",
            "identifier": [{"value": "APT9"}],
            "status": "booked",
            "basedOn": [{"reference": "ServiceRequest/order-1"}],
            "start": "2026-02-01T08:00:00Z",
            "end": "2026-02-01T08:30:00Z",
            "participant": [{"actor": {"reference": "Patient/patient-1"}, "status": "accepted"}],
        }
    )
    assert core.entry()["start"] == "20260201080000"
    assert desk.ids("Appointment?date=2026-02-01") == [written["id"]]
    assert desk.get(f"Appointment/{written['id']}")["end"] == "2026-02-01T08:30:00Z"
    moved = {**written, "start": "2026-02-02T08:00:00Z", "end": "2026-02-02T08:30:00Z"}
    desk.ask("PUT", f"Appointment/{written['id']}", moved)
    assert core.entry()["start"] == "20260202080000"
    cancelled = desk.ask("PUT", f"Appointment/{written['id']}", {**moved, "status": "cancelled"})
    assert cancelled.status == 200
    assert desk.ids("Appointment?status=cancelled") == [written["id"]]
