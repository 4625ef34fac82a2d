"""Between modality and PACS: images go on by rule, as their order has them, each once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydicom import FileDataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.errors import InvalidDicomError
from pydicom.uid import JPEGBaseline8Bit, generate_uid

from tests.acceptance.conftest import NewHospital
from tests.acceptance.hospital import Hospital
from tests.acceptance.images import Study, scan, write_image
from tests.acceptance.orders import new_order, new_patient, orm
from tests.peers.dcmtk import StoreScp
from tests.peers.orthanc import Orthanc
from tests.peers.process import choose_port, wait_until


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[StoreScp]:
    folder = tmp_path / "pacs"
    folder.mkdir()
    with closing(StoreScp(folder)) as peer:
        yield peer


def forward(port: int, **changes: Any) -> dict[str, Any]:
    return {
        "name": "pacs",
        "kind": "dicom_store",
        "ae_title": "PACS",
        "host": "127.0.0.1",
        "port": port,
        "retry": {"base_seconds": 0.2},
    } | changes


def gateway(new_hospital: NewHospital, port: int, **changes: Any) -> Hospital:
    return new_hospital(destinations=[forward(port, **changes)], dicom={"settle_seconds": 1})


def arrived(pacs: StoreScp, count: int) -> list[FileDataset]:
    """Wait until the PACS holds so many images, and give them."""

    def ask() -> list[FileDataset] | None:
        held = list(pacs.directory.iterdir())
        assert len(held) <= count
        try:
            images = [dcmread(path) for path in held]
        except (InvalidDicomError, EOFError):  # being written
            return None
        return images if len(held) == count else None

    images = wait_until(ask, f"{count} images at the PACS", seconds=30)
    assert images is not None
    return images


def uids(images: list[FileDataset]) -> set[str]:
    return {image.SOPInstanceUID for image in images}


def sent(study: Study) -> set[str]:
    return {dcmread(path).SOPInstanceUID for path in study.paths}


def test_given_a_matched_study_then_the_pacs_gets_it_as_its_order_has_it(
    new_hospital: NewHospital, pacs: StoreScp, tmp_path: Path
) -> None:
    hospital = gateway(new_hospital, pacs.port)
    order = new_order(new_patient(family="NGUYỄN", given="ÁNH", middle="VĂN"))
    hospital.place(orm(order))
    study = scan(order, tmp_path / "sent", series=(2,), PatientName="NGUYEN VAN ANH")
    hospital.store(study)
    images = arrived(pacs, 2)
    assert uids(images) == sent(study)
    for image in images:
        assert image.PatientName == "NGUYỄN^ÁNH^VĂN"
        before = image.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
        assert before.PatientName == "NGUYEN VAN ANH"


def test_given_a_late_image_then_only_that_one_goes(
    new_hospital: NewHospital, pacs: StoreScp, tmp_path: Path
) -> None:
    hospital = gateway(new_hospital, pacs.port)
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path / "sent", series=(2,))
    hospital.store(study)
    arrived(pacs, 2)
    pacs.clear()
    (series,) = study.series
    late = write_image(order, tmp_path / "late", series, 1, 3)
    assert hospital.modality().store([late]).ok
    assert uids(arrived(pacs, 1)) == {dcmread(late).SOPInstanceUID}


def test_given_the_pacs_is_away_then_the_images_wait_for_it(
    new_hospital: NewHospital, tmp_path: Path
) -> None:
    port = choose_port()
    hospital = gateway(new_hospital, port)
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path / "sent", series=(2,))
    hospital.store(study)
    wait_until(lambda: "cannot be reached" in hospital.bridge.command("delivery", "list"), "a try")
    (tmp_path / "pacs").mkdir()
    with closing(StoreScp(tmp_path / "pacs", port=port)) as pacs:
        assert uids(arrived(pacs, 2)) == sent(study)


def test_given_no_order_then_the_images_go_as_they_came(
    new_hospital: NewHospital, pacs: StoreScp, tmp_path: Path
) -> None:
    hospital = gateway(new_hospital, pacs.port)
    study = scan(new_order(), tmp_path / "sent", series=(1,))
    hospital.store(study)
    (image,) = arrived(pacs, 1)
    assert "OriginalAttributesSequence" not in image


def test_given_unmatched_images_are_held_then_they_go_once_their_order_comes(
    new_hospital: NewHospital, pacs: StoreScp, tmp_path: Path
) -> None:
    hospital = gateway(new_hospital, pacs.port, unmatched="hold")
    order = new_order()
    study = scan(order, tmp_path / "sent", series=(1,))
    hospital.store(study)
    wait_until(lambda: study.uid in hospital.bridge.command("study", "list", "--waiting"), "wait")
    assert list(pacs.directory.iterdir()) == []
    hospital.place(orm(order))
    assert uids(arrived(pacs, 1)) == sent(study)


def test_given_a_rule_by_modality_and_source_then_nothing_else_goes(
    new_hospital: NewHospital, pacs: StoreScp, tmp_path: Path
) -> None:
    hospital = gateway(new_hospital, pacs.port, modalities=["CT"], sources=["CT01"])
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path / "ct", series=(1,))
    of_another_modality = write_image(order, tmp_path / "sr", "1.2.3.1", 2, 1, {"Modality": "SR"})
    from_elsewhere = write_image(order, tmp_path / "ct02", "1.2.3.2", 3, 1)
    assert hospital.modality("CT01").store([of_another_modality]).ok
    assert hospital.modality("CT02").store([from_elsewhere]).ok
    hospital.store(study)
    assert uids(arrived(pacs, 1)) == sent(study)


def test_given_the_pacs_refuses_one_kind_then_the_others_go_and_the_refusal_is_shown(
    new_hospital: NewHospital, tmp_path: Path
) -> None:
    (tmp_path / "plain").mkdir()
    with closing(StoreScp(tmp_path / "plain", accept="+xe")) as pacs:
        hospital = gateway(new_hospital, pacs.port)
        order = new_order()
        hospital.place(orm(order))
        study = scan(order, tmp_path / "sent", series=(1,))
        compressed = dcmread(write_image(order, tmp_path / "jpeg", "1.2.3.4", 2, 1))
        compressed.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
        compressed["PixelData"].VR = "OB"
        compressed["PixelData"].is_undefined_length = True
        compressed.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        path = tmp_path / "jpeg.dcm"
        compressed.save_as(path, enforce_file_format=True)
        assert hospital.modality().store([path], "-xy").ok
        hospital.store(study)
        assert uids(arrived(pacs, 1)) == sent(study)

        def told() -> str:
            return hospital.bridge.command("delivery", "list", "--state", "dead")

        assert compressed.SOPInstanceUID in wait_until(told, "the refusal")


def test_given_orthanc_is_asked_to_commit_then_the_images_are_forwarded_once_it_has(
    new_hospital: NewHospital, tmp_path: Path
) -> None:
    port = choose_port()
    hospital = gateway(new_hospital, port, ae_title="ORTHANC", commitment=True)
    (tmp_path / "orthanc").mkdir()
    with closing(
        Orthanc(tmp_path / "orthanc", hospital.bridge.dicom_port, dicom_port=port)
    ) as pacs:
        order = new_order()
        hospital.place(orm(order))
        study = scan(order, tmp_path / "sent", series=(2,))
        hospital.store(study)

        def delivered() -> bool:
            return study.uid in hospital.bridge.command("delivery", "list", "--state", "delivered")

        wait_until(delivered, "the commitment", seconds=30)
        assert len(pacs.instances_of(study.uid)) == 2


ALL_KEPT = 1


def test_given_an_archive_on_the_web_then_the_device_is_promised_images_once_they_are_there(
    new_hospital: NewHospital, tmp_path: Path
) -> None:
    """The archive is Orthanc's DICOMweb plugin; device and RIS are dcmjs-dimse."""
    port, web = choose_port(), choose_port()
    entity = {"host": "127.0.0.1", "port": port}
    archive = f"http://127.0.0.1:{web}/dicom-web"
    stow = {"name": "archive", "kind": "stow", "url": archive, "commit_after": True}
    hospital = new_hospital(
        dicom={"peers": [{"ae_title": "CT01", **entity}], "settle_seconds": 1},
        destinations=[
            {**stow, "retry": {"base_seconds": 0.2, "ceiling_seconds": 1}},
            {"name": "ris", "kind": "ian", "ae_title": "RIS", **entity},
        ],
    )
    hospital.mpps.take_reports(port)
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path / "sent", series=(2,))
    hospital.store(study)
    images = {image.SOPInstanceUID: image.SOPClassUID for image in map(dcmread, study.paths)}
    uid = str(generate_uid())
    assert hospital.mpps.commit(hospital.bridge.dicom_port, uid, images) == 0x0000

    told = hospital.mpps.notification(study.uid)
    (series,) = told["ReferencedSeriesSequence"]
    listed = {each["ReferencedSOPInstanceUID"]: each for each in series["ReferencedSOPSequence"]}
    assert listed.keys() == images.keys()
    assert {e["InstanceAvailability"] for e in listed.values()} == {"ONLINE"}
    assert {e["RetrieveAETitle"] for e in listed.values()} == {"BRIDGE"}

    wait_until(lambda: "cannot be reached" in hospital.bridge.command("delivery", "list"), "a try")
    assert hospital.mpps.reported(uid) is None
    (tmp_path / "orthanc").mkdir()
    with closing(Orthanc(tmp_path / "orthanc", 1, http_port=web)) as orthanc:
        report = hospital.mpps.report(uid)
        assert len(orthanc.instances_of(study.uid)) == 2
    assert report["type"] == ALL_KEPT
    kept = report["information"]["ReferencedSOPSequence"]
    assert {each["ReferencedSOPInstanceUID"] for each in kept} == images.keys()
