"""Given Orthanc as a DICOMweb client, then it finds, fetches and stores studies here."""

from __future__ import annotations

from pathlib import Path

from bridge.services.read_images import ImageQuery
from tests.adapters.dicomweb.conftest import STUDY, Archive, file_of, image
from tests.peers.orthanc import Orthanc

NEW = "1.2.826.0.1.3680043.10.77"


def test_given_orthanc_asks_by_dicomweb_then_it_finds_fetches_and_stores(
    archive: Archive, url: str, tmp_path: Path
) -> None:
    orthanc = Orthanc(tmp_path, 1, dicom_web=url)
    try:
        found = orthanc.ask_web("/studies", PatientID="P-1")
        assert [each["0020000D"]["Value"] for each in found] == [STUDY]
        orthanc.fetch_web(STUDY)
        assert len(orthanc.instances_of(STUDY)) == 3
        stored = orthanc.upload(file_of(image(NEW, 1, 1)))
        orthanc.send_web(stored["ID"])
    finally:
        orthanc.close()
    kept = archive.images.instances(ImageQuery(study_instance_uids=(NEW,)))
    assert [each.sop_instance_uid for each in kept] == [f"{NEW}.1.1"]
