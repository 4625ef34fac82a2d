"""Given instances over HTTP (STOW-RS, PS3.18 10.5), then each is kept or named with its reason."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from bridge.domain.errors import ResourceBusy, StorageFull
from bridge.services.read_images import ImageQuery
from tests.adapters.dicomweb.conftest import STUDY, Archive, file_of, image

NEW = "1.2.826.0.1.3680043.10.9"
BOUNDARY = "cut"
HEADERS = {"Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'}


def body(*files: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return b"".join(head + each + b"\r\n" for each in files) + f"--{BOUNDARY}--\r\n".encode()


def post(url: str, content: bytes, study: str = "") -> httpx2.Response:
    path = f"{url}/studies/{study}" if study else f"{url}/studies"
    return httpx2.post(path, content=content, headers=HEADERS, timeout=30)


def values(answer: dict[str, Any], sequence: str, tag: str) -> list[Any]:
    """One value of every item of a sequence; None where an item does not say it."""
    items = answer.get(sequence, {}).get("Value", [])
    return [item.get(tag, {}).get("Value", [None])[0] for item in items]


def held(archive: Archive, study: str = NEW) -> set[str]:
    query = ImageQuery(study_instance_uids=(study,))
    return {each.sop_instance_uid for each in archive.images.instances(query)}


def test_given_a_client_nobody_here_wrote_then_what_it_stores_is_retrieved_as_it_was(
    archive: Archive, url: str
) -> None:
    client = DICOMwebClient(url)
    sent = [image(NEW, 1, number) for number in (1, 2)]
    for each in sent:
        file_of(each)  # gives it its file meta information
    answer = client.store_instances(sent)
    assert len(answer.ReferencedSOPSequence) == 2
    assert "FailedSOPSequence" not in answer
    assert answer.RetrieveURL == f"{url}/studies/{NEW}"
    got = {each.SOPInstanceUID: each.PixelData for each in client.retrieve_study(NEW)}
    assert got == {each.SOPInstanceUID: each.PixelData for each in sent}


def test_given_one_of_three_is_no_instance_then_the_others_are_kept_and_it_is_named(
    archive: Archive, url: str
) -> None:
    answered = post(url, body(file_of(image(NEW, 1, 1)), b"no DICOM", file_of(image(NEW, 1, 2))))
    assert answered.status_code == 202
    assert answered.headers["content-type"] == "application/dicom+json"
    answer = answered.json()
    assert values(answer, "00081199", "00081155") == [f"{NEW}.1.1", f"{NEW}.1.2"]
    assert values(answer, "00081198", "00081197") == [0xA900]
    assert held(archive) == {f"{NEW}.1.1", f"{NEW}.1.2"}


def test_given_a_study_in_the_path_then_an_instance_of_another_is_refused(
    archive: Archive, url: str
) -> None:
    answered = post(url, body(file_of(image(NEW, 1, 1))), study=STUDY)
    assert answered.status_code == 409
    assert values(answered.json(), "00081198", "00081155") == [f"{NEW}.1.1"]
    assert held(archive) == set()


def test_given_the_same_instance_again_then_it_is_kept_once_and_said_to_be_kept(
    archive: Archive, url: str
) -> None:
    for _ in range(2):
        assert post(url, body(file_of(image(NEW, 1, 1)))).status_code == 200
    assert held(archive) == {f"{NEW}.1.1"}


def test_given_one_file_without_multipart_then_it_is_kept_too(archive: Archive, url: str) -> None:
    content = file_of(image(NEW, 1, 1), ImplicitVRLittleEndian)
    headers = {"Content-Type": "application/dicom"}
    assert httpx2.post(f"{url}/studies", content=content, headers=headers).status_code == 200
    assert held(archive) == {f"{NEW}.1.1"}


def test_given_a_file_that_names_a_wrong_transfer_syntax_then_it_can_be_retrieved(
    archive: Archive, url: str
) -> None:
    file = file_of(image(NEW, 1, 1), ExplicitVRLittleEndian)
    lying = file.replace(ExplicitVRLittleEndian.encode(), ExplicitVRBigEndian.encode(), 1)
    assert post(url, body(lying)).status_code == 200
    (found,) = archive.images.instances(ImageQuery(study_instance_uids=(NEW,)))
    assert found.transfer_syntax_uid == ExplicitVRLittleEndian
    (retrieved,) = DICOMwebClient(url).retrieve_study(NEW)
    assert retrieved.PatientID == "P-1"


def test_given_a_class_that_is_no_storage_then_it_is_refused_by_name(
    archive: Archive, url: str
) -> None:
    no_image = image(NEW, 1, 1, SOPClassUID="1.2.840.10008.1.1")
    answered = post(url, body(file_of(no_image)))
    assert answered.status_code == 409
    assert values(answered.json(), "00081198", "00081197") == [0x0122]


def test_given_another_instance_of_the_uid_in_another_study_then_it_is_refused_by_name(
    archive: Archive, url: str
) -> None:
    assert post(url, body(file_of(image(NEW, 1, 1)))).status_code == 200
    other = image(STUDY, 1, 1)
    other.SOPInstanceUID = f"{NEW}.1.1"
    answered = post(url, body(file_of(other)))
    assert answered.status_code == 409
    assert values(answered.json(), "00081198", "00081197") == [0xA900]


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (StorageFull("no space"), 503, 0xA700),
        (ResourceBusy("the database is locked"), 503, 0xA700),
        (RuntimeError("nobody foresaw this"), 409, 0xC000),
    ],
)
def test_given_it_cannot_be_kept_now_then_the_client_is_told_whether_to_try_again(
    archive: Archive,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    reason: int,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(archive.instances, "receive", fail)
    answered = post(url, body(file_of(image(NEW, 1, 1))))
    assert answered.status_code == status
    assert ("retry-after" in answered.headers) is (status == 503)
    assert values(answered.json(), "00081198", "00081197") == [reason]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"", HEADERS, 400),
        (b"--cut--", HEADERS, 400),
        (body(b"x")[:-8], HEADERS, 400),
        (body(b"x"), {"Content-Type": 'multipart/related; type="application/dicom"'}, 400),
        (b"{}", {"Content-Type": "application/json"}, 415),
        (b"{}", {"Content-Type": 'multipart/related; type="image/png"; boundary=cut'}, 415),
        (body(bytes(200_000)), HEADERS, 413),
        (bytes(200_000), {"Content-Type": "application/dicom"}, 413),
    ],
)
def test_given_a_body_that_is_none_then_the_status_says_what_is_wrong(
    archive: Archive, url: str, content: bytes, headers: dict[str, str], status: int
) -> None:
    answered = httpx2.post(f"{url}/studies", content=content, headers=headers, timeout=30)
    assert answered.status_code == status
    assert held(archive) == set()
    assert json.loads(answered.content)["detail"]
