"""Given third-party DICOM files, when a modality stores each, then it is kept or clearly refused.

The oracle is pydicom: what it reads of a file is what the header must say.
"""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filereader import _read_file_meta_info
from pynetdicom import _config
from pynetdicom.presentation import build_context

from bridge.dicom.part10 import file_head
from bridge.dicom.scu import associated
from tests.adapters.dicom.services import RunningBridge, running

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "dicom"
FILES = sorted(path for path in CORPUS.glob("*") if path.is_file())
UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"

pytestmark = pytest.mark.skipif(not FILES, reason="the corpus is not beside this checkout")


@pytest.fixture(scope="module")
def bridge() -> Iterator[RunningBridge]:
    with running() as started:
        yield started


def oracle(path: Path) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = dcmread(path, force=True, stop_before_pixels=True)
        dataset.decode()
    return dataset


def data_set_of(path: Path) -> bytes:
    content = path.read_bytes()
    if content[128:132] != b"DICM":
        return content
    with path.open("rb") as file:
        file.seek(132)
        _read_file_meta_info(file)
        return content[file.tell() :]


def syntax_of(dataset: Dataset) -> str:
    declared = dataset.file_meta.get("TransferSyntaxUID")
    if declared:
        return str(declared)
    implicit, little = dataset.original_encoding
    return IMPLICIT if implicit else EXPLICIT if little else BIG


def text(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    plain = "" if value is None else str(value)
    return unicodedata.normalize("NFC", plain).strip(" \0").rstrip("=")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_given_a_third_party_file_then_it_is_kept_whole_or_the_refusal_names_what_lacks(
    bridge: RunningBridge, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_config, "STORE_SEND_CHUNKED_DATASET", True)
    bridge.empty()
    dataset, data = oracle(path), data_set_of(path)
    sop_class = text(dataset, "SOPClassUID") or "1.2.840.10008.5.1.4.1.1.7"
    head = file_head(
        sop_class_uid=sop_class,
        sop_instance_uid=text(dataset, "SOPInstanceUID") or "2.25.1",
        transfer_syntax_uid=syntax_of(dataset),
        source="",
    )
    sent = tmp_path / "instance.dcm"
    sent.write_bytes(head + data)
    context = build_context(sop_class, syntax_of(dataset))
    with associated(bridge.remote, [context]) as association:
        answer = association.send_c_store(sent)

    lacking = [keyword for keyword in UIDS if not text(dataset, keyword)]
    if lacking:
        assert (answer.Status, answer.ErrorComment) == (0xA900, f"{lacking[0]} is missing")
        return
    assert answer.Status == 0x0000
    ((header, content, _, _),) = bridge.instances.received
    assert content.endswith(data)
    assert header.study_instance_uid == text(dataset, "StudyInstanceUID")
    assert header.patient_name.rstrip("=") == text(dataset, "PatientName")
    assert (header.patient_id.value if header.patient_id else "") == text(dataset, "PatientID")
    assert (header.accession.value if header.accession else "") == text(dataset, "AccessionNumber")
    assert header.modality == text(dataset, "Modality")
    assert header.attributes.get("StudyDate", "") == text(dataset, "StudyDate")
    assert header.attributes.get("StudyDescription", "") == text(dataset, "StudyDescription")
