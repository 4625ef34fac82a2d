"""FHIR orders in: Medplum's client as the EHR, dcmtk as the modality, and back as ImagingStudy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import fhirkit
import pytest
from pydicom import Dataset

from bridge.fhir.reading import check_resource
from bridge.fhir.releases import Release
from tests.acceptance.hospital import Hospital
from tests.acceptance.images import scan
from tests.acceptance.orders import Order, Patient, new_order, new_patient, orm
from tests.peers.fhir_client import FhirClient, Resource
from tests.peers.medplum import Medplum
from tests.peers.medplum_client import MedplumClient
from tests.peers.process import wait_until

MRN = "http://hosp.example/mrn"
ORDERS = "http://hosp.example/orders"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
IMAGING = {"coding": [{"system": "http://snomed.info/sct", "code": "363679005"}]}


@pytest.fixture
def ehr(hospital: Hospital, tmp_path: Path) -> Iterator[MedplumClient]:
    with closing(MedplumClient(tmp_path, f"{hospital.bridge.url}/fhir")) as peer:
        yield peer


def person(patient: Patient) -> Resource:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": MRN, "value": patient.id}],
        "name": [{"family": patient.family, "given": [patient.given, patient.middle]}],
        "birthDate": patient.birth_date_iso,
        "gender": "female",
    }


def request(subject: str, order: Order, **elements: Any) -> Resource:
    kind = {"coding": [{"system": TYPES, "code": "PLAC"}]}
    return {
        "resourceType": "ServiceRequest",
        "identifier": [{"type": kind, "system": ORDERS, "value": order.accession}],
        "status": "active",
        "intent": "order",
        "category": [IMAGING],
        "code": {
            "coding": [{"system": "urn:id:99HOSP", "code": order.code, "display": "CT head"}],
            "text": order.description,
        },
        "orderDetail": [{"coding": [{"system": DCM, "code": "CT"}]}],
        "subject": {"reference": subject},
        "occurrenceDateTime": f"{order.date[:4]}-{order.date[4:6]}-{order.date[6:]}T09:30:00+07:00",
        **elements,
    }


def seen(hospital: Hospital, patient: Patient) -> list[Dataset]:
    return hospital.worklist(PatientID=patient.id)


def performed(hospital: Hospital, order: Order, entry: Dataset, directory: Path) -> None:
    """Scan what the worklist shows, and store the images."""
    (step,) = entry.ScheduledProcedureStepSequence
    shown = replace(
        order,
        accession=str(entry.AccessionNumber),
        rp_id=str(entry.RequestedProcedureID),
        study_uid=str(entry.StudyInstanceUID),
        steps=(replace(order.step, id=str(step.ScheduledProcedureStepID)),),
    )
    study = scan(shown, directory / "images", series=(2,))
    uid = hospital.start_step(shown)
    hospital.store(study)
    hospital.end_step(uid, study)


def valid(resource: Resource, medplum: Medplum) -> bool:
    assert check_resource(resource, Release.R4) == ()
    assert medplum.errors_of(resource) == []
    assert [str(issue) for issue in fhirkit.validate(resource)] == []
    return True


def test_given_a_request_when_it_is_performed_then_the_study_is_read_by_its_accession(
    hospital: Hospital, ehr: MedplumClient, medplum: Medplum, tmp_path: Path
) -> None:
    order = new_order(new_patient(family="NGUYỄN", given="ÁNH"))
    patient = ehr.create(person(order.patient))
    asked = ehr.create(request(f"Patient/{patient['id']}", order))

    (entry,) = seen(hospital, order.patient)
    assert str(entry.PatientName) == order.patient.person_name
    (step,) = entry.ScheduledProcedureStepSequence
    assert (step.Modality, step.ScheduledProcedureStepStartTime) == ("CT", "093000")
    (task,) = ehr.search("Task", f"based-on=ServiceRequest/{asked['id']}")
    assert task["identifier"][0]["value"] == step.ScheduledProcedureStepID

    performed(hospital, order, entry, tmp_path)

    (study,) = wait_until(
        lambda: ehr.search("ImagingStudy", f"accession={entry.AccessionNumber}"), "the study"
    )
    assert study["numberOfInstances"] == 2
    assert study["subject"]["reference"] == f"Patient/{patient['id']}"
    assert study["basedOn"][0]["reference"] == f"ServiceRequest/{asked['id']}"
    (endpoint,) = hospital.endpoints(study, ehr.read)
    assert endpoint["address"].endswith("/dicom-web")
    now = ehr.read(f"ServiceRequest/{asked['id']}")
    assert now["status"] == "completed"
    assert now["identifier"][0] == asked["identifier"][0]
    (task,) = ehr.search("Task", f"based-on=ServiceRequest/{asked['id']}")
    assert task["status"] == "completed"
    everything = [patient, now, task, study, endpoint]
    assert all(valid(each, medplum) for each in everything)


def test_given_a_transaction_then_the_modality_sees_its_appointment(
    hospital: Hospital, ehr: MedplumClient, medplum: Medplum
) -> None:
    order = new_order()
    day = f"{order.date[:4]}-{order.date[4:6]}-{order.date[6:]}"

    def entry(name: str, resource: Resource) -> Resource:
        ask = {"method": "POST", "url": resource["resourceType"]}
        return {"fullUrl": f"urn:uuid:{name}", "resource": resource, "request": ask}

    names = {
        "patient": "0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0",
        "order": "0c3151bd-1cbf-4d64-b04d-cd9187a4c6e1",
        "task": "0c3151bd-1cbf-4d64-b04d-cd9187a4c6e2",
        "appointment": "0c3151bd-1cbf-4d64-b04d-cd9187a4c6e3",
    }
    subject = {"reference": f"urn:uuid:{names['patient']}"}
    about = {"reference": f"urn:uuid:{names['order']}"}
    task = {
        "resourceType": "Task",
        "identifier": [{"value": "STEP7"}],
        "status": "requested",
        "intent": "order",
        "focus": about,
        "for": subject,
    }
    appointment = {
        "resourceType": "Appointment",
        "identifier": [{"system": ORDERS, "value": f"APT{order.accession}"}],
        "status": "booked",
        "start": f"{day}T14:15:00+07:00",
        "end": f"{day}T14:45:00+07:00",
        "basedOn": [about],
        "participant": [{"actor": subject, "status": "accepted"}],
    }
    answered = ehr.bundle(
        {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                entry(names["patient"], person(order.patient)),
                entry(names["order"], request(subject["reference"], order)),
                entry(names["task"], task),
                entry(names["appointment"], appointment),
            ],
        }
    )

    (shown,) = seen(hospital, order.patient)
    (step,) = shown.ScheduledProcedureStepSequence
    assert step.ScheduledProcedureStepID == "STEP7"
    assert step.ScheduledProcedureStepStartTime == "141500"
    assert [each["resourceType"] for each in answered] == [
        *("Patient", "ServiceRequest", "Task", "Appointment"),
    ]
    assert all(valid(each, medplum) for each in answered)


def test_given_a_request_is_deleted_then_it_leaves_the_worklist(
    hospital: Hospital, ehr: MedplumClient
) -> None:
    order = new_order()
    patient = ehr.create(person(order.patient))
    asked = ehr.create(request(f"Patient/{patient['id']}", order))
    assert len(seen(hospital, order.patient)) == 1

    ehr.delete(f"ServiceRequest/{asked['id']}")

    assert seen(hospital, order.patient) == []
    outcome = ehr.outcome(f"ServiceRequest/{asked['id']}")
    assert outcome is not None
    assert outcome["issue"][0]["code"] == "deleted"


@pytest.mark.parametrize("way", ["update", "patch"])
def test_given_a_request_is_revoked_then_it_leaves_the_worklist(
    hospital: Hospital, ehr: MedplumClient, way: str
) -> None:
    order = new_order()
    patient = ehr.create(person(order.patient))
    asked = ehr.create(request(f"Patient/{patient['id']}", order))

    if way == "update":
        ehr.update({**asked, "status": "revoked"})
    else:
        revoked = [{"op": "replace", "path": "/status", "value": "revoked"}]
        ehr.patch(f"ServiceRequest/{asked['id']}", revoked)

    assert seen(hospital, order.patient) == []
    assert ehr.read(f"ServiceRequest/{asked['id']}")["status"] == "revoked"
    history = ehr.history(f"ServiceRequest/{asked['id']}")
    assert [each["resource"]["status"] for each in history["entry"]] == ["revoked", "active"]


def test_given_the_same_patient_twice_then_there_is_one(
    hospital: Hospital, ehr: MedplumClient
) -> None:
    someone = person(new_patient())
    where = f"identifier={MRN}|{someone['identifier'][0]['value']}"
    first = ehr.create_if_none_exist(someone, where)
    again = ehr.create_if_none_exist(someone, where)
    changed = ehr.upsert({**someone, "gender": "male"}, where)
    assert first["id"] == again["id"] == changed["id"]
    assert [each["gender"] for each in ehr.search("Patient", where)] == ["male"]


def test_given_orders_by_hl7_then_the_ehr_finds_them_page_by_page(
    hospital: Hospital, ehr: MedplumClient, medplum: Medplum
) -> None:
    patient = new_patient()
    orders = [new_order(patient) for _ in range(5)]
    for order in orders:
        hospital.place(orm(order))

    where = f"patient.identifier={patient.id}&_count=2&_sort=_lastUpdated"
    pages = ehr.pages("ServiceRequest", where)

    assert [len(page) for page in pages] == [2, 2, 1]
    accessions = [
        each["value"]
        for page in pages
        for found in page
        for each in found["identifier"]
        if each["type"]["coding"][0]["code"] == "ACSN"
    ]
    assert accessions == [order.accession for order in orders]
    assert all(valid(found, medplum) for page in pages for found in page)
    whole = ehr.searchset("ServiceRequest", f"{where}&_include=ServiceRequest:patient")
    assert whole["total"] == 5
    (found,) = [e["resource"] for e in whole["entry"] if e["search"]["mode"] == "include"]
    assert found["identifier"][0]["value"] == patient.id
    assert valid(found, medplum)


def test_then_the_statement_is_valid_and_names_what_is_served(
    hospital: Hospital, ehr: MedplumClient, medplum: Medplum
) -> None:
    statement = FhirClient(ehr.url).read("metadata")
    assert valid(statement, medplum)
    (rest,) = statement["rest"]
    served = {each["type"]: each for each in rest["resource"]}
    for kind, described in served.items():
        for parameter in described["searchParam"]:
            name = parameter["name"]
            value = {"date": "2026", "reference": "Patient/1"}.get(parameter["type"], "x")
            assert ehr.searchset(kind, f"{name}={value}")["type"] == "searchset"
