"""Given a PACS that images are forwarded to, then they are safe once it has committed to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RLELossless
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.presentation import build_context, build_role

from bridge.dicom.commitment_scu import CommitmentRequests
from bridge.dicom.forwarding import Commitment, StoreDestination
from bridge.dicom.pixels.pool import PixelPool
from bridge.dicom.scu import Remote, associated
from bridge.dicom.sop_classes import STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
from bridge.domain.delivery import Delivery, EventKind, NotYet, RetryPolicy, TransportError
from bridge.services.content import as_content
from bridge.services.forward_images import Forward
from bridge.services.read_images import FoundInstance
from bridge.services.request_commitment import RequestCommitment
from bridge.store import schema
from bridge.store.database import Database
from bridge.store.repositories import SqlStore
from tests.adapters.dicom.services import running
from tests.peers.dcmtk import StoreScp

DELIVERY = Delivery(
    pk=1,
    destination="pacs",
    subject="study:1.2",
    kind=EventKind.STUDY_AVAILABLE,
    attempts=0,
    correlation="1.2",
)
PIXELS = bytes(range(64))


def image(uid: str, *, compressed: bool = False) -> bytes:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, uid
    dataset.Rows = dataset.Columns = dataset.BitsAllocated = 8
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 7, 0
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.PixelData = PIXELS
    dataset["PixelData"].VR = "OB"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if compressed:
        dataset.compress(RLELossless, generate_instance_uid=False)
    stream = BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def found(uid: str, syntax: str = ExplicitVRLittleEndian) -> FoundInstance:
    return FoundInstance(
        study_instance_uid="1.2",
        series_instance_uid="1.2.1",
        sop_instance_uid=uid,
        sop_class_uid=CTImageStorage,
        transfer_syntax_uid=syntax,
        modality="CT",
        number=1,
        attributes={},
        path=uid,
    )


@dataclass
class Pacs:
    """Takes images, plain ones only, and commits to those that are not in `failing`."""

    answer: Callable[[Pacs, Event, Dataset], None]
    failing: frozenset[str] = frozenset()
    stored: list[Dataset] = field(default_factory=list)
    asked: list[Dataset] = field(default_factory=list)
    bridge_port: int = 0
    refusal: int = 0

    def store(self, event: Event) -> int:
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        self.stored.append(dataset)
        return 0x0000

    def commit(self, event: Event) -> tuple[int, None]:
        told = event.action_information
        if self.refusal:
            return self.refusal, None
        self.asked.append(told)
        Thread(target=self.answer, args=(self, event, told), daemon=True).start()
        return 0x0000, None

    def report(self, asked: Dataset) -> tuple[Dataset, int]:
        told = Dataset()
        told.TransactionUID = asked.TransactionUID
        uids = {i.ReferencedSOPInstanceUID: i for i in asked.ReferencedSOPSequence}
        told.ReferencedSOPSequence = [i for uid, i in uids.items() if uid not in self.failing]
        failed = [i for uid, i in uids.items() if uid in self.failing]
        for item in failed:
            item.FailureReason = 0x0110
        if failed:
            told.FailedSOPSequence = failed
        return told, 2 if failed else 1


def on_the_same_association(pacs: Pacs, event: Event, asked: Dataset) -> None:
    event.assoc.send_n_event_report(
        *pacs.report(asked), STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
    )


def on_another(pacs: Pacs, event: Event, asked: Dataset) -> None:
    assert tell(pacs, asked) == 0x0000


def never(pacs: Pacs, event: Event, asked: Dataset) -> None:
    """The PACS forgets."""


@dataclass
class Bridge:
    """A bridge that forwards to a PACS, over a database that outlives it."""

    store: SqlStore
    pacs: Pacs
    remote: Remote
    pixels: PixelPool
    seconds: float = 20.0
    now: float = 1000.0

    @property
    def ledger(self) -> RequestCommitment:
        return RequestCommitment(self.store, lambda: self.now)

    @contextmanager
    def running(self) -> Iterator[StoreDestination]:
        """Listen for reports, and give the destination; as a new process does."""
        requests = CommitmentRequests(self.ledger)
        with running(commitment_requests=requests) as bridge:
            self.pacs.bridge_port = bridge.port
            yield StoreDestination(
                name="pacs",
                remote=self.remote,
                retry=RetryPolicy(),
                kinds=frozenset(),
                read=lambda each: as_content(image(each.sop_instance_uid)),
                note=lambda *_: pytest.fail("noted without a commitment"),
                pixels=self.pixels,
                commitment=Commitment(requests, self.seconds),
            )

    @property
    def safe(self) -> list[str]:
        return sorted(self.ledger.safe("pacs", "1.2"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    database = Database(f"sqlite:///{tmp_path}/bridge.db")
    schema.upgrade(database)
    yield SqlStore(database)
    database.close()


@pytest.fixture
def pacs() -> Pacs:
    return Pacs(on_the_same_association)


@pytest.fixture
def forwarding(store: SqlStore, pacs: Pacs) -> Iterator[Bridge]:
    entity = AE(ae_title="PACS")
    entity.add_supported_context(CTImageStorage, ExplicitVRLittleEndian)
    entity.add_supported_context(STORAGE_COMMITMENT)
    handlers: list[Any] = [(evt.EVT_C_STORE, pacs.store), (evt.EVT_N_ACTION, pacs.commit)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    remote = Remote(ae_title="PACS", host="127.0.0.1", port=server.server_address[1])
    with closing(PixelPool()) as pixels:
        yield Bridge(store, pacs, remote, pixels)
    server.shutdown()


UIDS = ["1.1", "1.2"]
FORWARD = Forward(study_instance_uid="1.2", instances=tuple(map(found, UIDS)))


@pytest.mark.parametrize("answer", [on_the_same_association, on_another])
def test_given_the_pacs_commits_then_its_images_are_safe(
    forwarding: Bridge, pacs: Pacs, answer: Callable[[Pacs, Event, Dataset], None]
) -> None:
    pacs.answer = answer
    with forwarding.running() as peer:
        peer.send(DELIVERY, replace(FORWARD, shown_as="ANNA"))
    assert forwarding.safe == UIDS
    differing = forwarding.store.read(lambda tx: tx.forwarded.differing("pacs", "1.2", "BEA"))
    assert differing == frozenset(UIDS)  # a correction knows what they were sent as
    (asked,) = pacs.asked
    assert len(asked.ReferencedSOPSequence) == 2


def test_given_it_fails_for_one_then_only_the_other_is_safe_and_it_is_tried_again(
    forwarding: Bridge, pacs: Pacs
) -> None:
    pacs.failing = frozenset({"1.2"})
    with forwarding.running() as peer:
        with pytest.raises(TransportError, match="1 instances were not committed to") as caught:
            peer.send(DELIVERY, FORWARD)
        assert not caught.value.permanent
        assert not isinstance(caught.value, NotYet)
        assert forwarding.safe == ["1.1"]
        pacs.failing = frozenset()
        peer.send(DELIVERY, Forward(study_instance_uid="1.2", instances=(found("1.2"),)))
    assert forwarding.safe == UIDS
    first, second = (each.TransactionUID for each in pacs.asked)
    assert first != second


def test_given_the_report_comes_after_a_restart_then_its_images_are_safe_and_went_once(
    forwarding: Bridge, pacs: Pacs
) -> None:
    pacs.answer, forwarding.seconds = never, 0.2
    with forwarding.running() as peer, pytest.raises(NotYet, match="not committed to yet"):
        peer.send(DELIVERY, FORWARD)
    assert forwarding.safe == []
    with forwarding.running() as peer:
        with pytest.raises(NotYet):  # asked, and not sent again
            peer.send(DELIVERY, FORWARD)
        for _ in range(2):  # who is not heard says it again
            assert tell(pacs, pacs.asked[0]) == 0x0000
        assert forwarding.safe == UIDS
    assert len(pacs.stored) == 2
    assert len(pacs.asked) == 1


def test_given_it_says_nothing_in_time_then_they_are_sent_and_asked_for_anew(
    forwarding: Bridge, pacs: Pacs
) -> None:
    pacs.answer, forwarding.seconds = never, 0.2
    with forwarding.running() as peer:
        with pytest.raises(NotYet):
            peer.send(DELIVERY, FORWARD)
        forwarding.now += 1
        pacs.answer = on_the_same_association
        peer.send(DELIVERY, FORWARD)
        assert tell(pacs, pacs.asked[0]) == 0x0000  # the late answer to the first is heard, too
    assert len(pacs.stored) == 4
    assert forwarding.safe == UIDS


def test_given_a_pacs_that_commits_to_nothing_then_its_refusal_is_the_reason(
    forwarding: Bridge, pacs: Pacs
) -> None:
    pacs.refusal = 0x0122
    with forwarding.running() as peer:
        for _ in range(2):  # nothing is waited for
            with pytest.raises(TransportError, match="answered with 0122"):
                peer.send(DELIVERY, FORWARD)
    assert forwarding.safe == []


def tell(pacs: Pacs, asked: Dataset) -> int:
    """Report on an association of the PACS' own."""
    bridge = Remote(
        ae_title="BRIDGE", host="127.0.0.1", port=pacs.bridge_port, calling_ae_title="PACS"
    )
    roles = [build_role(STORAGE_COMMITMENT, scu_role=False, scp_role=True)]
    with associated(bridge, [build_context(STORAGE_COMMITMENT)], roles) as association:
        answer, _ = association.send_n_event_report(
            *pacs.report(asked), STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
        )
    return int(answer.Status)


