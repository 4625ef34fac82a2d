"""Studies that a RIS or a PACS tells of: a UID in advance, and images that are held elsewhere."""

from __future__ import annotations

from typing import Any
from urllib.error import HTTPError

import pytest

from tests.acceptance.conftest import NewHospital
from tests.acceptance.hospital import Hospital, accession_of
from tests.acceptance.orders import Order, new_order, orm
from tests.peers.fhir_client import FhirClient, Resource
from tests.peers.process import wait_until

PACS = "https://pacs.example/dicom-web"
ACCESSION = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]
}
CT = {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"}


def server_of(hospital: Hospital) -> FhirClient:
    return FhirClient(f"{hospital.bridge.url}/fhir")


def study_of(order: Order, uid: str, status: str = "available", **elements: Any) -> Resource:
    """An ImagingStudy as a PACS writes it: patient and order by their numbers."""
    usual: Resource = {
        "resourceType": "ImagingStudy",
        "contained": [
            {
                "resourceType": "Endpoint",
                "id": "pacs",
                "status": "active",
                "connectionType": {
                    "system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type",
                    "code": "dicom-wado-rs",
                },
                "payloadType": [{"text": "DICOM"}],
                "address": PACS,
            }
        ],
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}],
        "status": status,
        "subject": {
            "type": "Patient",
            "identifier": {"system": "urn:id:HOSP", "value": order.patient.id},
        },
        "basedOn": [
            {
                "type": "ServiceRequest",
                "identifier": {
                    "type": ACCESSION,
                    "system": "urn:id:HOSP",
                    "value": order.accession,
                },
            }
        ],
        "endpoint": [{"reference": "#pacs"}],
        "series": [
            {
                "uid": f"{uid}.1",
                "number": 1,
                "modality": CT,
                "numberOfInstances": 40,
            }
        ],
    }
    return {**usual, **elements}


def test_given_images_in_another_archive_then_the_ehr_is_told_where_they_are(
    hospital: Hospital,
) -> None:
    order = new_order()
    hospital.place(orm(order))
    uid = f"{order.study_uid}.9"

    server_of(hospital).create(study_of(order, uid))

    found = hospital.published(uid)
    assert accession_of(found) == order.accession
    assert (found["status"], found["numberOfInstances"]) == ("available", 40)
    (endpoint,) = hospital.endpoints(found)
    assert endpoint["address"] == PACS


def test_given_them_before_their_order_then_they_wait_for_it(hospital: Hospital) -> None:
    order = new_order()
    uid = f"{order.study_uid}.9"
    server_of(hospital).create(study_of(order, uid))
    assert not hospital.is_published(uid)
    hospital.place(orm(order))
    assert accession_of(hospital.published(uid)) == order.accession


def test_given_images_that_were_announced_in_error_then_the_ehr_is_told(
    hospital: Hospital,
) -> None:
    order = new_order()
    hospital.place(orm(order))
    uid, server = f"{order.study_uid}.9", server_of(hospital)
    created = server.create(study_of(order, uid))
    hospital.published(uid)

    wrong = study_of(order, uid, "entered-in-error", id=created["id"], series=[], endpoint=[])
    del wrong["series"], wrong["endpoint"], wrong["contained"]
    server.exchange("PUT", f"ImagingStudy/{created['id']}", wrong)

    hospital.published(uid, lambda study: study["status"] == "entered-in-error")


def test_given_another_patient_then_nobody_is_told(hospital: Hospital) -> None:
    order, other = new_order(), new_order()
    hospital.place(orm(order))
    hospital.place(orm(other))
    uid = f"{order.study_uid}.9"
    stranger = {"identifier": {"system": "urn:id:HOSP", "value": other.patient.id}}
    server_of(hospital).create(study_of(order, uid, subject={"type": "Patient", **stranger}))
    server_of(hospital).create(study_of(other, f"{other.study_uid}.9"))
    hospital.published(f"{other.study_uid}.9")
    assert not hospital.is_published(uid)


class TestRegistered:
    @pytest.fixture
    def ris(self, new_hospital: NewHospital) -> Hospital:
        """A hospital whose RIS gives out Study Instance UIDs."""
        return new_hospital(site={"mode": "ris"})

    def request(self, order: Order) -> Resource:
        return {
            "resourceType": "ServiceRequest",
            "identifier": [{"type": ACCESSION, "system": "urn:id:HOSP", "value": order.accession}],
            "status": "active",
            "intent": "order",
            "code": {"text": "CT head"},
            "orderDetail": [{"coding": [CT]}],
            "subject": {"identifier": {"system": "urn:id:HOSP", "value": order.patient.id}},
        }

    def entries(self, hospital: Hospital, order: Order) -> list[str]:
        found = hospital.worklist(AccessionNumber=order.accession)
        return [str(each.StudyInstanceUID) for each in found]

    def transaction(self, hospital: Hospital, *resources: Resource) -> Resource:
        entries = [
            {"resource": each, "request": {"method": "POST", "url": each["resourceType"]}}
            for each in resources
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        return server_of(hospital).exchange("POST", "", bundle)

    def steps(self, order: Order) -> list[Resource]:
        """What the RIS schedules: the patient, and one step with its number."""
        person = {
            "resourceType": "Patient",
            "identifier": [{"system": "urn:id:HOSP", "value": order.patient.id}],
            "name": [{"family": order.patient.family}],
        }
        number = {"type": ACCESSION, "system": "urn:id:HOSP", "value": order.accession}
        procedure: Resource = {
            "resourceType": "ServiceRequest",
            "identifier": [{"type": {"text": "Requested Procedure ID"}, "value": order.rp_id}],
            "status": "active",
            "intent": "order",
            "code": {"text": "CT head"},
            "orderDetail": [{"coding": [CT]}],
            "basedOn": [{"type": "ServiceRequest", "identifier": number}],
            "subject": {"identifier": {"system": "urn:id:HOSP", "value": order.patient.id}},
        }
        step = {
            "resourceType": "Task",
            "identifier": [{"value": order.step.id[:16]}],
            "status": "requested",
            "intent": "order",
            "focus": {"type": "ServiceRequest", "identifier": procedure["identifier"][0]},
        }
        return [person, procedure, step]

    def test_given_a_registered_study_then_its_order_is_shown_with_that_uid(
        self, ris: Hospital
    ) -> None:
        order = new_order()
        self.transaction(ris, self.request(order), *self.steps(order))
        assert self.entries(ris, order) == []

        server_of(ris).create(study_of(order, order.study_uid, "registered"))

        wait_until(lambda: self.entries(ris, order) == [order.study_uid], "the entry")

    def test_given_another_uid_afterwards_then_it_is_refused_with_its_place(
        self, ris: Hospital
    ) -> None:
        order = new_order()
        self.transaction(ris, self.request(order), *self.steps(order))
        server_of(ris).create(study_of(order, order.study_uid, "registered"))
        with pytest.raises(HTTPError) as caught:
            server_of(ris).create(study_of(order, f"{order.study_uid}.2", "registered"))
        assert caught.value.code == 409
        assert b"ImagingStudy.identifier" in caught.value.read()
        assert self.entries(ris, order) == [order.study_uid]
