"""Publishing to the EHR: once, in order, valid, whatever the EHR is going through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

import fhirkit
import pytest

from tests.acceptance.conftest import NewHospital
from tests.acceptance.hospital import DISCONTINUED, Hospital, accession_of
from tests.acceptance.images import Study, scan
from tests.acceptance.orders import Order, new_order, new_patient, omi, orm
from tests.peers.bridge_process import fhir_destination
from tests.peers.medplum import Medplum, MedplumServer
from tests.peers.process import choose_port, wait_until
from tests.peers.sekmet import Sekmet


@pytest.fixture
def sekmet(tmp_path: Path) -> Iterator[Sekmet]:
    with closing(Sekmet(tmp_path)) as peer:
        yield peer


def scanned(hospital: Hospital, directory: Path, order: Order | None = None) -> Study:
    """Place an order and perform it."""
    order = order or new_order()
    hospital.place(orm(order))
    study = scan(order, directory / order.accession, series=(2, 1))
    step = hospital.start_step(order)
    hospital.store(study)
    hospital.end_step(step, study)
    return study


def writes_of(ehr: MedplumServer, study: Study) -> list[dict[str, Any]]:
    """Give the ImagingStudy resources of a study as the EHR was sent them, with their answers."""
    written = []
    for request in ehr.requests():
        body = request.get("body") or {}
        resources = [entry.get("resource") or {} for entry in body.get("entry", [])] or [body]
        written += [
            resource | {"answered": request["status"]}
            for resource in resources
            if resource.get("resourceType") == "ImagingStudy" and study.uid in str(resource)
        ]
    return written


def test_given_sekmet_as_the_ehr_then_it_holds_one_imaging_study(
    new_hospital: NewHospital, sekmet: Sekmet, tmp_path: Path
) -> None:
    hospital = new_hospital(sekmet)
    order = new_order(new_patient(family="NGUYỄN"))
    study = scanned(hospital, tmp_path, order)
    found = hospital.published_complete(study)
    assert accession_of(found) == order.accession

    more = scan(order, tmp_path / "more", series=(1,))
    hospital.store(more)
    study.series.update(more.series)

    again = hospital.published_complete(study)
    assert again["id"] == found["id"]
    patient = sekmet.read(again["subject"]["reference"])
    assert [one["value"] for one in patient["identifier"]] == [order.patient.id]
    assert len(sekmet.search("Patient")) == 1


def test_given_two_ehrs_then_both_hold_the_study(
    new_hospital: NewHospital, ehr: MedplumServer, sekmet: Sekmet, tmp_path: Path
) -> None:
    targets = [fhir_destination(ehr.url, "one"), fhir_destination(sekmet.url, "two")]
    hospital = new_hospital(ehr, destinations=targets)
    study = scanned(hospital, tmp_path)

    hospital.published_complete(study)
    wait_until(lambda: sekmet.imaging_studies(study.uid), "the study at the second EHR")


def test_then_what_is_published_is_valid_in_two_validators(
    hospital: Hospital, medplum: Medplum, tmp_path: Path
) -> None:
    order = new_order(new_patient(family="NGUYỄN", given="ÁNH", middle="VĂN"))
    found = hospital.published_complete(scanned(hospital, tmp_path, order))

    resources = [found, hospital.ehr.read(found["subject"]["reference"])]
    resources += hospital.endpoints(found)
    for resource in resources:
        assert medplum.errors_of(resource) == []
        assert [str(issue) for issue in fhirkit.validate(resource)] == []
    assert found["status"] in {"registered", "available"}


def test_given_a_viewer_is_served_then_the_ehr_has_a_link_that_leads_a_person_to_it(
    new_hospital: NewHospital, medplum: Medplum, tmp_path: Path
) -> None:
    folder = tmp_path / "viewer"
    folder.mkdir()
    (folder / "index.html").write_text("<title>a viewer</title>")
    hospital = new_hospital(viewer={"folder": str(folder), "port": choose_port()})
    study = scanned(hospital, tmp_path)

    found = hospital.published_complete(study)

    images, viewer = hospital.endpoints(found)
    assert images["address"].endswith("/dicom-web")
    assert viewer["address"] == f"{hospital.bridge.url}/open?study={study.uid}"
    assert medplum.errors_of(found) == []
    assert [str(issue) for issue in fhirkit.validate(found)] == []
    with urlopen(viewer["address"], timeout=10) as page:
        assert urlsplit(page.url).path == "/sign-in"
        assert unquote(urlsplit(page.url).query) == f"next=/open?study={study.uid}"


def test_given_one_patient_with_two_studies_then_the_ehr_holds_one_patient(
    hospital: Hospital, tmp_path: Path
) -> None:
    patient = new_patient()
    studies = [scanned(hospital, tmp_path, new_order(patient)) for _ in range(2)]

    subjects = {hospital.published_complete(study)["subject"]["reference"] for study in studies}

    assert len(subjects) == 1


def test_given_the_ehr_is_down_then_everything_is_delivered_when_it_is_back(
    new_hospital: NewHospital, ehr: MedplumServer, tmp_path: Path
) -> None:
    hospital = new_hospital()
    ehr.down()
    orders = [new_order() for _ in range(3)]
    studies = [scanned(hospital, tmp_path, order) for order in orders]
    more = scan(orders[0], tmp_path / "more", series=(1,))
    hospital.store(more)
    studies[0].series.update(more.series)
    ehr.up()

    for study in studies:
        hospital.published_complete(study, seconds=60)
        sent = writes_of(ehr, study)
        numbers = [resource["numberOfInstances"] for resource in sent]
        assert numbers == sorted(numbers), "older state after newer"


def test_given_the_ehr_is_down_and_the_bridge_is_killed_then_nothing_is_lost(
    new_hospital: NewHospital, ehr: MedplumServer, tmp_path: Path
) -> None:
    hospital = new_hospital()
    ehr.down()
    studies = [scanned(hospital, tmp_path) for _ in range(2)]
    hospital.bridge.restart()
    ehr.up()

    for study in studies:
        hospital.published_complete(study, seconds=60)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_given_the_ehr_fails_for_a_while_then_the_delivery_is_tried_again(
    new_hospital: NewHospital, ehr: MedplumServer, tmp_path: Path, status: int
) -> None:
    hospital = new_hospital()
    ehr.answer(status, times=3)
    study = scanned(hospital, tmp_path)

    hospital.published_complete(study, seconds=60)


def test_given_the_ehr_is_slow_then_the_study_arrives_once(
    new_hospital: NewHospital, ehr: MedplumServer, tmp_path: Path
) -> None:
    hospital = new_hospital()
    ehr.delay(1500, times=3)
    study = scanned(hospital, tmp_path)

    hospital.published_complete(study, seconds=60)


def test_given_an_answer_that_came_too_late_then_the_study_is_still_one(
    new_hospital: NewHospital, ehr: MedplumServer, tmp_path: Path
) -> None:
    """The EHR applies what the bridge believes to have failed."""
    destination = fhir_destination(ehr.url) | {
        "timeout_seconds": 0.5,
        "retry": {"base_seconds": 0.2},
    }
    hospital = new_hospital(ehr, destinations=[destination])
    ehr.delay(1500, times=2)
    study = scanned(hospital, tmp_path)

    hospital.published_complete(study, seconds=60)


def test_given_a_refusal_then_it_becomes_a_dead_letter_that_holds_up_nobody_else(
    new_hospital: NewHospital, ehr: MedplumServer, tmp_path: Path
) -> None:
    hospital = new_hospital()
    order = new_order()
    ehr.answer(422, writes=True, containing=order.study_uid)
    refused = scanned(hospital, tmp_path, order)
    accepted = scanned(hospital, tmp_path)

    hospital.published_complete(accepted)
    wait_until(lambda: writes_of(ehr, refused), "the study was refused")

    def is_dead() -> bool:
        listed = hospital.bridge.command("delivery", "list").lower()
        return "dead" in listed and refused.uid in listed

    wait_until(is_dead, "a dead letter of the refused study is listed", pause=0.5)
    assert not hospital.is_published(refused.uid)


def test_given_a_dead_letter_when_it_is_retried_then_the_study_is_published(
    new_hospital: NewHospital, ehr: MedplumServer, tmp_path: Path
) -> None:
    hospital = new_hospital()
    order = new_order()
    ehr.answer(422, writes=True, containing=order.study_uid)
    study = scanned(hospital, tmp_path, order)
    wait_until(
        lambda: "dead" in hospital.bridge.command("delivery", "list").lower(),
        "a dead letter is listed",
        pause=0.5,
    )
    ehr.recover()
    more = scan(order, tmp_path / "more", series=(1,))
    hospital.store(more)
    study.series.update(more.series)

    hospital.published_complete(study, seconds=60)


def test_given_an_ehr_that_already_has_the_patient_then_it_is_used(
    new_hospital: NewHospital, ehr: MedplumServer, tmp_path: Path
) -> None:
    """The patient carries the identifier that the bridge would give it, and more."""
    hospital = new_hospital()
    patient = new_patient()
    first = hospital.published_complete(scanned(hospital, tmp_path, new_order(patient)))
    known = ehr.read(first["subject"]["reference"])
    ehr.exchange("PUT", f"Patient/{known['id']}", known | {"birthDate": patient.birth_date_iso})

    second = hospital.published_complete(scanned(hospital, tmp_path, new_order(patient)))

    assert second["subject"] == first["subject"]
    assert len(ehr.search("Patient")) == 1


def test_given_an_order_with_several_procedures_then_every_study_names_it(
    hospital: Hospital, tmp_path: Path
) -> None:
    patient = new_patient()
    orders = [new_order(patient) for _ in range(2)]
    hospital.place(omi(*orders))
    for order in orders:
        study = scan(order, tmp_path / order.accession, series=(1,))
        hospital.store(study)
        assert accession_of(hospital.published_complete(study)) == order.accession


EVERYTHING = [
    "order.scheduled",
    "order.changed",
    "order.canceled",
    "step.started",
    "step.completed",
    "step.discontinued",
    "study.scheduled",
    "study.started",
    "study.available",
    "study.changed",
    "study.withdrawn",
]


def task_of(ehr: MedplumServer, order: Order) -> dict[str, Any]:
    """The Task of an order's one step, as the EHR holds it."""
    found = [one for one in ehr.search("Task") if order.accession in str(one["focus"])]
    assert len(found) < 2, found
    return found[0] if found else {}


