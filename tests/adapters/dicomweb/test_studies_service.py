"""Given received studies, when DICOMweb clients ask for them, then they get what was stored.

The client is PyPI's dicomweb-client where it can say what is to be said, else plain HTTP.
"""

from __future__ import annotations

import json
from email.parser import BytesParser
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

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


def test_given_an_instance_that_cannot_be_read_then_the_metadata_of_the_others_come(
    archive: Archive, url: str
) -> None:
    (broken,) = archive.directory.rglob(f"{STUDY}.1.1-*.dcm")
    broken.write_bytes(b"no DICOM at all")
    told = httpx2.get(f"{url}/studies/{STUDY}/metadata").json()
    assert uids(told, "00080018") == [f"{STUDY}.1.2", f"{STUDY}.2.1"]
    alone = f"{url}/studies/{STUDY}/series/{SERIES}/instances/{STUDY}.1.1/metadata"
    assert httpx2.get(alone).status_code == 406


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


def xml_parts(answer: httpx2.Response) -> list[ElementTree.Element]:
    """The parts of a multipart answer, parsed."""
    assert answer.headers["content-type"].startswith(XML)
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    parts: Any = BytesParser().parsebytes(head + answer.content).get_payload()
    assert all(part.get_content_type() == "application/dicom+xml" for part in parts)
    return [ElementTree.fromstring(part.get_payload(decode=True)) for part in parts]  # noqa: S314


XML = 'multipart/related; type="application/dicom+xml"'
NAMESPACE = {"n": "http://dicom.nema.org/PS3.19/models/NativeDICOM"}


@pytest.mark.parametrize("accept", ["application/dicom+xml", XML])
def test_given_xml_is_wanted_then_what_is_found_comes_in_the_native_model(
    url: str, accept: str
) -> None:
    first, second = xml_parts(httpx2.get(f"{url}/studies", headers={"Accept": accept}))
    path = "n:DicomAttribute[@keyword='PatientName']/n:PersonName/n:Alphabetic/n:FamilyName"
    assert first.findtext(path, namespaces=NAMESPACE) == "MÜLLER"
    path = "n:DicomAttribute[@tag='0020000D'][@vr='UI']/n:Value[@number='1']"
    assert second.findtext(path, namespaces=NAMESPACE) == OTHER_STUDY


def test_given_xml_is_wanted_then_metadata_have_items_private_elements_and_bulk_data(
    archive: Archive, url: str
) -> None:
    item = Dataset()
    item.CodeValue, item.CodeMeaning = "1", "a < b & c\x01"
    made = image(STUDY, 6, 1, ProcedureCodeSequence=[item], ICCProfile=bytes(9000))
    made.add_new(0x00091001, "LO", "VALUE")
    made.add_new(0x00090010, "LO", 'ACME "1"')
    archive.receive(made)
    path = f"{url}/studies/{STUDY}/series/{STUDY}.6/metadata"
    (told,) = xml_parts(httpx2.get(path, headers={"Accept": XML}))
    meaning = "n:DicomAttribute[@keyword='ProcedureCodeSequence']/n:Item[@number='1']/"
    meaning += "n:DicomAttribute[@tag='00080104']/n:Value"
    assert told.findtext(meaning, namespaces=NAMESPACE) == "a < b & c"
    private = told.find("n:DicomAttribute[@tag='00090001']", NAMESPACE)
    assert private is not None
    assert private.get("privateCreator") == 'ACME "1"'
    bulk = told.find("n:DicomAttribute[@tag='00282000']/n:BulkData", NAMESPACE)
    assert bulk is not None
    assert httpx2.get(bulk.get("uri") or "").content.count(b"\0") >= 9000


def test_given_neither_json_nor_xml_is_acceptable_then_406(url: str) -> None:
    accept = {"Accept": "text/html"}

    assert httpx2.get(f"{url}/studies", headers=accept).status_code == 406
    assert httpx2.get(f"{url}/studies/{STUDY}/metadata", headers=accept).status_code == 406


@pytest.mark.parametrize(
    ("level", "query"),
    [
        ("series", "PatientID=P-2"),
        ("instances", "PatientID=P-2"),
        (f"studies/{OTHER_STUDY}/series", "includefield=all"),
        (f"studies/{OTHER_STUDY}/instances", "includefield=00100010&includefield=AccessionNumber"),
    ],
)
def test_given_no_study_is_named_or_fields_are_asked_then_what_is_above_is_told_too(
    url: str, level: str, query: str
) -> None:
    (found,) = httpx2.get(f"{url}/{level}?{query}").json()
    assert found["00100010"]["Value"] == [{"Alphabetic": "DOE^JOHN"}]
    assert found["00080050"]["Value"] == ["A-2"]
    assert found["00200011"]["Value"] == [1]
    (address,) = found["00081190"]["Value"]
    assert address.count("/instances/") == ("instances" in level)


