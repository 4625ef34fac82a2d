"""RAD-10, Storage Commitment: Orthanc asks what it may delete, and is told the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.acceptance.hospital import Hospital
from tests.acceptance.images import Study, scan
from tests.acceptance.orders import new_order, orm
from tests.peers.orthanc import Orthanc
from tests.peers.process import wait_until


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