def test_given_a_report_that_nobody_waits_for_then_it_is_refused() -> None:
    with running() as bridge:
        told = Dataset()
        told.TransactionUID, told.ReferencedSOPSequence = "1.9", []
        roles = [build_role(STORAGE_COMMITMENT, scu_role=False, scp_role=True)]
        contexts = [build_context(STORAGE_COMMITMENT)]
        with associated(bridge.called_by("PACS"), contexts, roles) as association:
            answer, _ = association.send_n_event_report(
                told, 1, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
            )
    assert answer.Status == 0x0115


def test_given_a_pacs_that_takes_only_plain_images_then_a_compressed_one_is_decompressed(
    tmp_path: Path,
) -> None:
    noted: list[str] = []
    with closing(StoreScp(tmp_path, accept="+xe")) as pacs, closing(PixelPool()) as pixels:
        StoreDestination(
            name="pacs",
            remote=Remote(ae_title="PACS", host="127.0.0.1", port=pacs.port),
            retry=RetryPolicy(),
            kinds=frozenset(),
            read=lambda each: as_content(image(each.sop_instance_uid, compressed=True)),
            pixels=pixels,
            note=lambda _destination, _study, uids: noted.extend(uids),
        ).send(DELIVERY, Forward(study_instance_uid="1.2", instances=(found("1.1", RLELossless),)))
        (path,) = pacs.directory.iterdir()
        stored = dcmread(path)
    assert noted == ["1.1"]
    assert stored.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert stored.PixelData == PIXELS
