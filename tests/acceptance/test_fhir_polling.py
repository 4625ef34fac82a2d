"""An EHR that only offers FHIR: its ServiceRequests reach the worklist without HL7 v2.

The EHR is Medplum's router; the modality is dcmtk's. What the EHR holds is asked for, or it says by
notification that something is new.
"""

from __future__ import annotations

import itertools
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from tests.acceptance.conftest import NewHospital
from tests.acceptance.hospital import Hospital
from tests.acceptance.images import scan
from tests.acceptance.orders import Patient, Step, new_order, new_patient
from tests.peers.bridge_process import Bridge, configure
from tests.peers.dcmjs import DcmjsModality
from tests.peers.fhir_client import Resource
from tests.peers.hl7_node import His
from tests.peers.medplum import MedplumServer
from tests.peers.process import wait_until

_numbers = itertools.count(1)
_run = f"{int(time.time()) % 10_000_000}"
ACCESSION_TYPE = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]
}
IMAGING = {"coding": [{"system": "http://snomed.info/sct", "code": "363679005"}]}
CT = {"coding": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"}]}


@dataclass(slots=True)
class Ehr:
    """The EHR's clerk: writes patients and requests."""

    server: MedplumServer
    patient: Patient = field(default_factory=new_patient)
    numbered: bool = True
    patient_reference: str = ""
    requester_reference: str = ""

    def __post_init__(self) -> None:
        number = {"system": "urn:id:HOSP", "value": self.patient.id}
        created = self.server.create(
            {
                "resourceType": "Patient",
                **({"identifier": [number]} if self.numbered else {}),
                "name": [{"family": "NGUYỄN", "given": ["ÁNH", "VĂN"]}],
                "gender": "male",
                "birthDate": "1980-02-29",
            }
        )
        self.patient_reference = f"Patient/{created['id']}"
        doctor = {"resourceType": "Practitioner", "name": [{"family": "Lê", "given": ["Minh"]}]}
        self.requester_reference = f"Practitioner/{self.server.create(doctor)['id']}"

    def request(self, accession: str, **elements: Any) -> Resource:
        """Order a CT of the head for today."""
        usual = {
            "resourceType": "ServiceRequest",
            "identifier": [{"type": ACCESSION_TYPE, "system": "urn:id:HOSP", "value": accession}],
            "status": "active",
            "intent": "order",
            "category": [IMAGING],
            "code": {"coding": [{"system": "urn:id:99HOSP", "code": "CTHN"}], "text": "CT sọ não"},
            "orderDetail": [CT],
            "priority": "stat",
            "occurrenceDateTime": time.strftime("%Y-%m-%dT%H:%M:%S+07:00"),
            "subject": {"reference": self.patient_reference},
            "requester": {"reference": self.requester_reference},
        }
        said = {**usual, **elements}
        return self.server.create({name: value for name, value in said.items() if value != []})

    def change(self, request: Resource, **elements: Any) -> Resource:
        path = f"ServiceRequest/{request['id']}"
        return self.server.exchange("PUT", path, {**request, **elements})


def new_accession() -> str:
    return f"F{_run}{next(_numbers)}"


def asking(ehr: MedplumServer, **changes: Any) -> dict[str, Any]:
    """A source that is asked often, unless said otherwise."""
    usual = {"name": "his", "kind": "fhir", "url": ehr.url, "poll_seconds": 0.2, "page_size": 3}
    return {"sources": [usual | changes]}


def entries(hospital: Hospital, accession: str) -> list[Dataset]:
    return hospital.worklist(AccessionNumber=accession)


def entry_of(hospital: Hospital, accession: str) -> Dataset:
    """Wait for the one worklist entry of an order."""
    found = wait_until(
        lambda: entries(hospital, accession), f"{accession} on the worklist", 20.0, pause=0.1
    )
    assert found is not None
    (entry,) = found
    return entry


def wait_until_gone(hospital: Hospital, accession: str) -> None:
    wait_until(
        lambda: not entries(hospital, accession), f"{accession} off the worklist", 20.0, pause=0.1
    )


def times_received(hospital: Hospital, request: Resource) -> int:
    """How many messages of the journal are about this very version of a request."""
    version = request["meta"]["versionId"]
    sought = f"ServiceRequest/{request['id']}/_history/{version}"
    told = hospital.bridge.command("message", "find", sought)
    return sum("ServiceRequest" in line for line in told.splitlines())


def warnings_of(hospital: Hospital) -> dict[str, str]:
    with urllib.request.urlopen(f"{hospital.bridge.url}/health/ready") as response:
        found: dict[str, str] = json.load(response)["warnings"]
    return found


def notify(hospital: Hospital, body: Any = None, path: str = "his", **headers: str) -> int:
    """Send a notification; give the status of the answer."""
    request = urllib.request.Request(
        f"{hospital.bridge.url}/fhir-notifications/{path}",
        method="POST",
        data=b"" if body is None else json.dumps(body).encode(),
        headers={"content-type": "application/fhir+json", **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_given_requests_in_the_ehr_then_modalities_see_each_once_across_a_restart(
    new_hospital: NewHospital, ehr: MedplumServer
) -> None:
    clerk = Ehr(ehr)
    before = {new_accession(): clerk for _ in range(7)}
    requests = {number: clerk.request(number) for number in before}
    hospital = new_hospital(ehr, **asking(ehr))

    first = entry_of(hospital, next(iter(requests)))
    step = first.ScheduledProcedureStepSequence[0]
    assert str(first.PatientName) == "NGUYỄN^ÁNH^VĂN"
    assert (first.PatientID, first.PatientSex) == (clerk.patient.id, "M")
    assert (first.RequestedProcedureDescription, step.Modality) == ("CT sọ não", "CT")
    assert str(first.RequestingPhysician) == "Lê^Minh"
    assert first.RequestedProcedurePriority == "STAT"
    for number in requests:
        entry_of(hospital, number)

    hospital.bridge.kill()
    meanwhile = new_accession()
    requests[meanwhile] = clerk.request(meanwhile)
    hospital.bridge.start()
    entry_of(hospital, meanwhile)
    afterwards = new_accession()
    requests[afterwards] = clerk.request(afterwards)
    entry_of(hospital, afterwards)

    for number, request in requests.items():
        assert len(entries(hospital, number)) == 1
        assert times_received(hospital, request) == 1


def test_given_a_request_that_is_changed_and_revoked_then_the_worklist_follows(
    new_hospital: NewHospital, ehr: MedplumServer
) -> None:
    clerk, number = Ehr(ehr), new_accession()
    hospital = new_hospital(ehr, **asking(ehr))
    request = clerk.request(number)
    entry_of(hospital, number)

    held = clerk.change(request, status="on-hold")
    wait_until_gone(hospital, number)
    again = clerk.change(held, status="active", priority="routine")
    assert entry_of(hospital, number).RequestedProcedurePriority == "ROUTINE"
    clerk.change(again, status="revoked")
    wait_until_gone(hospital, number)


def test_given_a_request_that_is_no_imaging_then_no_modality_sees_it(
    new_hospital: NewHospital, ehr: MedplumServer
) -> None:
    clerk, number, imaging = Ehr(ehr), new_accession(), new_accession()
    hospital = new_hospital(ehr, **asking(ehr))
    laboratory = {"coding": [{"system": "http://snomed.info/sct", "code": "108252007"}]}
    blood = clerk.request(number, category=[laboratory], code={"text": "HbA1c"}, orderDetail=[])
    clerk.request(imaging)
    entry_of(hospital, imaging)
    assert entries(hospital, number) == []
    assert times_received(hospital, blood) == 1


def test_given_images_of_a_request_then_the_ehr_holds_them_based_on_it(
    new_hospital: NewHospital, ehr: MedplumServer, tmp_path: Path
) -> None:
    clerk, number = Ehr(ehr), new_accession()
    hospital = new_hospital(ehr, **asking(ehr))
    request = clerk.request(number)
    entry = entry_of(hospital, number)
    order = replace(
        new_order(clerk.patient, accession=number, study_uid=str(entry.StudyInstanceUID)),
        steps=(Step(id=entry.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID),),
    )
    study = scan(order, tmp_path, series=(2,), PatientName="NGUYEN^ANH^VAN", PatientSex="M")
    hospital.store(study)

    found = hospital.published_complete(study)

    (based_on,) = found["basedOn"]
    assert based_on["identifier"]["value"] == number
    assert based_on["reference"] == f"ServiceRequest/{request['id']}"


def test_given_an_ehr_without_numbers_of_its_own_then_its_ids_lead_back_to_it(
    new_hospital: NewHospital, ehr: MedplumServer, tmp_path: Path
) -> None:
    clerk = Ehr(ehr, numbered=False)
    hospital = new_hospital(ehr, **asking(ehr, resources=["ServiceRequest", "ImagingStudy"]))
    request = clerk.request("", identifier=[])
    entry = wait_until(hospital.worklist, "the request on the worklist", 20.0, pause=0.1)[0]
    assert entry.PatientID == clerk.patient_reference.partition("/")[2]
    order = replace(
        new_order(
            replace(clerk.patient, id=str(entry.PatientID)),
            accession=str(entry.AccessionNumber),
            study_uid=str(entry.StudyInstanceUID),
        ),
        steps=(Step(id=entry.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID),),
    )
    study = scan(order, tmp_path, series=(1,), PatientName="NGUYEN^ANH^VAN", PatientSex="M")
    hospital.store(study)

    found = hospital.published_complete(study)

    assert found["subject"]["reference"] == clerk.patient_reference
    assert found["basedOn"][0]["reference"] == f"ServiceRequest/{request['id']}"
    assert len(ehr.search("Patient")) == 1
    assert len(found.get("endpoint", [])) == 1


def test_given_an_ehr_that_is_down_then_health_says_so_until_it_is_back(
    new_hospital: NewHospital, ehr: MedplumServer
) -> None:
    clerk, number = Ehr(ehr), new_accession()
    clerk.request(number)
    hospital = new_hospital(ehr, **asking(ehr))
    entry_of(hospital, number)
    assert "source his" not in warnings_of(hospital)

    ehr.down()
    wait_until(lambda: "source his" in warnings_of(hospital), "the warning", 20.0, pause=0.1)
    ehr.up()
    later = new_accession()
    clerk.request(later)

    entry_of(hospital, later)
    assert "source his" not in warnings_of(hospital)
    assert "source his" in hospital.bridge.command("doctor")


def test_given_a_server_that_fails_for_a_while_then_nothing_is_lost_or_doubled(
    new_hospital: NewHospital, ehr: MedplumServer
) -> None:
    clerk = Ehr(ehr)
    requests = {number: clerk.request(number) for number in (new_accession() for _ in range(5))}
    ehr.answer(503, times=3)
    hospital = new_hospital(ehr, **asking(ehr))
    for number, request in requests.items():
        entry_of(hospital, number)
        assert times_received(hospital, request) == 1


def test_given_two_nodes_then_one_asks_and_the_other_goes_on_without_it(
    database: Callable[[], str], his: His, mpps: DcmjsModality, ehr: MedplumServer, tmp_path: Path
) -> None:
    address = database()
    if address.startswith("sqlite"):
        pytest.skip("SQLite has one node")
    clerk, nodes = Ehr(ehr), []
    with ExitStack() as stack:
        for name in ("one", "other"):
            folder = tmp_path / name
            folder.mkdir()
            bridge = Bridge(configure(folder, address, **asking(ehr, poll_seconds=0.5)), folder)
            stack.callback(bridge.close)
            bridge.start()
            nodes.append(Hospital(bridge, his, mpps, ehr))
        requests = {number: clerk.request(number) for number in (new_accession() for _ in range(5))}
        for number in requests:
            entry_of(nodes[0], number)
        nodes[0].bridge.kill()
        later = new_accession()
        requests[later] = clerk.request(later)
        entry_of(nodes[1], later)
        for request in requests.values():
            assert times_received(nodes[1], request) == 1


class TestNotifications:
    """The EHR is asked so seldom that only its notifications tell of anything."""

    @pytest.fixture
    def clerk(self, ehr: MedplumServer) -> Ehr:
        return Ehr(ehr)

    @pytest.fixture
    def hospital(self, new_hospital: NewHospital, ehr: MedplumServer, clerk: Ehr) -> Hospital:
        first = new_accession()
        clerk.request(first)
        found = new_hospital(ehr, **asking(ehr, poll_seconds=3600.0))
        entry_of(found, first)
        return found

    def test_given_an_empty_one_then_what_is_new_is_asked_for(
        self, hospital: Hospital, clerk: Ehr
    ) -> None:
        number = new_accession()
        request = clerk.request(number)
        assert notify(hospital) == 200
        assert len(entries(hospital, number)) == 1
        assert notify(hospital) == 200
        assert times_received(hospital, request) == 1

    def test_given_the_resource_then_it_is_fetched(self, hospital: Hospital, clerk: Ehr) -> None:
        number = new_accession()
        request = clerk.request(number)
        forged = {**request, "code": {"text": "MRI of somebody else's choice"}}
        assert notify(hospital, forged, f"his/ServiceRequest/{request['id']}") == 200
        (entry,) = entries(hospital, number)
        assert entry.RequestedProcedureDescription == "CT sọ não"

    @pytest.mark.parametrize("form", ["r4 parameters", "r4b status", "r5", "full resource"])
    def test_given_a_bundle_that_names_it_then_it_is_fetched(
        self, hospital: Hospital, clerk: Ehr, form: str
    ) -> None:
        number = new_accession()
        request = clerk.request(number)
        assert notify(hospital, notification(form, request)) == 200
        assert len(entries(hospital, number)) == 1

    def test_given_a_handshake_and_a_heartbeat_then_nothing_is_asked(
        self, hospital: Hospital, clerk: Ehr
    ) -> None:
        asked = len(clerk.server.requests())
        assert notify(hospital, notification("handshake", {})) == 200
        assert notify(hospital, notification("heartbeat", {})) == 200
        assert len(clerk.server.requests()) == asked

    def test_given_an_ehr_that_cannot_be_asked_then_it_is_to_notify_again(
        self, hospital: Hospital, clerk: Ehr
    ) -> None:
        number = new_accession()
        clerk.request(number)
        clerk.server.answer(503)
        assert notify(hospital) == 503
        clerk.server.recover()
        assert notify(hospital) == 200
        assert len(entries(hospital, number)) == 1

    def test_given_something_else_then_it_is_refused(self, hospital: Hospital) -> None:
        assert notify(hospital, path="nobody") == 404
        assert notify(hospital, body=["no resource"]) == 400

    def test_given_a_token_then_only_who_has_it_is_heard(
        self, new_hospital: NewHospital, ehr: MedplumServer
    ) -> None:
        hospital = new_hospital(ehr, **asking(ehr, notification_token="secret-of-ours"))
        assert notify(hospital) == 401
        assert notify(hospital, Authorization="Bearer secret-of-ours") == 200


def notification(form: str, request: Resource) -> Resource:
    """A notification Bundle in one of the forms that servers send."""
    reference = f"ServiceRequest/{request.get('id')}"
    subscription = {"reference": "Subscription/1"}
    event = {"eventNumber": "2", "focus": {"reference": reference}}
    status: Resource = {
        "resourceType": "SubscriptionStatus",
        "status": "active",
        "type": "event-notification",
        "subscription": subscription,
        "notificationEvent": [event],
    }
    parameters = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "subscription", "valueReference": subscription},
            {"name": "type", "valueCode": "event-notification"},
            {
                "name": "notification-event",
                "part": [
                    {"name": "event-number", "valueString": "2"},
                    {"name": "focus", "valueReference": {"reference": reference}},
                ],
            },
        ],
    }
    first = {"request": {"method": "GET", "url": "Subscription/1/$status"}}
    named = {
        "fullUrl": f"http://ehr.example/{reference}",
        "request": {"method": "PUT", "url": reference},
    }
    forms: dict[str, list[Resource]] = {
        "r4 parameters": [{**first, "resource": parameters}, named],
        "r4b status": [{**first, "resource": status}, named],
        "r5": [{"resource": {**status, "notificationEvent": [event]}}],
        "full resource": [
            {**first, "resource": {**status, "notificationEvent": []}},
            {**named, "resource": request},
        ],
        "handshake": [{"resource": {**status, "type": "handshake", "notificationEvent": []}}],
        "heartbeat": [{"resource": {**status, "type": "heartbeat", "notificationEvent": []}}],
    }
    kind = "subscription-notification" if form == "r5" else "history"
    return {"resourceType": "Bundle", "type": kind, "entry": forms[form]}
