"""Studies of modalities that report no performed step: complete after a quiet time."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.conftest import NewHospital
from tests.acceptance.hospital import Hospital, counts
from tests.acceptance.images import Study, scan, write_image
from tests.acceptance.orders import Order, new_order, orm


def scanned(hospital: Hospital, directory: Path) -> tuple[Order, Study]:
    """Place an order and store its images."""
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, directory, series=(2, 1))
    hospital.store(study)
    return order, study


def late_image(order: Order, study: Study, directory: Path) -> Study:
    """Make one more image of the study's first series; `study` counts it already."""
    uid, paths = next(iter(study.series.items()))
    path = write_image(order, directory, uid, 1, len(paths) + 1)
    paths.append(path)
    return Study(uid=study.uid, series={uid: [path]})


def test_given_no_mpps_then_the_study_is_published_after_the_quiet_time(
    hospital: Hospital, tmp_path: Path
) -> None:
    _, study = scanned(hospital, tmp_path)
    hospital.published_complete(study)


def test_given_a_late_image_then_the_same_imaging_study_counts_it(
    hospital: Hospital, tmp_path: Path
) -> None:
    order, study = scanned(hospital, tmp_path)
    first = hospital.published_complete(study)

    hospital.store(late_image(order, study, tmp_path))

    second = hospital.published_complete(study)
    assert second["id"] == first["id"]
    assert second["numberOfInstances"] == first["numberOfInstances"] + 1


def test_given_a_late_series_after_mpps_then_the_same_imaging_study_counts_it(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path, series=(2,))
    step = hospital.start_step(order)
    hospital.store(study)
    hospital.end_step(step, study)
    first = hospital.published_complete(study)

    more = scan(order, tmp_path, series=(3,))
    hospital.store(more)
    study.series.update(more.series)

    assert hospital.published_complete(study)["id"] == first["id"]


def test_given_a_long_quiet_time_when_the_step_is_completed_then_nobody_waits(
    new_hospital: NewHospital, tmp_path: Path
) -> None:
    hospital = new_hospital(dicom={"settle_seconds": 3600})
    order, study = scanned(hospital, tmp_path)
    step = hospital.start_step(order)
    hospital.end_step(step, study)

    hospital.published_complete(study)


def test_given_a_restart_within_the_quiet_time_then_the_study_is_published_all_the_same(
    new_hospital: NewHospital, tmp_path: Path
) -> None:
    hospital = new_hospital(dicom={"settle_seconds": 4})
    _, study = scanned(hospital, tmp_path)
    assert not hospital.is_published(study.uid)
    hospital.bridge.restart()

    hospital.published_complete(study)


def test_given_a_stop_within_the_quiet_time_then_the_next_start_publishes(
    new_hospital: NewHospital, tmp_path: Path
) -> None:
    hospital = new_hospital(dicom={"settle_seconds": 4})
    _, study = scanned(hospital, tmp_path)
    assert hospital.bridge.stop() == 0, hospital.bridge.output()
    assert not hospital.is_published(study.uid)
    hospital.bridge.start()

    assert counts(hospital.published_complete(study)) == study.counts
