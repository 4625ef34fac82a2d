"""What a bridge makes of third-party DICOM files: by C-STORE as modalities send, and by STOW-RS.

By C-STORE every data set goes out as its bytes stand in the file, whatever is wrong with it; by
STOW-RS the file goes as it is. What was taken is then looked for, by C-FIND and by QIDO-RS, and
asked for as a picture.
"""

from __future__ import annotations

import json
import tempfile
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filereader import _read_file_meta_info
from pynetdicom import _config
from pynetdicom.presentation import build_context

from bridge.dicom.part10 import file_head
from bridge.dicom.scu import Remote, associated
from bridge.dicom.sop_classes import STUDY_ROOT_FIND
from bridge.wiring.bridge import Bridge
from tests.corpus.outcomes import CORPUS, Outcome, empty

DICOM_FILES: Final = sorted(path for path in (CORPUS / "dicom").glob("*") if path.is_file())

_IMPLICIT, _EXPLICIT, _BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # for files that do not say what they are
_BOUNDARY = "third-party-file"
_SUCCESS = 0x0000
_REFUSED = 400
_OUR_FAULT = 500
_TIMEOUT = 60.0


def send_dicom(bridge: Bridge, path: Path) -> Outcome:
    """Send a file both ways, each to an empty bridge, and look for it after each."""
    dataset = read_as_told(path)
    uid = text_of(dataset, "StudyInstanceUID")
    empty(bridge)
    status, comment = _store(bridge, path, dataset)
    found = [*_found(bridge, uid)] if uid else []
    picture = _picture(bridge, dataset) if found else ""
    empty(bridge)
    answer, reasons = _post(bridge, path)
    found_again = [*_found(bridge, uid)] if uid else []
    by_store = "accepted" if status == _SUCCESS else "refused"
    by_web = "accepted" if answer < _REFUSED else "refused"
    told = f"{by_store} ({status:04X}, {answer})"
    if by_store != by_web:
        told = f"{by_store} ({status:04X}), {by_web} ({answer})"
    said = [f"C-STORE: {comment}"] if comment else []
    left = "; ".join(each for each in (_in_words(found, found_again), picture) if each)
    return Outcome(path.name, told, left, (*said, *reasons))


def read_as_told(path: Path) -> Dataset:
    """The header as pydicom reads it: the oracle."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = dcmread(path, force=True, stop_before_pixels=True)
        dataset.decode()
    return dataset


def text_of(dataset: Dataset, keyword: str) -> str:
    """A value without its padding; empty when there is none."""
    value = dataset.get(keyword)
    return "" if value is None else str(value).strip(" \0")


def data_set_of(path: Path) -> bytes:
    """What follows the file meta information, if there is any."""
    content = path.read_bytes()
    if content[128:132] != b"DICM":
        return content
    with path.open("rb") as file:
        file.seek(132)
        _read_file_meta_info(file)
        return content[file.tell() :]


def syntax_of(dataset: Dataset) -> str:
    """The transfer syntax: as declared, else as pydicom found it to be."""
    declared = dataset.file_meta.get("TransferSyntaxUID")
    if declared:
        return str(declared)
    implicit, little = dataset.original_encoding
    return _IMPLICIT if implicit else _EXPLICIT if little else _BIG


def as_sent(path: Path, dataset: Dataset) -> bytes:
    """The file that a modality with this data set would send."""
    head = file_head(
        sop_class_uid=text_of(dataset, "SOPClassUID") or _SECONDARY_CAPTURE,
        sop_instance_uid=text_of(dataset, "SOPInstanceUID") or "2.25.1",
        transfer_syntax_uid=syntax_of(dataset),
        source="",
    )
    return head + data_set_of(path)


@contextmanager
def data_sets_as_they_are() -> Iterator[None]:
    """Let the library send data sets without decoding them."""
    before, _config.STORE_SEND_CHUNKED_DATASET = _config.STORE_SEND_CHUNKED_DATASET, True
    try:
        yield
    finally:
        _config.STORE_SEND_CHUNKED_DATASET = before


def _store(bridge: Bridge, path: Path, dataset: Dataset) -> tuple[int, str]:
    sop_class = text_of(dataset, "SOPClassUID") or _SECONDARY_CAPTURE
    context = build_context(sop_class, syntax_of(dataset))
    with tempfile.TemporaryDirectory() as folder, data_sets_as_they_are():
        file = Path(folder) / "instance.dcm"
        file.write_bytes(as_sent(path, dataset))
        with associated(_remote(bridge), [context]) as association:
            answer = association.send_c_store(file)
    assert "Status" in answer, "no answer to C-STORE"
    return int(answer.Status), str(answer.get("ErrorComment", ""))


def _post(bridge: Bridge, path: Path) -> tuple[int, list[str]]:
    head = f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = head + path.read_bytes() + f"\r\n--{_BOUNDARY}--\r\n".encode()
    media_type = f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}'
    request = urllib.request.Request(
        f"{bridge.http_address}/dicom-web/studies",
        data=body,
        headers={"Content-Type": media_type, "Accept": "application/dicom+json"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            return answer.status, [*_failures(json.load(answer))]
    except urllib.error.HTTPError as error:
        return error.code, [*_failures(json.load(error))]


def _failures(answer: Any) -> Iterator[str]:
    """The Failure Reason of each instance that was not kept (PS3.18 table 10.5.3-2)."""
    for failed in answer.get("00081198", {}).get("Value", ()) if isinstance(answer, dict) else ():
        for reason in failed["00081197"]["Value"]:
            yield f"STOW-RS: {reason:04X}H"


def _found(bridge: Bridge, study_uid: str) -> Iterator[str]:
    """Who finds the study: C-FIND, QIDO-RS."""
    asked = Dataset()
    asked.QueryRetrieveLevel = "STUDY"
    asked.StudyInstanceUID = study_uid
    with associated(_remote(bridge), [build_context(STUDY_ROOT_FIND)]) as association:
        answers = [item for _, item in association.send_c_find(asked, STUDY_ROOT_FIND) if item]
    if [each.StudyInstanceUID for each in answers] == [study_uid]:
        yield "C-FIND"
    url = f"{bridge.http_address}/dicom-web/studies?StudyInstanceUID={study_uid}"
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:
        studies = json.load(answer)
    if [each["0020000D"]["Value"] for each in studies] == [[study_uid]]:
        yield "QIDO-RS"


def _picture(bridge: Bridge, dataset: Dataset) -> str:
    """What comes when the instance is asked for as a picture (PS3.18 10.4.1.1.3)."""
    uids = [text_of(dataset, f"{each}InstanceUID") for each in ("Study", "Series", "SOP")]
    path = "/studies/{}/series/{}/instances/{}/rendered".format(*uids)
    request = urllib.request.Request(f"{bridge.http_address}/dicom-web{path}")
    request.add_header("Accept", "image/jpeg")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            return f"rendered as {answer.headers.get_content_type()}"
    except urllib.error.HTTPError as error:
        assert error.code < _OUR_FAULT, f"rendering failed with {error.code}: {error.read()!r}"
        return f"no picture ({error.code})"


def _remote(bridge: Bridge) -> Remote:
    called = bridge.settings.dicom.ae_title
    return Remote(ae_title=called, host="127.0.0.1", port=bridge.dicom_port)


def _in_words(found: list[str], found_again: list[str]) -> str:
    if not found and not found_again:
        return "nothing"
    if found == found_again:
        return f"found by {' and '.join(found)}"
    first, again = (" and ".join(each) or "nobody" for each in (found, found_again))
    return f"found by {first} after C-STORE, by {again} after STOW-RS"