def test_given_an_ehr_that_places_orders_then_it_learns_how_they_stand(
    new_hospital: NewHospital, ehr: MedplumServer, tmp_path: Path
) -> None:
    hospital = new_hospital(
        ehr,
        destinations=[fhir_destination(ehr.url) | {"events": EVERYTHING, "profile": "standard"}],
    )
    order = new_order()
    hospital.place(orm(order))
    wait_until(lambda: task_of(ehr, order), "the step is a Task")
    registered = hospital.published(order.study_uid)
    assert (registered["status"], registered["numberOfInstances"]) == ("registered", 0)

    known_by = task_of(ehr, order)["focus"]["identifier"]
    placed = ehr.exchange(
        "POST",
        "ServiceRequest",
        {
            "resourceType": "ServiceRequest",
            "status": "active",
            "intent": "order",
            "identifier": [known_by],
            "subject": registered["subject"],
            "note": [{"text": "the EHR's own"}],
        },
    )
    step = hospital.start_step(order)
    wait_until(lambda: task_of(ehr, order)["status"] == "in-progress", "the step is in progress")
    study = scan(order, tmp_path / order.accession, series=(2, 1))
    hospital.store(study)
    hospital.end_step(step, study)

    found = hospital.published_complete(study)
    wait_until(lambda: task_of(ehr, order)["status"] == "completed", "the step is completed")
    request = ehr.read(f"ServiceRequest/{placed['id']}")
    assert (request["status"], request["note"][0]["text"]) == ("completed", "the EHR's own")
    assert found["basedOn"][0]["reference"] == f"ServiceRequest/{placed['id']}"
    assert task_of(ehr, order)["focus"]["reference"] == f"ServiceRequest/{placed['id']}"


