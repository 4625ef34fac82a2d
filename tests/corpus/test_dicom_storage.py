"""Given third-party DICOM files, when a modality stores each, then it is kept or clearly refused.

The oracle is pydicom: what it reads of a file is what the header must say.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pynetdicom.presentation import build_context

from bridge.dicom.scu import associated
from tests.adapters.dicom.services import RunningBridge, running
from tests.corpus.dicom_outcomes import (
    DICOM_FILES,
    as_sent,
    data_set_of,
    data_sets_as_they_are,
    read_as_told,
    syntax_of,
)

UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")

pytestmark = pytest.mark.skipif(not DICOM_FILES, reason="the corpus is not beside this checkout")


@pytest.fixture(scope="module")
def bridge() -> Iterator[RunningBridge]:
    with running() as started:
        yield started


def text(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    plain = "" if value is None else str(value)
    return unicodedata.normalize("NFC", plain).strip(" \0").rstrip("=")


@pytest.mark.parametrize("path", DICOM_FILES, ids=lambda path: path.name)
def test_given_a_third_party_file_then_it_is_kept_whole_or_the_refusal_names_what_lacks(
    bridge: RunningBridge, path: Path, tmp_path: Path
) -> None:
    bridge.empty()
    dataset, data = read_as_told(path), data_set_of(path)
    sop_class = text(dataset, "SOPClassUID") or "1.2.840.10008.5.1.4.1.1.7"
    sent = tmp_path / "instance.dcm"
    sent.write_bytes(as_sent(path, dataset))
    context = build_context(sop_class, syntax_of(dataset))
    with data_sets_as_they_are(), associated(bridge.remote, [context]) as association:
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
