"""Patient Information Reconciliation: images under a wrong or temporary identity are shown right.

IHE RAD TF-1 chapter 4 (PIR): the stored bytes stay, whoever asks gets what the order says.
"""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

from pydicom import Dataset

from tests.acceptance.conftest import NewHospital
from tests.acceptance.hospital import Hospital
from tests.acceptance.images import Study, scan
from tests.acceptance.orders import adt_merge, adt_update, new_order, new_patient, orm
from tests.acceptance.test_rad8_storage import dataset_bytes
from tests.peers.process import wait_until


def found(hospital: Hospital, **keys: str) -> list[dict[str, Any]]:
    """QIDO-RS: the studies that match."""
    query = "&".join(f"{name}={value}" for name, value in keys.items())
    url = f"{hospital.bridge.url}/dicom-web/studies?{query}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        studies: list[dict[str, Any]] = json.load(answer) if answer.status == 200 else []
        return studies


def retrieved(hospital: Hospital, study: Study, tmp_path: Path) -> list[Dataset]:
    """C-GET: the images as whoever asks gets them."""
    folder = tmp_path / "got"
    folder.mkdir(exist_ok=True)
    for each in folder.iterdir():
        each.unlink()
    return hospital.modality().get("STUDY", {"StudyInstanceUID": study.uid}, folder).items


def test_given_an_unknown_patient_is_identified_later_then_the_images_are_shown_as_the_persons(
    hospital: Hospital, tmp_path: Path
) -> None:
    unknown = new_patient(family="UNKNOWN", given="MALE", middle="", sex="M")
    order = new_order(unknown)
    hospital.place(orm(order))
    study = scan(order, tmp_path / "sent", series=(2,))
    hospital.store(study)
    hospital.published_complete(study)
    person = new_patient(family="NGUYỄN", given="ÁNH", middle="VĂN", sex="M")
    hospital.place(adt_merge(person, [unknown]))

    def shown() -> bool:
        return [s["00100020"]["Value"] for s in found(hospital, PatientID=person.id)] == [
            [person.id]
        ]

    wait_until(shown, "the study under the person's Patient ID")
    (by_former_number,) = found(hospital, PatientID=unknown.id)
    assert by_former_number["00100020"]["Value"] == [person.id]
    for image in retrieved(hospital, study, tmp_path):
        assert image.PatientID == person.id
        assert image.PatientName == "NGUYỄN^ÁNH^VĂN"
        (original,) = image.OriginalAttributesSequence
        (before,) = original.ModifiedAttributesSequence
        assert (before.PatientID, before.PatientName) == (unknown.id, "UNKNOWN^MALE^")
    for path in study.paths:
        assert hospital.holds_bytes(dataset_bytes(path))


def test_given_the_name_is_corrected_after_the_scan_then_whoever_retrieves_gets_the_new_one(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path / "sent", series=(1,))
    hospital.store(study)
    hospital.published_complete(study)
    corrected = new_patient(id=order.patient.id, family="TRẦN", given="BÌNH", middle="THỊ")
    hospital.place(adt_update(corrected))
    (study_found,) = found(hospital, StudyInstanceUID=study.uid)
    assert study_found["00100010"]["Value"] == [{"Alphabetic": "TRẦN^BÌNH^THỊ"}]
    (image,) = retrieved(hospital, study, tmp_path)
    assert image.PatientName == "TRẦN^BÌNH^THỊ"
    url = f"{hospital.bridge.url}/dicom-web/studies/{study.uid}/metadata"
    with urllib.request.urlopen(url, timeout=30) as answer:
        (metadata,) = json.load(answer)
    assert metadata["00100010"]["Value"] == [{"Alphabetic": "TRẦN^BÌNH^THỊ"}]


def test_given_the_modality_named_no_request_then_the_images_carry_that_of_their_order(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path / "sent", series=(1,))
    hospital.store(study)
    hospital.published_complete(study)
    (image,) = retrieved(hospital, study, tmp_path)
    (item,) = image.RequestAttributesSequence
    assert item.RequestedProcedureID == order.rp_id
    assert item.ScheduledProcedureStepID == order.step.id
    assert item.AccessionNumber == order.accession


def test_given_a_site_that_wants_images_as_they_came_then_they_are_given_so(
    new_hospital: NewHospital, tmp_path: Path
) -> None:
    hospital = new_hospital(dicom={"coercion": "off", "settle_seconds": 1})
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path / "sent", series=(1,), PatientName="AS^TYPED")
    hospital.store(study)
    hospital.published_complete(study)
    (image,) = retrieved(hospital, study, tmp_path)
    assert image.PatientName == "AS^TYPED"
    assert "OriginalAttributesSequence" not in image
    (study_found,) = found(hospital, StudyInstanceUID=study.uid)
    assert study_found["00100010"]["Value"] == [{"Alphabetic": "AS^TYPED"}]
