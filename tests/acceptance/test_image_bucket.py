"""Images in a bucket: one order from placement to retrieval, and an outage of the object store."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from pydicom import dcmread

from tests.acceptance.conftest import NewHospital
from tests.acceptance.hospital import stored_files
from tests.acceptance.images import scan
from tests.acceptance.orders import new_order, orm
from tests.acceptance.test_rad8_storage import dataset_bytes
from tests.peers.process import wait_until
from tests.peers.rclone import S3Server


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3Server]:
    with closing(S3Server(tmp_path)) as server:
        yield server


def test_given_images_go_to_a_bucket_then_the_loop_closes_and_they_are_retrieved_from_it(
    new_hospital: NewHospital, s3: S3Server, tmp_path: Path
) -> None:
    hospital = new_hospital(images=f"s3://{s3.bucket}/hosp", bucket=s3.settings())
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path, series=(2,))
    hospital.store(study)
    hospital.published_complete(study)
    kept = [path.read_bytes() for path in stored_files(s3.folder / "hosp")]
    for path in study.paths:
        assert sum(content.endswith(dataset_bytes(path)) for content in kept) == 1
    with urllib.request.urlopen(
        f"{hospital.bridge.url}/dicom-web/studies/{study.uid}", timeout=30
    ) as answer:
        retrieved = answer.read()
    assert all(dcmread(path).PixelData in retrieved for path in study.paths)


def test_given_the_object_store_goes_down_while_images_come_then_none_is_lost_or_doubled(
    new_hospital: NewHospital, s3: S3Server, tmp_path: Path
) -> None:
    hospital = new_hospital(images=f"s3://{s3.bucket}", bucket=s3.settings())
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path, series=(40,))
    with ThreadPoolExecutor() as threads:
        sending = threads.submit(hospital.modality().store, study.paths)
        wait_until(lambda: len(stored_files(s3.folder)) >= 3, "some are kept", 30)
        s3.close()
        assert not sending.result(120).ok
    assert "does not answer" in readiness(hospital.bridge.url)["images"]
    hospital.bridge.kill()
    s3.start_again()
    hospital.bridge.start()
    hospital.store(study)
    hospital.published_complete(study)
    assert readiness(hospital.bridge.url)["images"] == "ok"
    kept = [path.read_bytes() for path in stored_files(s3.folder)]
    for path in study.paths:
        assert sum(content.endswith(dataset_bytes(path)) for content in kept) == 1


def readiness(url: str) -> dict[str, str]:
    """What the bridge says of each thing its readiness depends on."""
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=60) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    checks: dict[str, str] = json.loads(body)["checks"]
    return checks
