"""RAD-6 and RAD-7, Modality Procedure Step In Progress and Completed, with RAD-8 in between.

One order, one scan, one ImagingStudy.
"""

from __future__ import annotations

from pathlib import Path

from pydicom.uid import generate_uid

from tests.acceptance.hospital import (
    COMPLETED,
    DISCONTINUED,
    IN_PROGRESS,
    Hospital,
    accession_of,
    counts,
    ended,
    started,
)
from tests.acceptance.images import Study, scan
from tests.acceptance.orders import new_order, new_patient, omi, orm

NO_SUCH_INSTANCE = 0x0112
DUPLICATE_INSTANCE = 0x0111
PROCESSING_FAILURE = 0x0110
INVALID_VALUE = 0x0106


def test_given_an_order_when_it_is_scanned_then_the_ehr_holds_one_imaging_study(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order(new_patient(family="NGUYỄN", given="ÁNH", middle="VĂN"))
    hospital.place(omi(order))
    study = scan(order, tmp_path, series=(3, 2))

    step = hospital.start_step(order)
    hospital.store(study)
    hospital.end_step(step, study)

    found = hospital.published_complete(study)
    assert found["status"] == "available"
    official = {
        "system": "urn:dicom:uid",
        "value": f"urn:oid:{order.study_uid}",
    }
    assert any(official.items() <= one.items() for one in found["identifier"])
    assert accession_of(found) == order.accession
    assert {series["uid"] for series in found["series"]} == set(study.series)
    assert {series["modality"]["code"] for series in found["series"]} == {"CT"}
    patient = hospital.ehr.read(found["subject"]["reference"])
    assert patient["resourceType"] == "Patient"
    assert [one["value"] for one in patient["identifier"]] == [order.patient.id]


def test_given_a_completed_step_then_its_entry_leaves_the_worklist(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path, series=(1,))
    step = hospital.start_step(order)
    hospital.store(study)
    hospital.end_step(step, study)

    assert hospital.worklist(AccessionNumber=order.accession) == []


def test_given_a_started_step_then_a_replay_of_the_order_does_not_schedule_it_again(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path, series=(1,))
    step = hospital.start_step(order)
    hospital.store(study)
    hospital.end_step(step, study)
    hospital.place(orm(order, control="XO"))

    assert hospital.worklist(AccessionNumber=order.accession) == []


def test_given_two_steps_when_one_is_completed_then_the_other_stays(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order(steps=2)
    hospital.place(omi(order))
    study = scan(order, tmp_path, series=(1,))
    step = hospital.start_step(order)
    hospital.store(study)
    hospital.end_step(step, study)

    assert hospital.step_ids(order) == [order.steps[1].id]


def test_given_a_step_completed_before_its_images_then_the_study_is_published_with_all_of_them(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path, series=(4,))
    step = hospital.start_step(order)
    hospital.end_step(step, study)
    hospital.store(study)

    assert accession_of(hospital.published_complete(study)) == order.accession


def test_given_a_discontinued_step_with_images_then_they_are_published(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path, series=(1,))
    step = hospital.start_step(order)
    hospital.store(study)
    hospital.end_step(step, study, DISCONTINUED)

    assert hospital.published_complete(study)["status"] == "available"


def test_given_a_set_of_a_step_nobody_created_then_there_is_no_such_instance(
    hospital: Hospital,
) -> None:
    elements = ended(Study(uid=str(generate_uid())))
    answer = hospital.mpps.set_step(hospital.bridge.dicom_port, str(generate_uid()), elements)
    assert answer == NO_SUCH_INSTANCE


def test_given_a_step_created_twice_then_the_second_is_a_duplicate(hospital: Hospital) -> None:
    order = new_order()
    uid = hospital.start_step(order)
    other = started(order) | {"PerformedProcedureStepID": "OTHER"}
    assert hospital.mpps.create_step(hospital.bridge.dicom_port, uid, other) == DUPLICATE_INSTANCE


def test_given_a_final_step_then_it_may_no_longer_be_set(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    study = scan(order, tmp_path, series=(1,))
    uid = hospital.start_step(order)
    hospital.end_step(uid, study)

    for status in (COMPLETED, DISCONTINUED, IN_PROGRESS):
        answer = hospital.mpps.set_step(hospital.bridge.dicom_port, uid, ended(study, status))
        assert answer == PROCESSING_FAILURE, status


def test_given_a_step_that_is_born_completed_then_it_is_refused(hospital: Hospital) -> None:
    elements = started(new_order()) | {"PerformedProcedureStepStatus": COMPLETED}
    answer = hospital.mpps.create_step(hospital.bridge.dicom_port, str(generate_uid()), elements)
    assert answer == INVALID_VALUE


def test_given_a_step_without_an_order_then_it_is_accepted(
    hospital: Hospital, tmp_path: Path
) -> None:
    """An unscheduled acquisition, for instance in an emergency: nothing is refused, all is kept."""
    order = new_order()
    study = scan(order, tmp_path, series=(1,))
    uid = hospital.start_step(order)
    hospital.store(study)
    hospital.end_step(uid, study)

    hospital.place(orm(order))
    assert counts(hospital.published_complete(study)) == study.counts
