"""Given received studies, when DICOMweb clients ask for them, then they get what was stored.

The client is PyPI's dicomweb-client where it can say what is to be said, else plain HTTP.
"""

from __future__ import annotations

import json
from io import BytesIO

import httpx2
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.adapters.dicomweb.conftest import OTHER_STUDY, STUDY, Archive, image

SERIES, INSTANCE = f"{STUDY}.1", f"{STUDY}.1.2"
PARTS = 'multipart/related; type="application/dicom"'


@pytest.fixture
def client(url: str) -> DICOMwebClient:
    return DICOMwebClient(url)


def uids(answers: list[dict[str, dict]], tag: str = "0020000D") -> list[str]:  # type: ignore[type-arg]
    return [answer[tag]["Value"][0] for answer in answers]


def test_given_a_study_when_retrieved_then_every_instance_comes_whole(
    client: DICOMwebClient,
) -> None:
    datasets = client.retrieve_study(STUDY)

    assert [each.SOPInstanceUID for each in datasets] == [
        f"{STUDY}.1.1",
        f"{STUDY}.1.2",
        f"{STUDY}.2.1",
    ]
    assert all(len(each.PixelData) == 128 for each in datasets)


def test_given_a_study_when_streamed_then_its_parts_come_one_by_one(client: DICOMwebClient) -> None:
    assert len(list(client.iter_series(STUDY, SERIES))) == 2


def test_given_an_instance_when_retrieved_then_it_equals_the_stored_bytes(
    archive: Archive, url: str
) -> None:
    stored = archive.receive(image(STUDY, 3, 1), ImplicitVRLittleEndian)

    path = f"{url}/studies/{STUDY}/series/{STUDY}.3/instances/{STUDY}.3.1"
    answer = httpx2.get(path, headers={"Accept": f"{PARTS}; transfer-syntax=*"})
    alone = httpx2.get(path, headers={"Accept": "application/dicom"})

    assert stored in answer.content
    assert f"application/dicom; transfer-syntax={ImplicitVRLittleEndian}".encode() in answer.content
    assert alone.content == stored
    assert dcmread(BytesIO(alone.content)).PatientName == "MÜLLER^ANNA"


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "multipart/related",
        PARTS,
        f"{PARTS}; transfer-syntax=*",
        f"{PARTS}; transfer-syntax={ExplicitVRLittleEndian}",
        f"image/jpeg;q=0.9, {PARTS};transfer-syntax={ImplicitVRLittleEndian}, {PARTS};q=0.1",
    ],
)
def test_given_what_is_stored_is_acceptable_when_retrieved_then_it_comes(
    url: str, accept: str
) -> None:
    answer = httpx2.get(f"{url}/studies/{STUDY}", headers={"Accept": accept})

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(PARTS)


@pytest.mark.parametrize(
    "accept",
    [
        f"{PARTS}; transfer-syntax=1.2.840.10008.1.2.4.90",
        'multipart/related; type="image/jpeg"',
        "application/dicom",
        "text/html",
        f"{PARTS}; q=0",
    ],
)
def test_given_something_else_is_demanded_when_retrieved_then_406_says_what_there_is(
    url: str, accept: str
) -> None:
    answer = httpx2.get(f"{url}/studies/{STUDY}", headers={"Accept": accept})

    assert answer.status_code == 406
    assert "transfer-syntax=*" in answer.text
    assert ExplicitVRLittleEndian in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/studies/1.2.3",
        "/studies/1.2.3/metadata",
        f"/studies/{STUDY}/series/1.2.3",
        f"/studies/{OTHER_STUDY}/series/{SERIES}",
        f"/studies/{STUDY}/series/{SERIES}/instances/1.2.3",
    ],
)
def test_given_nothing_of_that_name_when_retrieved_then_404(url: str, path: str) -> None:
    assert httpx2.get(url + path).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/studies/..%5C..",
        f"/studies/{'1' * 65}",
        "/studies?limit=-1",
        "/studies?offset=many",
        "/studies?StudyInstanceUID=one%20two",
        "/studies?StudyDate=yesterday",
        "/studies?SeriesNumber=first",
        "/studies?InstitutionName=HOSP",
        "/studies?PatientID=P%00",
    ],
)
def test_given_a_malformed_request_when_made_then_400_says_why(url: str, path: str) -> None:
    answer = httpx2.get(url + path)

    assert answer.status_code == 400
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("PatientName=m%C3%BCller*", [STUDY]),
        ("00100010=*JOHN", [OTHER_STUDY]),
        ("PatientName=DOE", []),
        ("PatientID=P-?&StudyDate=20240501", [STUDY, OTHER_STUDY]),
        ("00080020=20240502-", []),
        ("StudyTime=1000-1030&ModalitiesInStudy=SR", [STUDY]),
        ("ModalitiesInStudy=MR,SR", [STUDY]),
        ("PatientBirthDate=19700102&PatientSex=F&limit=1", [STUDY]),
        ("fuzzymatching=true&includefield=all&AccessionNumber=A-2", [OTHER_STUDY]),
    ],
)
def test_given_keys_by_keyword_or_tag_then_just_the_studies_that_match_are_found(
    url: str, query: str, expected: list[str]
) -> None:
    assert uids(httpx2.get(f"{url}/studies?{query}").json()) == expected


