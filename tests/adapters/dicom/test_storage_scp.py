"""Given an instance, when a modality stores it, then its bytes are kept as they came."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)
from pynetdicom import _config
from pynetdicom.presentation import AllStoragePresentationContexts, build_context

from bridge.dicom.configuration import DicomConfiguration
from bridge.dicom.part10 import file_head
from bridge.dicom.scu import associated, store
from bridge.dicom.sop_classes import VERIFICATION
from bridge.domain.errors import ResourceBusy, StorageFull
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.study import DuplicateInstance, InstanceElsewhere
from tests.adapters.dicom.pdus import (
    COMMAND,
    LAST,
    associated_by_hand,
    p_data,
    read_pdu,
    response_in,
    store_request,
)
from tests.adapters.dicom.services import RunningBridge, running
from tests.peers.dcmtk import Modality
from tests.unit.dicom.test_elements import encode
from tests.unit.dicom.test_header import CT, instance

PRIVATE_CLASS = "1.3.12.2.1107.5.9.1"
PRIVATE_SYNTAX = "1.2.276.0.7230010.3.9.1"


def an_instance(sop_class: str = CT) -> Dataset:
    dataset = instance()
    dataset.SOPClassUID = sop_class
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def write(path: Path, syntax: str, data: bytes) -> Path:
    """A file whose data set is `data`, whatever its meta information says."""
    head = file_head(
        sop_class_uid=CT,
        sop_instance_uid="1.2.3.4",
        transfer_syntax_uid=syntax,
        source="",
    )
    path.write_bytes(head + data)
    return path


@pytest.fixture
def raw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are sent byte by byte as they are, under the UIDs of their meta information."""
    monkeypatch.setattr(_config, "STORE_SEND_CHUNKED_DATASET", True)


def send(bridge: RunningBridge, path: Path, syntax: str, sop_class: str = CT) -> Dataset:
    with associated(bridge.remote, [build_context(sop_class, syntax)]) as association:
        return association.send_c_store(path)


@pytest.mark.usefixtures("raw")
@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        JPEG2000Lossless,
        RLELossless,
        PRIVATE_SYNTAX,
    ],
)
def test_given_any_transfer_syntax_then_the_data_set_is_kept_byte_by_byte(
    bridge: RunningBridge, tmp_path: Path, syntax: str
) -> None:
    data = encode(instance(), syntax)
    path = write(tmp_path / "instance.dcm", syntax, data)
    assert send(bridge, path, syntax).Status == 0x0000
    header, content, digest, peer = bridge.instances.received[0]
    assert content.endswith(data)
    assert digest == hashlib.sha256(data).hexdigest()
    assert peer == "CT01@127.0.0.1"
    assert header.sop_instance_uid == "1.2.3.4"
    assert header.transfer_syntax_uid == syntax
    assert header.patient_id == Identifier("P1", Authority("HOSP", "1.2.3.4", "ISO"))
    kept = dcmread(BytesIO(content), stop_before_pixels=True)
    assert kept.file_meta.TransferSyntaxUID == syntax
    assert kept.file_meta.SourceApplicationEntityTitle == "CT01"
    assert str(kept.file_meta.MediaStorageSOPInstanceUID) == "1.2.3.4"


def test_given_a_private_storage_class_then_its_instances_are_kept(bridge: RunningBridge) -> None:
    (answer,) = store(bridge.remote, [an_instance(sop_class=PRIVATE_CLASS)])
    assert answer.status == 0x0000
    assert bridge.instances.received[0][0].sop_class_uid == PRIVATE_CLASS


def test_given_every_storage_class_of_the_standard_then_all_are_accepted(
    bridge: RunningBridge,
) -> None:
    classes = [context.abstract_syntax for context in AllStoragePresentationContexts]
    for start in range(0, len(classes), 100):
        contexts = [build_context(str(uid)) for uid in classes[start : start + 100]]
        with associated(bridge.remote, contexts) as association:
            assert len(association.accepted_contexts) == len(contexts)


def test_given_several_syntaxes_in_one_context_then_the_peer_gets_the_one_it_prefers(
    bridge: RunningBridge,
) -> None:
    context = build_context(CT, [JPEG2000Lossless, ExplicitVRLittleEndian])
    with associated(bridge.remote, [context]) as association:
        (accepted,) = association.accepted_contexts
    assert accepted.transfer_syntax == [JPEG2000Lossless]


@pytest.mark.usefixtures("raw")
@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
def test_given_a_uid_is_missing_then_the_refusal_names_it(
    bridge: RunningBridge, tmp_path: Path, keyword: str
) -> None:
    dataset = instance()
    delattr(dataset, keyword)
    data = encode(dataset, ExplicitVRLittleEndian)
    path = write(tmp_path / "instance.dcm", ExplicitVRLittleEndian, data)
    answer = send(bridge, path, ExplicitVRLittleEndian)
    assert (answer.Status, answer.ErrorComment) == (0xA900, f"{keyword} is missing")
    assert bridge.instances.received == []
    (refused,) = bridge.instances.refused
    assert (refused.beginning, refused.reason) == (data[:16_384], f"{keyword} is missing")


