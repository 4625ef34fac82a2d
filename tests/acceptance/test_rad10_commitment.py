"""RAD-10, Storage Commitment: Orthanc and dcmjs-dimse ask what they may delete, and are told the
truth.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.uid import generate_uid

from tests.acceptance.conftest import NewHospital
from tests.acceptance.hospital import Hospital
from tests.acceptance.images import Study, scan
from tests.acceptance.orders import new_order, orm
from tests.peers.orthanc import Orthanc
from tests.peers.process import choose_port, wait_until


def uploaded(orthanc: Orthanc, study: Study) -> list[str]:
    """Orthanc's own names of the instances of a study that it was given."""
    return [orthanc.upload(path.read_bytes())["ID"] for path in study.paths]


def outcome(orthanc: Orthanc, identifier: str) -> dict[str, Any]:
    """Wait for the report to arrive."""

    def ask() -> dict[str, Any] | None:
        found = orthanc.commitment(identifier)
        return found if found["Status"] != "Pending" else None

    found = wait_until(ask, "the commitment report", seconds=30)
    assert found is not None
    return found


def test_given_everything_was_stored_then_it_is_committed_to(
    hospital: Hospital, orthanc: Orthanc, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path, series=(3,))
    names = uploaded(orthanc, study)
    orthanc.send(*names)
    told = outcome(orthanc, orthanc.commit(*names))
    assert told["Status"] == "Success"
    assert len(told["Success"]) == len(names)
    assert told["Failures"] == []


def test_given_one_instance_was_never_sent_then_just_that_one_is_not_promised(
    hospital: Hospital, orthanc: Orthanc, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    first, *others = uploaded(orthanc, scan(order, tmp_path))
    orthanc.send(*others)
    told = outcome(orthanc, orthanc.commit(first, *others))
    assert told["Status"] == "Failure"
    assert len(told["Success"]) == len(others)
    (failed,) = told["Failures"]
    assert "was not available" in failed["Description"]  # Orthanc's words for 0112H


def test_given_a_file_is_lost_on_disk_then_nothing_is_promised_of_it(
    hospital: Hospital, orthanc: Orthanc, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path, series=(1,))
    names = uploaded(orthanc, study)
    orthanc.send(*names)
    lost, *_ = (hospital.bridge.images / study.uid).rglob("*.dcm")
    lost.unlink()
    assert outcome(orthanc, orthanc.commit(*names))["Status"] == "Failure"


NO_SUCH_INSTANCE = 0x0112
ALL_KEPT, FAILURES_EXIST = 1, 2


def test_given_an_image_that_is_on_its_way_then_it_is_not_promised_until_it_has_come(
    new_hospital: NewHospital, tmp_path: Path
) -> None:
    """The report comes on an association of the bridge's own, whose roles dcmjs-dimse answers."""
    port = choose_port()
    peer = {"ae_title": "CT01", "host": "127.0.0.1", "port": port}
    hospital = new_hospital(dicom={"peers": [peer]})
    hospital.mpps.take_reports(port)
    study = scan(new_order(), tmp_path, series=(3,))
    *sent, late = study.paths
    assert hospital.modality().store(sent).ok
    images = {image.SOPInstanceUID: image.SOPClassUID for image in map(dcmread, study.paths)}

    first = str(generate_uid())
    assert hospital.mpps.commit(hospital.bridge.dicom_port, first, images) == 0x0000
    told = hospital.mpps.report(first)
    assert told["type"] == FAILURES_EXIST
    (failed,) = told["information"]["FailedSOPSequence"]
    assert failed["ReferencedSOPInstanceUID"] == dcmread(late).SOPInstanceUID
    assert failed["FailureReason"] == NO_SUCH_INSTANCE
    assert len(told["information"]["ReferencedSOPSequence"]) == len(sent)

    assert hospital.modality().store([late]).ok
    second = str(generate_uid())
    assert hospital.mpps.commit(hospital.bridge.dicom_port, second, images) == 0x0000
    told = hospital.mpps.report(second)
    assert told["type"] == ALL_KEPT
    kept = told["information"]["ReferencedSOPSequence"]
    assert {each["ReferencedSOPInstanceUID"] for each in kept} == images.keys()


def test_given_a_modality_without_an_address_then_its_request_is_refused(
    hospital: Hospital,
) -> None:
    """Nobody could be told the result: better no than never."""
    uid = str(generate_uid())
    answer = hospital.mpps.commit(hospital.bridge.dicom_port, uid, {"1.2.3": "1.2.3"}, "NOWHERE")
    assert answer == 0x0110