def test_given_keys_of_series_and_instances_then_those_are_found(url: str) -> None:
    series = httpx2.get(f"{url}/studies/{STUDY}/series?Modality=SR").json()
    assert uids(series, "0020000E") == [f"{STUDY}.2"]
    instances = httpx2.get(f"{url}/studies/{STUDY}/instances?InstanceNumber=2").json()
    assert uids(instances, "00080018") == [INSTANCE]


def test_given_a_lost_file_when_retrieved_then_the_error_comes_and_the_rest_still_does(
    archive: Archive, url: str
) -> None:
    for path in (archive.directory / STUDY / SERIES).glob("*"):
        path.unlink()

    answer = httpx2.get(f"{url}/studies/{STUDY}/series/{SERIES}")

    assert answer.status_code == 503
    assert "cannot be read" in answer.text
    assert httpx2.get(f"{url}/studies/{OTHER_STUDY}").status_code == 200


def test_given_a_study_when_its_metadata_is_asked_then_large_values_are_told_by_reference(
    archive: Archive, client: DICOMwebClient
) -> None:
    item = Dataset()
    item.EncapsulatedDocument = bytes(5000)
    item.CodeValue = "1"
    made = image(STUDY, 4, 1, IconImageSequence=[item], ICCProfile=bytes(9000))
    made.RedPaletteColorLookupTableData = bytes(10)
    archive.receive(made)

    (told,) = client.retrieve_series_metadata(STUDY, f"{STUDY}.4")

    assert told["00100010"]["Value"] == [{"Alphabetic": "MÜLLER^ANNA"}]
    assert told["00080005"]["Value"] == ["ISO_IR 192"]
    assert told["00083002"]["Value"] == [ExplicitVRLittleEndian]
    assert told["00281201"]["InlineBinary"] == "AAAAAAAAAAAAAA=="
    assert told["00880200"]["Value"][0]["00080100"]["Value"] == ["1"]
    large = (told["7FE00010"], told["00282000"], told["00880200"]["Value"][0]["00420011"])
    values = [client.retrieve_bulkdata(each["BulkDataURI"]) for each in large]
    assert values == [[bytes(128)], [bytes(9000)], [bytes(5000)]]


def test_given_several_instances_when_metadata_is_asked_then_it_is_one_array(
    client: DICOMwebClient,
) -> None:
    assert uids(client.retrieve_study_metadata(STUDY), "00080018") == [
        f"{STUDY}.1.1",
        f"{STUDY}.1.2",
        f"{STUDY}.2.1",
    ]
    assert len(client.retrieve_series_metadata(STUDY, SERIES)) == 2
    assert client.retrieve_instance_metadata(STUDY, SERIES, INSTANCE)


