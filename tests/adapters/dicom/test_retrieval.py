"""Given C-MOVE and C-GET, then receivers and whoever asked are told all that PS3.4 C.4.2 says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.events import Event
from pynetdicom.presentation import build_context

from bridge.dicom.configuration import DicomConfiguration, Peer
from bridge.dicom.scu import associated
from bridge.dicom.sop_classes import PATIENT_ROOT_MOVE, STUDY_ROOT_GET, STUDY_ROOT_MOVE
from tests.adapters.dicom.services import RunningBridge, running
from tests.adapters.dicomweb.conftest import STUDY, Archive, image

COUNT = 6
UIDS = [f"{STUDY}.1.{number}" for number in range(1, COUNT + 1)]
KEYS = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": STUDY}

Answer = Callable[[str], int]


@dataclass
class Receiver:
    """Takes instances and answers each as it is told to."""

    answer: Answer = lambda _uid: 0x0000
    requests: list[Any] = field(default_factory=list)
    port: int = 0
    before: Callable[[Event], None] = lambda _event: None

    def store(self, event: Event) -> int:
        request: Any = event.request
        self.requests.append(request)
        self.before(event)
        return self.answer(str(request.AffectedSOPInstanceUID))

    @property
    def uids(self) -> list[str]:
        return [str(each.AffectedSOPInstanceUID) for each in self.requests]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    archive = Archive(tmp_path_factory.mktemp("archive"))
    for number in range(1, COUNT + 1):
        archive.receive(image(STUDY, 1, number))
    yield archive
    archive.database.close()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    entity = AE(ae_title="DEST")
    entity.add_supported_context(CTImageStorage, ExplicitVRLittleEndian)
    handlers: list[Any] = [(evt.EVT_C_STORE, receiver.store)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    receiver.port = server.server_address[1]
    yield receiver
    server.shutdown()


@pytest.fixture(scope="module")
def bridge(archive: Archive, receiver: Receiver) -> Iterator[RunningBridge]:
    peers = (
        Peer(ae_title="DEST", host="127.0.0.1", port=receiver.port),
        Peer(ae_title="AWAY", host="127.0.0.1", port=1),
    )
    with running(DicomConfiguration(peers=peers), archive.images) as started:
        yield started


@pytest.fixture(autouse=True)
def fresh(receiver: Receiver) -> None:
    receiver.requests.clear()
    receiver.answer = lambda _uid: 0x0000
    receiver.before = lambda _event: None


def identifier(keys: dict[str, str]) -> Dataset:
    asked = Dataset()
    for keyword, value in keys.items():
        setattr(asked, keyword, value)
    return asked


Responses = list[tuple[Dataset, Dataset | None]]


def move(
    bridge: RunningBridge,
    keys: dict[str, str],
    destination: str = "DEST",
    *,
    model: str = STUDY_ROOT_MOVE,
) -> Responses:
    remote = bridge.called_by("WORKSTATION")
    with associated(remote, [build_context(model)]) as association:
        answers = association.send_c_move(identifier(keys), destination, model, msg_id=77)
        return list(answers)


def counts(answer: Dataset) -> tuple[int | None, int, int, int]:
    return (
        answer.get("NumberOfRemainingSuboperations"),
        answer.NumberOfCompletedSuboperations,
        answer.NumberOfWarningSuboperations,
        answer.NumberOfFailedSuboperations,
    )


def test_given_a_move_then_each_instance_names_who_moves_it_and_the_counts_go_down(
    bridge: RunningBridge, receiver: Receiver
) -> None:
    *pending, (final, listed) = move(bridge, KEYS)
    assert receiver.uids == UIDS
    assert {e.MoveOriginatorApplicationEntityTitle for e in receiver.requests} == {"WORKSTATION"}
    assert {e.MoveOriginatorMessageID for e in receiver.requests} == {77}
    assert [each.Status for each, _ in pending] == [0xFF00] * (COUNT - 1)
    assert [counts(each) for each, _ in pending] == [
        (COUNT - done, done, 0, 0) for done in range(1, COUNT)
    ]
    assert (final.Status, counts(final), listed) == (0x0000, (None, COUNT, 0, 0), None)


def test_given_some_fail_and_some_are_taken_with_warnings_then_each_is_counted_and_named(
    bridge: RunningBridge, receiver: Receiver
) -> None:
    answers = {UIDS[1]: 0xA700, UIDS[3]: 0xB000}
    receiver.answer = lambda uid: answers.get(uid, 0x0000)
    final, listed = move(bridge, KEYS)[-1]
    assert (final.Status, counts(final)) == (0xB000, (None, COUNT - 2, 1, 1))
    assert listed is not None
    assert listed.FailedSOPInstanceUIDList == UIDS[1]


def test_given_all_fail_then_that_is_a_failure_and_all_are_named(
    bridge: RunningBridge, receiver: Receiver
) -> None:
    receiver.answer = lambda _uid: 0xC123
    final, listed = move(bridge, KEYS)[-1]
    assert (final.Status, counts(final)) == (0xA702, (None, 0, 0, COUNT))
    assert listed is not None
    assert list(listed.FailedSOPInstanceUIDList) == UIDS


def test_given_a_destination_that_is_away_then_all_fail(bridge: RunningBridge) -> None:
    ((final, listed),) = move(bridge, KEYS, "AWAY")
    assert (final.Status, counts(final)) == (0xA702, (None, 0, 0, COUNT))
    assert listed is not None


def test_given_a_destination_that_goes_midway_then_the_rest_fails(
    bridge: RunningBridge, receiver: Receiver
) -> None:
    def go(event: Event) -> None:
        if len(receiver.requests) == 3:
            event.assoc.abort()

    receiver.before = go
    final, listed = move(bridge, KEYS)[-1]
    assert (final.Status, counts(final)) == (0xB000, (None, 2, 0, COUNT - 2))
    assert listed is not None
    assert sorted(listed.FailedSOPInstanceUIDList) == UIDS[2:]


@pytest.mark.parametrize(
    ("keys", "destination", "model", "status"),
    [
        (KEYS, "NOBODY", STUDY_ROOT_MOVE, 0xA801),
        ({"QueryRetrieveLevel": "STUDY", "PatientID": "P-1"}, "DEST", STUDY_ROOT_MOVE, 0xA900),
        ({"StudyInstanceUID": STUDY}, "DEST", STUDY_ROOT_MOVE, 0xA900),
        ({"QueryRetrieveLevel": "PATIENT"}, "DEST", PATIENT_ROOT_MOVE, 0xA900),
        (
            {"QueryRetrieveLevel": "PATIENT", "PatientID": "*"},
            "DEST",
            PATIENT_ROOT_MOVE,
            0xA900,
        ),
        ({"QueryRetrieveLevel": "PATIENT", "PatientID": "P-1"}, "DEST", STUDY_ROOT_MOVE, 0xA900),
    ],
)
def test_given_a_retrieval_that_names_nothing_or_goes_nowhere_then_it_is_refused_with_its_reason(
    bridge: RunningBridge,
    receiver: Receiver,
    keys: dict[str, str],
    destination: str,
    model: str,
    status: int,
) -> None:
    ((final, _),) = move(bridge, keys, destination, model=model)
    assert final.Status == status
    assert final.ErrorComment
    assert receiver.requests == []


def test_given_a_uid_with_a_wildcard_then_not_everything_is_retrieved(
    bridge: RunningBridge, receiver: Receiver
) -> None:
    asked = {"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": STUDY}
    dataset = identifier(asked)
    dataset.add_new(0x0020000E, "LO", "*")  # pydicom takes no such UID
    with associated(bridge.remote, [build_context(STUDY_ROOT_MOVE)]) as association:
        ((final, _),) = association.send_c_move(dataset, "DEST", STUDY_ROOT_MOVE)
    assert final.Status == 0xA900
    assert receiver.requests == []


def test_given_nothing_matches_then_that_is_a_success_of_nothing(bridge: RunningBridge) -> None:
    ((final, listed),) = move(bridge, {**KEYS, "StudyInstanceUID": "1.2.3"})
    assert (final.Status, counts(final), listed) == (0x0000, (None, 0, 0, 0), None)


def test_given_a_cancel_then_no_more_instances_go_and_what_remains_is_told(
    bridge: RunningBridge, receiver: Receiver
) -> None:
    with associated(bridge.remote, [build_context(STUDY_ROOT_MOVE)]) as association:

        def cancel(_event: Event) -> None:
            if len(receiver.requests) == 2:
                association.send_c_cancel(9, query_model=STUDY_ROOT_MOVE)
                _until(lambda: 9 in _serving(bridge).dimse.cancel_req)

        receiver.before = cancel
        answers = association.send_c_move(identifier(KEYS), "DEST", STUDY_ROOT_MOVE, msg_id=9)
        final, _ = list(answers)[-1]
    assert (final.Status, counts(final)) == (0xFE00, (COUNT - 2, 2, 0, 0))
    assert receiver.uids == UIDS[:2]


def _serving(bridge: RunningBridge) -> Any:
    return bridge.server._entity.active_associations[0]


def _until(condition: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if condition():
            return
        time.sleep(0.001)
    raise AssertionError("it never came")


@contextmanager
def getting(bridge: RunningBridge, receiver: Receiver, *, patience: float = 30.0) -> Iterator[Any]:
    contexts = [build_context(STUDY_ROOT_GET), build_context(CTImageStorage)]
    roles = [build_role(CTImageStorage, scp_role=True)]
    handlers: list[Any] = [(evt.EVT_C_STORE, receiver.store)]
    remote = replace(bridge.remote, timeout=patience)
    with associated(remote, contexts, roles, handlers) as association:
        yield association


def test_given_a_get_then_instances_come_between_responses_and_the_association_goes_on(
    bridge: RunningBridge, receiver: Receiver
) -> None:
    answers = {UIDS[2]: 0xA700}
    receiver.answer = lambda uid: answers.get(uid, 0x0000)
    with getting(bridge, receiver) as association:
        for _ in range(2):
            got = list(association.send_c_get(identifier(KEYS), STUDY_ROOT_GET, msg_id=5))
            final, listed = got[-1]
            assert [each.Status for each, _ in got[:-1]] == [0xFF00] * (COUNT - 1)
            assert (final.Status, counts(final)) == (0xB000, (None, COUNT - 1, 0, 1))
            assert listed.FailedSOPInstanceUIDList == UIDS[2]
    assert receiver.uids == UIDS * 2
    assert {e.MoveOriginatorMessageID for e in receiver.requests} == {None}
    assert len({e.MessageID for e in receiver.requests[:COUNT]} | {5}) == COUNT + 1


def test_given_a_getter_without_a_context_for_the_images_then_all_of_them_fail(
    bridge: RunningBridge,
) -> None:
    with associated(bridge.remote, [build_context(STUDY_ROOT_GET)]) as association:
        final, _ = list(association.send_c_get(identifier(KEYS), STUDY_ROOT_GET))[-1]
    assert (final.Status, counts(final)) == (0xA702, (None, 0, 0, COUNT))


def test_given_who_gets_has_gone_midway_then_others_are_still_served(
    bridge: RunningBridge, receiver: Receiver
) -> None:
    def go(event: Event) -> None:
        event.assoc.abort()

    receiver.before = go
    with getting(bridge, receiver, patience=0.5) as association:
        list(association.send_c_get(identifier(KEYS), STUDY_ROOT_GET))
    _until(lambda: not bridge.server._entity.active_associations)
    receiver.before = lambda _event: None
    receiver.requests.clear()
    move(bridge, KEYS)
    assert receiver.uids == UIDS