def test_given_an_examination_without_images_then_its_study_is_registered_and_then_cancelled(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    step = hospital.start_step(order)
    hospital.published(order.study_uid, lambda one: one["status"] == "registered")
    nothing = scan(order, tmp_path / "nothing", series=())
    hospital.end_step(step, nothing, DISCONTINUED)
    hospital.published(order.study_uid, lambda one: one["status"] == "cancelled")


def test_given_an_ehr_behind_smart_backend_services_then_the_bridge_signs_in(
    new_hospital: NewHospital, tmp_path: Path
) -> None:
    """Keys are made, and made anew, while the bridge runs; the EHR reads them from the bridge."""
    port = choose_port()
    client = {
        "client_id": "bridge",
        "jwks_url": f"http://127.0.0.1:{port}/.well-known/jwks.json",
        "scopes": "system/*.*",
    }
    auth = {"types": ["smart", "bearer"], "tokens": ["tester"], "smart_clients": [client]}
    with closing(Sekmet(tmp_path, server_auth=auth)) as guarded:
        guarded.token = "tester"
        destination = fhir_destination(guarded.url) | {
            "sign_in": {"client_id": "bridge", "scope": "system/*.cruds"}
        }
        hospital = new_hospital(
            guarded, destinations=[destination], http={"host": "127.0.0.1", "port": port}
        )
        first = hospital.bridge.command("signing-key", "generate", "--algorithm", "RS384").strip()
        study = scanned(hospital, tmp_path)
        hospital.published_complete(study)

        next_key = hospital.bridge.command("signing-key", "generate", "--wait", "600").strip()
        listed = hospital.bridge.command("signing-key", "list")
        assert listed.index(next_key) < listed.index(first)
        hospital.published_complete(scanned(hospital, tmp_path))