def test_given_a_study_is_named_then_its_series_say_only_what_is_theirs(url: str) -> None:
    (found,) = httpx2.get(f"{url}/studies/{OTHER_STUDY}/series").json()
    assert "00100010" not in found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("00400275.00400009=SPS-7", True),
        ("RequestAttributesSequence.ScheduledProcedureStepID=SPS-7", True),
        ("RequestAttributesSequence.00401001=RP-*", True),
        ("00400275.00400009=SPS-7&00400275.00401001=RP-7", True),
        ("00400275.00400009=SPS-7&00400275.00401001=RP-8", False),
        ("00400275.00400009=SPS-9", False),
    ],
)
@pytest.mark.parametrize("level", ["studies", "series", "instances"])
def test_given_a_path_into_a_sequence_then_one_item_has_to_match(
    archive: Archive, url: str, level: str, query: str, expected: bool
) -> None:
    requests = [request("SPS-7", "RP-7"), request("SPS-8", "RP-8")]
    study = f"{STUDY}.7"
    archive.receive(image(study, 1, 1, RequestAttributesSequence=requests))
    found = httpx2.get(f"{url}/{level}?{query}&includefield=all").json()
    assert uids(found) == ([study] if expected else [])
    if expected and level != "studies":
        items = found[0]["00400275"]["Value"]
        assert [each["00400009"]["Value"] for each in items] == [["SPS-7"], ["SPS-8"]]


def request(sps_id: str, rp_id: str) -> Dataset:
    item = Dataset()
    item.ScheduledProcedureStepID, item.RequestedProcedureID = sps_id, rp_id
    return item


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("anna mul", [STUDY]),
        ("Muller", [STUDY]),
        ("doe^j*", [OTHER_STUDY]),
        ("oe", []),
        ("muller john", []),
    ],
)
def test_given_fuzzy_matching_then_words_begin_words_in_any_order(
    url: str, name: str, expected: list[str]
) -> None:
    asked = {"PatientName": name, "fuzzymatching": "true"}
    answer = httpx2.get(f"{url}/studies", params=asked)
    assert uids(answer.json()) == expected
    assert "warning" not in answer.headers
    asked["fuzzymatching"] = "perhaps"
    assert httpx2.get(f"{url}/studies", params=asked).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        f"/studies/{STUDY}/metadata",
        f"/studies/{STUDY}/series/{SERIES}/metadata",
        f"/studies/{STUDY}/series/{SERIES}/instances/{INSTANCE}/rendered",
        f"/studies/{STUDY}/thumbnail",
    ],
)
def test_given_the_client_has_it_then_it_need_not_come_again_until_it_changes(
    archive: Archive, url: str, path: str
) -> None:
    first = httpx2.get(url + path)
    assert first.status_code == 200
    known = {"If-None-Match": f'"other", {first.headers["etag"]}'}
    again = httpx2.get(url + path, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert httpx2.get(url + path + "?quality=50", headers=known).status_code == 200
    if "instances" not in path:
        archive.receive(image(STUDY, 1, 9))
        assert httpx2.get(url + path, headers=known).status_code == 200


OHIF_FRAMES = "multipart/related; type=application/octet-stream; transfer-syntax=*"


def test_given_the_calls_of_ohif_then_a_study_is_found_walked_and_shown(url: str) -> None:
    """As `@ohif/extension-default` and its DICOMweb client ask, spellings included."""
    asked = "limit=101&offset=0&fuzzymatching=true&includefield=00081030%2C00080060"
    for key in ("00100020=*P-1*", "PatientID=*P-1*", "PatientName=*mull*", "ModalitiesInStudy=CT"):
        dated = f"{key}&StudyDate=20240101-20241231&{asked}"
        (study,) = [
            each
            for each in httpx2.get(f"{url}/studies?{dated}", headers=OHIF_JSON).json()
            if each["0020000D"]["Value"] == [STUDY]
        ]
        assert study["00080061"]["Value"] == ["CT", "SR"]
        assert study["00201208"]["Value"] == [3]
    series = httpx2.get(
        f"{url}/studies/{STUDY}/series?includefield=0008103e%2C00080021", headers=OHIF_JSON
    ).json()
    assert [each["0020000E"]["Value"] for each in series] == [[SERIES], [f"{STUDY}.2"]]
    path = f"{url}/studies/{STUDY}/series/{SERIES}"
    metadata = httpx2.get(f"{path}/metadata", headers=OHIF_JSON).json()
    assert [each["00280010"]["Value"] for each in metadata] == [[8], [8]]
    for each in metadata:
        frame = f"{path}/instances/{each['00080018']['Value'][0]}/frames/1"
        answer = httpx2.get(frame, headers={"Accept": OHIF_FRAMES})
        assert answer.status_code == 200
        assert bytes(128) in answer.content
        assert b"application/octet-stream" in answer.content
        bulk = each["7FE00010"]["BulkDataURI"]
        assert bytes(128) in httpx2.get(bulk, headers={"Accept": OHIF_FRAMES}).content
    shown = httpx2.get(f"{path}/instances/{INSTANCE}/thumbnail", headers={"Accept": "image/jpeg"})
    assert shown.headers["content-type"] == "image/jpeg"


OHIF_JSON = {"Accept": "application/dicom+json"}
