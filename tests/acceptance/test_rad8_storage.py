"""RAD-8, Modality Images Stored: every image as it was sent, whoever sends it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import (
    JPEG2000,
    UID,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    RLELossless,
)

from tests.acceptance.hospital import Hospital, accession_of, stored_files
from tests.acceptance.images import save, scan
from tests.acceptance.orders import new_order, orm
from tests.peers.dcmtk import Modality, StoreScp
from tests.peers.orthanc import Orthanc

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "dicom"
# storescu's options that propose a compressed transfer syntax.
PROPOSE = {
    JPEGLosslessSV1: "-xs",
    JPEGBaseline8Bit: "-xy",
    JPEGExtended12Bit: "-xx",
    JPEG2000Lossless: "-xv",
    JPEG2000: "-xw",
    RLELossless: "-xr",
}


def transfer_syntax(path: Path) -> UID | None:
    """Give the transfer syntax of a file that has a Study Instance UID and can be sent, or None."""
    head = dcmread(path, force=True, stop_before_pixels=True)
    syntax = head.get("file_meta", {}).get("TransferSyntaxUID")
    return syntax if syntax and "StudyInstanceUID" in head and "SOPClassUID" in head else None


def corpus() -> list[Path]:
    """Give the third-party images that a modality could send."""
    # storescu and Orthanc refuse to read a data set that ends in the middle of an element, and one
    # whose every VR is UN. Without the corpus beside this checkout there is nothing to send.
    unreadable = {"pydicom_rtplan_truncated.dcm", "pydicomdata_explicit_VR-UN.dcm"}
    files = [path for path in sorted(CORPUS.glob("*")) if path.name not in unreadable]
    return [path for path in files if transfer_syntax(path)]


def dataset_bytes(path: Path) -> bytes:
    """Give what follows the preamble and the file meta information (PS3.10 section 7.1)."""
    content = path.read_bytes()
    assert content[128:132] == b"DICM"
    # (0002,0000) UL: the length of what is left of group 2.
    length = int.from_bytes(content[140:144], "little")
    return content[144 + length :]


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus beside this checkout")
def test_the_corpus_is_read() -> None:
    assert len(corpus()) >= 30


@pytest.mark.parametrize("path", corpus(), ids=lambda path: path.name)
def test_given_an_image_of_somebody_else_then_it_is_kept_byte_by_byte(
    hospital: Hospital, witness: StoreScp, path: Path
) -> None:
    syntax = transfer_syntax(path)
    assert syntax is not None
    options = ["-R", *([PROPOSE[syntax]] if syntax in PROPOSE else [])]
    for modality in (hospital.modality(), Modality(witness.port)):
        stored = modality.store([path], *options)
        assert stored.ok, stored.output
    (copy,) = witness.directory.iterdir()

    assert hospital.holds_bytes(dataset_bytes(copy))


def test_given_a_study_of_orthanc_then_it_is_published_like_any_other(
    hospital: Hospital, orthanc: Orthanc, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path / "images", series=(2, 2))
    ids = {orthanc.upload(path.read_bytes())["ParentStudy"] for path in study.paths}
    assert orthanc.send(*ids)["FailedInstancesCount"] == 0

    found = hospital.published_complete(study)

    assert accession_of(found) == order.accession


def test_given_orthanc_sends_the_compressed_corpus_then_it_is_kept_byte_by_byte(
    hospital: Hospital, orthanc: Orthanc, witness: StoreScp
) -> None:
    paths = [path for path in corpus() if UID(str(transfer_syntax(path))).is_compressed]
    ids = [orthanc.upload(path.read_bytes())["ID"] for path in paths]
    for receiver in ("bridge", "witness"):
        assert orthanc.send(*ids, to=receiver)["FailedInstancesCount"] == 0

    copies = list(witness.directory.iterdir())
    assert len(copies) >= len(set(ids))
    for copy in copies:
        assert hospital.holds_bytes(dataset_bytes(copy)), copy.name


def test_given_the_same_image_again_then_it_is_a_success_and_nothing_new(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path, series=(2,))
    hospital.store(study)
    before = hospital.published_complete(study)
    files = len(stored_files(hospital.bridge.images))

    hospital.store(study)

    assert len(stored_files(hospital.bridge.images)) == files
    assert hospital.published_complete(study)["id"] == before["id"]


def test_given_other_bytes_under_the_same_uid_then_both_are_kept_and_the_first_stands(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path / "first", series=(1,))
    hospital.store(study)
    (path,) = study.paths
    other = dcmread(path)
    other.PixelData = b"\x55" * len(other.PixelData)
    changed = save(other, tmp_path / "second")

    for _ in range(2):
        hospital.modality().store([changed])

    assert hospital.holds_bytes(dataset_bytes(path))
    assert hospital.holds_bytes(dataset_bytes(changed))
    assert hospital.published_complete(study)["numberOfInstances"] == 1


def test_given_an_image_without_a_study_then_it_is_refused_and_the_next_is_taken(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    bad = scan(order, tmp_path / "bad", series=(1,), StudyInstanceUID="")
    good = scan(order, tmp_path / "good", series=(1,))
    answer = hospital.modality().store(bad.paths)

    assert not answer.ok
    assert answer.statuses, answer.output
    hospital.store(good)


def test_given_images_from_two_senders_then_every_one_counts_once(
    hospital: Hospital, orthanc: Orthanc, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path / "images", series=(5, 5))
    ids = [orthanc.upload(path.read_bytes())["ID"] for path in study.paths]
    orthanc.send(*ids[:5])
    hospital.store(study)

    hospital.published_complete(study)