@pytest.mark.usefixtures("raw")
@pytest.mark.parametrize("keyword", ["SOPClassUID", "SOPInstanceUID"])
def test_given_command_and_data_set_disagree_then_the_instance_is_refused(
    bridge: RunningBridge, tmp_path: Path, keyword: str
) -> None:
    dataset = instance()
    setattr(dataset, keyword, "1.2.3.99")
    data = encode(dataset, ExplicitVRLittleEndian)
    path = write(tmp_path / "instance.dcm", ExplicitVRLittleEndian, data)
    answer = send(bridge, path, ExplicitVRLittleEndian)
    assert answer.Status == 0xA900
    assert answer.ErrorComment == f"{keyword} of command and data set differ"


def test_given_another_class_than_was_agreed_then_it_must_be_one_that_is_taken(
    bridge: RunningBridge,
) -> None:
    dataset = instance()
    dataset.SOPClassUID = VERIFICATION
    data = encode(dataset, ImplicitVRLittleEndian)
    request = store_request(AffectedSOPClassUID=VERIFICATION)
    with associated_by_hand(bridge.port) as connection:
        connection.sendall(p_data(request, COMMAND | LAST) + p_data(data, LAST))
        assert response_in(read_pdu(connection)[1]).Status == 0x0122


@pytest.mark.usefixtures("raw")
def test_given_noise_instead_of_a_data_set_then_it_is_refused_and_the_next_one_kept(
    bridge: RunningBridge, tmp_path: Path
) -> None:
    noise = write(tmp_path / "noise.dcm", ExplicitVRLittleEndian, bytes(range(256)) * 8)
    good = write(
        tmp_path / "good.dcm", ExplicitVRLittleEndian, encode(instance(), ExplicitVRLittleEndian)
    )
    with associated(bridge.remote, [build_context(CT, ExplicitVRLittleEndian)]) as association:
        assert association.send_c_store(noise).Status == 0xA900
        assert association.send_c_store(good).Status == 0x0000


@pytest.mark.usefixtures("raw")
def test_given_a_data_set_that_is_written_otherwise_than_agreed_then_its_file_can_be_read(
    bridge: RunningBridge, tmp_path: Path
) -> None:
    data = encode(instance(), ImplicitVRLittleEndian)
    path = write(tmp_path / "instance.dcm", ExplicitVRLittleEndian, data)
    assert send(bridge, path, ExplicitVRLittleEndian).Status == 0x0000
    header, content, digest, _ = bridge.instances.received[0]
    assert content.endswith(data)
    assert digest == hashlib.sha256(data).hexdigest()
    assert header.flaws == ("the data set is written without VRs, little endian",)
    kept = dcmread(BytesIO(content))
    assert kept.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert kept.PatientID == "P1"


def test_given_a_file_instead_of_a_data_set_then_it_is_kept_as_the_file_that_it_is(
    bridge: RunningBridge, tmp_path: Path
) -> None:
    data = encode(instance(), ExplicitVRLittleEndian)
    inner = write(tmp_path / "inner.dcm", ExplicitVRLittleEndian, data).read_bytes()
    for sent in (inner, inner[132:]):
        with associated_by_hand(bridge.port) as connection:
            connection.sendall(p_data(store_request(), COMMAND | LAST) + p_data(sent, LAST))
            assert response_in(read_pdu(connection)[1]).Status == 0x0000
        header, content, digest, _ = bridge.instances.received.pop()
        assert content == inner
        assert header.transfer_syntax_uid == ExplicitVRLittleEndian
        assert digest == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("error", "status", "comment"),
    [
        (StorageFull("no room left"), 0xA700, "no room left"),
        (ResourceBusy("database is locked"), 0xA700, "database is locked"),
        (DuplicateInstance("it differs"), 0x0111, "it differs"),
        (InstanceElsewhere("of another study"), 0xA900, "of another study"),
        (OSError("input/output error"), 0xC000, "internal error"),
    ],
)
def test_given_it_cannot_be_kept_then_success_is_not_said(
    bridge: RunningBridge, error: Exception, status: int, comment: str
) -> None:
    bridge.instances.error = error
    (answer,) = store(bridge.remote, [an_instance()])
    assert (answer.status, answer.comment) == (status, comment)
    is_final = not isinstance(error, StorageFull | ResourceBusy)
    assert [each.reason for each in bridge.instances.refused] == [comment] * is_final


def test_given_a_message_without_end_then_the_connection_ends_and_the_next_one_is_served() -> None:
    with running(DicomConfiguration(maximum_message=100_000)) as bridge:
        long = an_instance()
        long.PixelData = b"\0" * 400_000
        (answer,) = store(bridge.remote, [long])
        assert answer.status != 0x0000
        (answer,) = store(bridge.remote, [an_instance()])
        assert answer.status == 0x0000
        assert len(bridge.instances.received) == 1


def test_given_dcmtk_as_the_modality_then_its_instances_are_kept(
    bridge: RunningBridge, tmp_path: Path
) -> None:
    for number in range(1, 11):
        dataset = an_instance()
        dataset.SOPInstanceUID = f"1.2.3.4.{number}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.PixelData = b"\0" * 300_000
        dataset.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
    assert Modality(bridge.port).store([tmp_path]).ok
    assert len(bridge.instances.received) == 10
    assert all(len(content) > 300_000 for _, content, *_ in bridge.instances.received)