def test_given_a_number_that_is_none_when_metadata_is_asked_then_the_json_is_still_json(
    archive: Archive, url: str
) -> None:
    archive.receive(image(STUDY, 5, 1, RealWorldValueSlope=float("nan")))

    text = httpx2.get(f"{url}/studies/{STUDY}/series/{STUDY}.5/metadata").text

    (told,) = json.loads(text, parse_constant=pytest.fail)
    assert told["00409225"]["Value"] == ["nan"]


@pytest.mark.parametrize(
    "key",
    [
        "PatientID=P-1",
        "00100020=P-1",
        "AccessionNumber=A-1",
        "00080050=A-1",
        f"StudyInstanceUID={STUDY}",
        f"0020000D={STUDY}",
        f"SeriesInstanceUID={SERIES}",
    ],
)
@pytest.mark.parametrize("level", ["studies", "series", "instances"])
def test_given_a_key_when_searched_then_only_what_carries_it_is_found(
    url: str, level: str, key: str
) -> None:
    found = httpx2.get(f"{url}/{level}?{key}&includefield=all").json()

    assert found
    assert set(uids(found)) == {STUDY}


def test_given_several_uids_when_searched_then_each_is_found(client: DICOMwebClient) -> None:
    keys = {"StudyInstanceUID": f"{STUDY},{OTHER_STUDY}"}

    assert uids(client.search_for_studies(search_filters=keys)) == [STUDY, OTHER_STUDY]
    assert client.search_for_studies(search_filters={"PatientID": "nobody"}) == []


def test_given_a_limit_when_searched_then_pages_follow_and_more_is_announced(url: str) -> None:
    first = httpx2.get(f"{url}/studies?limit=1")
    second = httpx2.get(f"{url}/studies?limit=1&offset=1")

    assert uids(first.json()) == [STUDY]
    assert first.headers["warning"].startswith(f"299 {url}")
    assert uids(second.json()) == [OTHER_STUDY]
    assert "warning" not in second.headers


def test_given_a_study_when_found_then_what_the_standard_requires_is_told(
    client: DICOMwebClient, url: str
) -> None:
    (found,) = client.search_for_studies(search_filters={"AccessionNumber": "A-1"})
    dataset = Dataset.from_json(found)

    assert dataset.PatientName == "MÜLLER^ANNA"
    assert dataset.PatientID == "P-1"
    assert dataset.ModalitiesInStudy == ["CT", "SR"]
    assert (dataset.NumberOfStudyRelatedSeries, dataset.NumberOfStudyRelatedInstances) == (2, 3)
    assert dataset.RetrieveURL == f"{url}/studies/{STUDY}"
    assert dataset.StudyID in ("", None)


def test_given_a_study_when_walked_down_then_each_retrieve_url_leads_to_the_images(
    client: DICOMwebClient,
) -> None:
    (series, report) = client.search_for_series(STUDY)
    instances = client.search_for_instances(STUDY, SERIES)

    assert (series["00080060"]["Value"], report["00080060"]["Value"]) == (["CT"], ["SR"])
    assert series["00201209"]["Value"] == [2]
    assert [each["00200013"]["Value"] for each in instances] == [[1], [2]]
    for answer in (series, *instances):
        got = httpx2.get(answer["00081190"]["Value"][0])
        assert got.status_code == 200
    assert len(client.search_for_instances(STUDY)) == 3


def test_given_no_address_of_its_own_when_searched_then_the_caller_s_is_told(url: str) -> None:
    base_url = url.replace("/dicom-web", "/nameless")

    (found,) = httpx2.get(f"{base_url}/studies/{STUDY}/series/{SERIES}/instances?limit=1").json()

    assert found["00081190"]["Value"] == [
        f"{base_url}/studies/{STUDY}/series/{SERIES}/instances/{STUDY}.1.1"
    ]


def test_given_only_xml_is_acceptable_when_searched_then_406(url: str) -> None:
    accept = {"Accept": "application/dicom+xml"}

    assert httpx2.get(f"{url}/studies", headers=accept).status_code == 406
    assert httpx2.get(f"{url}/studies/{STUDY}/metadata", headers=accept).status_code == 406
