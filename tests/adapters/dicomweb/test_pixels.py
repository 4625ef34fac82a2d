"""Given stored images, when frames or pictures of them are asked for, then they are what they say.

Clients: PyPI's dicomweb-client, and requests as OHIF (cornerstone's wadors loader) makes them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from tests.adapters.dicomweb.conftest import STUDY, Archive, image

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dicom"
UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
FRAMES = 3
RAMP = np.arange(64, dtype="<u2").reshape(8, 8) * 16
OCTETS = 'multipart/related; type="application/octet-stream"'
AS_STORED = "multipart/related; type=application/octet-stream; transfer-syntax=*"


def frame(number: int) -> bytes:
    return (RAMP + number).astype("<u2").tobytes()


@pytest.fixture
def series(archive: Archive) -> dict[str, str]:
    """The same three frames in several transfer syntaxes, and one JPEG."""
    pixels = b"".join(frame(number) for number in range(1, FRAMES + 1))
    multi = {"NumberOfFrames": FRAMES, "PixelData": pixels}
    archive.receive(image(STUDY, 7, 1, **multi))
    archive.receive(image(STUDY, 7, 2, **multi), ImplicitVRLittleEndian)
    swapped = np.frombuffer(pixels, "<u2").astype(">u2").tobytes()
    archive.receive(image(STUDY, 7, 3, **multi | {"PixelData": swapped}), ExplicitVRBigEndian)
    compressed = image(STUDY, 7, 4, **multi)
    compressed.file_meta = Dataset()  # type: ignore[assignment]
    compressed.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    compressed.compress(RLELossless, generate_instance_uid=False)
    archive.receive(compressed, RLELossless)
    archive.receive(jpeg(), JPEGBaseline8Bit)
    return {"explicit": "1", "implicit": "2", "big": "3", "rle": "4", "jpeg": "5"}


def jpeg() -> Dataset:
    target = io.BytesIO()
    Image.new("RGB", (16, 8), (200, 30, 30)).save(target, "JPEG", quality=95)
    made = image(STUDY, 7, 5, Rows=8, Columns=16, SamplesPerPixel=3, PlanarConfiguration=0)
    made.PhotometricInterpretation = "YBR_FULL_422"
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit = 7
    made.PixelData = encapsulate([target.getvalue()])
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    return made


def address(url: str, number: str) -> str:
    return f"{url}/studies/{STUDY}/series/{STUDY}.7/instances/{STUDY}.7.{number}"


def get(url: str, accept: str = "*/*", **parameters: Any) -> httpx2.Response:
    return httpx2.get(url, headers={"Accept": accept}, params=parameters or None, timeout=60)


def contents(answer: httpx2.Response) -> Iterator[tuple[str, bytes]]:
    """The Content-Type and the content of every part."""
    boundary = answer.headers["content-type"].rpartition("boundary=")[2].encode()
    for part in answer.content.split(b"--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        (kind,) = [line[14:] for line in lines if line.startswith("Content-Type: ")]
        yield kind, content[:-2]


@pytest.mark.parametrize("stored", ["explicit", "implicit", "big", "rle"])
def test_given_frames_in_any_transfer_syntax_then_by_default_they_are_native(
    url: str, series: dict[str, str], stored: str
) -> None:
    client = DICOMwebClient(url)
    uids = (STUDY, f"{STUDY}.7", f"{STUDY}.7.{series[stored]}")
    assert client.retrieve_instance_frames(*uids, frame_numbers=[3, 1]) == [frame(3), frame(1)]
    alone = get(f"{address(url, series[stored])}/frames/2", "application/octet-stream")
    assert alone.content == frame(2)
    assert alone.headers["content-type"].endswith(f"transfer-syntax={ExplicitVRLittleEndian}")


def test_given_ohif_asks_for_frames_as_they_are_then_each_says_its_transfer_syntax(
    url: str, series: dict[str, str]
) -> None:
    got = get(f"{address(url, series['rle'])}/frames/1,2", AS_STORED)
    assert got.headers["content-type"].startswith(OCTETS)
    kinds, frames = zip(*contents(got), strict=True)
    assert kinds == (f"application/octet-stream; transfer-syntax={RLELossless}",) * 2
    assert all(each != frame(1) for each in frames)
    got = get(f"{address(url, series['jpeg'])}/frames/1", 'multipart/related; type="image/jpeg"')
    ((kind, content),) = contents(got)
    assert kind == f"image/jpeg; transfer-syntax={JPEGBaseline8Bit}"
    assert Image.open(io.BytesIO(content)).size == (16, 8)


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("/frames/4", OCTETS, 404),
        ("/frames/0", OCTETS, 404),
        ("/frames/1,x", OCTETS, 400),
        ("/frames/1", 'multipart/related; type="image/jp2"', 406),
        ("/frames/1", f"{OCTETS}; transfer-syntax=1.2.3", 406),
        ("/frames/1,2", "application/octet-stream", 406),
        ("/frames/9/rendered", "image/png", 404),
        ("/rendered", "image/tiff", 406),
        ("/rendered?quality=0", "image/jpeg", 400),
        ("/rendered?window=10,0,linear", "image/jpeg", 400),
        ("/rendered?window=10", "image/jpeg", 400),
        ("/rendered?viewport=0,5", "image/jpeg", 400),
        ("/rendered?annotation=everything", "image/jpeg", 400),
        ("/rendered?iccprofile=mine", "image/jpeg", 400),
        ("/bulkdata/7FE0", "*/*", 400),
        ("/bulkdata/00420011", "*/*", 404),
        ("/bulkdata/00880200/1/00420011", "*/*", 404),
        ("/bulkdata/7FE00010", "image/png", 406),
    ],
)
def test_given_what_cannot_be_had_then_the_problem_says_why(
    url: str, series: dict[str, str], path: str, accept: str, status: int
) -> None:
    got = get(address(url, series["explicit"]) + path, accept)
    assert got.status_code == status
    assert got.headers["content-type"] == "application/problem+json"
    assert got.json()["detail"]


def picture(answer: httpx2.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def test_given_an_image_then_it_is_rendered_as_the_query_says(
    url: str, series: dict[str, str]
) -> None:
    at = address(url, series["rle"])
    whole = picture(get(f"{at}/rendered", "image/png"))
    assert (whole.format, whole.mode, whole.size) == ("PNG", "L", (8, 8))
    assert np.asarray(whole).flatten()[[0, -1]].tolist() == [0, 255]
    dark = picture(get(f"{at}/rendered", "image/png", window="5000,2,linear"))
    assert np.asarray(dark).max() == 0
    large = picture(get(f"{at}/frames/2/rendered", "image/jpeg", viewport="100,50", quality="50"))
    assert (large.format, large.size) == ("JPEG", (50, 50))
    part = picture(get(f"{at}/rendered", "image/png", viewport="4,4,4,0,4,4"))
    assert part.size == (4, 4)
    red = picture(get(f"{address(url, series['jpeg'])}/rendered", "image/png")).getpixel((8, 4))
    assert isinstance(red, tuple)
    assert all(abs(got - said) < 8 for got, said in zip(red, (200, 30, 30), strict=True))
    small = picture(get(f"{at}/thumbnail"))
    assert (small.format, small.size) == ("JPEG", (128, 128))


def test_given_inverse_grays_then_the_lowest_value_is_white(archive: Archive, url: str) -> None:
    inverse = {"PhotometricInterpretation": "MONOCHROME1", "PixelData": frame(0)}
    archive.receive(image(STUDY, 7, 1, **inverse))
    shown = np.asarray(picture(get(f"{address(url, '1')}/rendered", "image/png")))
    assert shown.flatten()[[0, -1]].tolist() == [255, 0]


def test_given_a_study_then_its_pictures_come_in_parts_and_one_stands_for_it(
    url: str, series: dict[str, str]
) -> None:
    got = get(f"{url}/studies/{STUDY}/rendered", 'multipart/related; type="image/png"')
    assert len(list(contents(got))) == 3 + len(series)
    assert get(f"{url}/studies/{STUDY}/rendered", "image/png").status_code == 406
    assert picture(get(f"{url}/studies/{STUDY}/thumbnail", viewport="32,32")).size == (32, 32)
    assert picture(get(f"{url}/studies/{STUDY}/series/{STUDY}.7/thumbnail")).format == "JPEG"


def test_given_a_client_that_takes_native_files_only_then_it_gets_them(
    url: str, series: dict[str, str]
) -> None:
    accept = (
        f'multipart/related; type="application/dicom"; transfer-syntax={ExplicitVRLittleEndian}'
    )
    got = get(f"{url}/studies/{STUDY}/series/{STUDY}.7", accept)
    files = [dcmread(io.BytesIO(content)) for _, content in contents(got)]
    assert {each.file_meta.TransferSyntaxUID for each in files} == {ExplicitVRLittleEndian}
    by_number = {each.SOPInstanceUID.rpartition(".")[2]: each for each in files}
    expected = b"".join(frame(number) for number in range(1, FRAMES + 1))
    for stored in ("explicit", "implicit", "big", "rle"):
        assert by_number[series[stored]].PixelData == expected
        assert by_number[series[stored]].PatientName == "MÜLLER^ANNA"
    colours = by_number[series["jpeg"]]
    assert (colours.PhotometricInterpretation, colours.PlanarConfiguration) == ("RGB", 0)
    assert colours.pixel_array.shape == (8, 16, 3)


def test_given_wado_by_uri_then_files_and_pictures_are_had_or_refused(
    url: str, series: dict[str, str]
) -> None:
    asked = {
        "requestType": "WADO",
        "studyUID": STUDY,
        "seriesUID": f"{STUDY}.7",
        "objectUID": f"{STUDY}.7.{series['rle']}",
    }
    shown = picture(get(f"{url}/wado", **asked, frameNumber="2", rows="16", columns="16"))
    assert (shown.format, shown.size) == ("JPEG", (16, 16))
    png = picture(get(f"{url}/wado", **asked, contentType="image/png", region="0,0,0.5,1"))
    assert (png.format, png.size) == ("PNG", (4, 8))
    whole = get(f"{url}/wado", **asked, contentType="application/dicom")
    assert dcmread(io.BytesIO(whole.content)).file_meta.TransferSyntaxUID == RLELossless
    native = get(
        f"{url}/wado",
        **asked,
        contentType="application/dicom",
        transferSyntax=ExplicitVRLittleEndian,
    )
    assert dcmread(io.BytesIO(native.content)).PixelData[:128] == frame(1)
    for wrong in (
        {"requestType": "wado-rs"},
        {"anonymize": "yes"},
        {"windowCenter": "40"},
        {"objectUID": ""},
        {"imageQuality": "200"},
        {"rows": "0"},
    ):
        assert get(f"{url}/wado", **asked | wrong).status_code == 400, wrong
    assert get(f"{url}/wado", **asked | {"objectUID": "1.2.3"}).status_code == 404
    assert get(f"{url}/wado", **asked, contentType="video/mpeg").status_code == 406


def test_given_an_encapsulated_pdf_then_it_is_shown_as_one(archive: Archive, url: str) -> None:
    document = {"MIMETypeOfEncapsulatedDocument": "application/pdf"}
    made = image(STUDY, 7, 1, EncapsulatedDocument=b"%PDF-1.4 a", **document)
    del made.PixelData
    archive.receive(made)
    got = get(f"{address(url, '1')}/rendered", "application/pdf")
    assert (got.content, got.headers["content-type"]) == (b"%PDF-1.4 a", "application/pdf")
    assert get(f"{address(url, '1')}/rendered", "image/jpeg").status_code == 406


def test_given_what_the_service_offers_is_asked_then_it_says_so(url: str) -> None:
    wadl = httpx2.request("OPTIONS", f"{url}/")
    assert wadl.headers["content-type"] == "application/vnd.sun.wadl+xml"
    assert b'path="studies/{study}/series/{series}/instances/{instance}/frames/{frames}"' in (
        wadl.content
    )
    told = httpx2.request("OPTIONS", f"{url}/studies", headers={"Accept": "application/json"})
    assert "/studies/{study}/metadata" in {each["path"] for each in told.json()["resources"]}


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside this checkout")
def test_given_images_of_the_world_then_each_is_shown_or_refused_with_its_reason(
    archive: Archive, url: str
) -> None:
    shown = 0
    for path in sorted(CORPUS.iterdir()):
        stored = dcmread(path, force=True)
        syntax = stored.get("file_meta", {}).get("TransferSyntaxUID")
        if syntax is None or not all(keyword in stored for keyword in UIDS):
            continue
        study, series_uid = "1.2.3.9", "1.2.3.9.1"
        found = archive.receive_file(path.read_bytes(), syntax, study, series_uid)
        at = f"{url}/studies/{study}/series/{series_uid}/instances/{found}"
        answers = [
            get(f"{at}/rendered", "image/png"),
            get(f"{at}/frames/1"),
            get(f"{at}/metadata"),
            get(f"{at}/thumbnail"),
        ]
        assert all(each.status_code in (200, 406) for each in answers), (path.name, answers)
        assert answers[2].status_code == 200, path.name
        has_pixels = any(k in stored for k in ("PixelData", "FloatPixelData"))
        assert (answers[0].status_code == 200) is has_pixels, (path.name, answers[0].text[:200])
        shown += has_pixels
    assert shown > 20


def test_given_broken_or_bomb_like_pixels_then_they_are_refused_and_the_next_is_shown(
    archive: Archive, url: str
) -> None:
    broken = jpeg()
    broken.PixelData = encapsulate([b"\xff\xd8\xff\xe0 no JPEG at all"])
    archive.receive(broken, JPEGBaseline8Bit)
    archive.receive(image(STUDY, 7, 1, Rows=65_000, Columns=65_000))
    archive.receive(image(STUDY, 7, 2, Rows=100))
    archive.receive(image(STUDY, 7, 3))
    for number, status in (("5", 406), ("1", 406), ("2", 406), ("3", 200)):
        got = get(f"{address(url, number)}/rendered", "image/jpeg")
        assert got.status_code == status, (number, got.text)
