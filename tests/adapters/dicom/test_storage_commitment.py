"""Given a modality that wants its images promised (PS3.4 Annex J), then it is heard and told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import Queue
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.presentation import build_context

from bridge.dicom.commitment import CommitmentReports
from bridge.dicom.scu import Remote, associated
from bridge.dicom.sop_classes import STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
from bridge.domain.commitment import (
    CommitmentReport,
    CommitmentRequest,
    DuplicateTransaction,
    FailureReason,
    InstanceReference,
    NobodyToTell,
)
from bridge.domain.delivery import Delivery, EventKind, TransportError
from bridge.domain.errors import ResourceBusy
from tests.adapters.dicom.services import Commitments, RunningBridge, running
from tests.peers.process import choose_port

CT = "1.2.840.10008.5.1.4.1.1.2"
ONE, TWO = InstanceReference(CT, "1.2.1"), InstanceReference(CT, "1.2.2")
DELIVERY = Delivery(
    pk=1,
    destination="commitment/CT01",
    subject="commitment:1.9",
    kind=EventKind.STORAGE_COMMITMENT,
    attempts=0,
    correlation="1.9",
)


def action(references: Sequence[InstanceReference], uid: str = "1.9") -> Dataset:
    asked = Dataset()
    if uid:
        asked.TransactionUID = uid
    items = []
    for each in references:
        item = Dataset()
        item.ReferencedSOPClassUID = each.sop_class_uid
        item.ReferencedSOPInstanceUID = each.sop_instance_uid
        items.append(item)
    asked.ReferencedSOPSequence = items
    return asked


def ask(bridge: RunningBridge, asked: Dataset, kind: int = 1) -> int:
    remote = bridge.called_by("CT01")
    with associated(remote, [build_context(STORAGE_COMMITMENT)]) as association:
        answer, _ = association.send_n_action(
            asked, kind, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
        )
    return int(answer.Status)


def test_given_a_request_then_it_is_kept_with_who_asked() -> None:
    service = Commitments()
    with running(commitment=service) as bridge:
        assert ask(bridge, action([ONE, TWO])) == 0x0000
    assert service.requests == [
        CommitmentRequest(transaction_uid="1.9", ae_title="CT01", references=(ONE, TWO))
    ]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NobodyToTell("no address"), 0x0110),
        (DuplicateTransaction("another request"), 0x0131),
        (ResourceBusy("the database is locked"), 0x0213),
        (RuntimeError("nobody foresaw this"), 0x0110),
    ],
)
def test_given_it_cannot_be_kept_then_the_status_says_why(error: Exception, expected: int) -> None:
    with running(commitment=Commitments(error)) as bridge:
        assert ask(bridge, action([ONE])) == expected


@pytest.mark.parametrize(
    ("asked", "kind", "expected"),
    [
        (action([ONE], uid=""), 1, 0x0120),
        (action([]), 1, 0x0120),
        (action([InstanceReference("", "1.2.1")]), 1, 0x0106),
        (action([ONE]), 2, 0x0123),
    ],
)
def test_given_a_request_that_says_too_little_then_it_is_refused(
    asked: Dataset, kind: int, expected: int
) -> None:
    service = Commitments()
    with running(commitment=service) as bridge:
        assert ask(bridge, asked, kind) == expected
    assert service.requests == []


# --- the result


Told = tuple[int, Dataset, str]


@contextmanager
def modality(status: int = 0x0000) -> Iterator[tuple[CommitmentReports, Queue[Told]]]:
    """A modality that takes N-EVENT-REPORTs, and the bridge's way to reach it."""
    told: Queue[Told] = Queue()

    def take(event: Event) -> tuple[int, None]:
        request: Any = event.request
        told.put((request.EventTypeID, event.event_information, event.assoc.requestor.ae_title))
        return status, None

    entity = AE(ae_title="CT01")
    entity.add_supported_context(STORAGE_COMMITMENT, scu_role=True, scp_role=True)
    handlers: list[Any] = [(evt.EVT_N_EVENT_REPORT, take)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    remote = Remote(ae_title="CT01", host="127.0.0.1", port=server.server_address[1])
    try:
        yield CommitmentReports(name="commitment/CT01", remote=remote), told
    finally:
        server.shutdown()


def report(**failures: FailureReason) -> CommitmentReport:
    request = CommitmentRequest(transaction_uid="1.9", ae_title="CT01", references=(ONE, TWO))
    named = {"one": ONE, "two": TWO}
    return CommitmentReport(
        request=request, failures={named[name]: reason for name, reason in failures.items()}
    )


def test_given_all_is_kept_then_the_modality_hears_so_from_us_as_provider() -> None:
    with modality() as (reports, told):
        sent = reports.send(DELIVERY, report())
        kind, information, caller = told.get(timeout=10)
    assert (kind, caller) == (1, "BRIDGE")
    assert information.TransactionUID == "1.9"
    assert information.RetrieveAETitle == "BRIDGE"
    kept = [item.ReferencedSOPInstanceUID for item in information.ReferencedSOPSequence]
    assert kept == ["1.2.1", "1.2.2"]
    assert "FailedSOPSequence" not in information
    assert sent.response == b"2 kept, 0 not"


def test_given_one_is_not_held_then_it_is_named_with_its_reason() -> None:
    with modality() as (reports, told):
        reports.send(DELIVERY, report(two=FailureReason.NO_SUCH_OBJECT_INSTANCE))
        kind, information, _ = told.get(timeout=10)
    assert kind == 2
    assert [i.ReferencedSOPInstanceUID for i in information.ReferencedSOPSequence] == ["1.2.1"]
    (failed,) = information.FailedSOPSequence
    assert (failed.ReferencedSOPInstanceUID, failed.FailureReason) == ("1.2.2", 0x0112)


def test_given_none_is_kept_then_only_failures_are_told() -> None:
    reason = FailureReason.CLASS_INSTANCE_CONFLICT
    with modality() as (reports, told):
        reports.send(DELIVERY, report(one=reason, two=reason))
        _, information, _ = told.get(timeout=10)
    assert "ReferencedSOPSequence" not in information
    assert len(information.FailedSOPSequence) == 2


def test_given_the_modality_refuses_the_report_then_it_is_told_again_later() -> None:
    with modality(status=0x0110) as (reports, _), pytest.raises(TransportError, match="0110") as no:
        reports.send(DELIVERY, report())
    assert not no.value.permanent


# The library leaves the socket of a refused connection to the garbage collector.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
)
def test_given_the_modality_is_away_then_it_is_told_again_later() -> None:
    away = Remote(ae_title="CT01", host="127.0.0.1", port=choose_port())
    with pytest.raises(TransportError, match="cannot be reached") as failure:
        CommitmentReports(name="commitment/CT01", remote=away).send(DELIVERY, report())
    assert not failure.value.permanent
