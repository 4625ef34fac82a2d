"""Storage Commitment Push Model as SCU (PS3.4 Annex J): an archive is asked to promise images.

The result may come on the association of the request, or on one that the archive opens (J.3.3): at
once or hours later, to this process, another one, or one that was started since.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from pydicom.dataset import Dataset
from pynetdicom.association import Association
from pynetdicom.events import Event

from bridge.dicom.connection import peer_of
from bridge.dicom.sop_classes import STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
from bridge.dicom.statuses import COMMITMENT, Status, failure, status
from bridge.domain.delivery import TransportError
from bridge.services.read_images import FoundInstance

_REQUEST = 1  # Action Type ID
_RESULTS = frozenset({1, 2})  # Event Type ID: all kept, failures exist
_LOOK_SECONDS = 1.0
"""Between two looks for a report that another process took."""

Answer = tuple[int | Dataset, None]


class CommitmentLedger(Protocol):
    """What was asked, durably: `services.request_commitment`."""

    def open(
        self,
        transaction_uid: str,
        destination: str,
        study_instance_uid: str,
        uids: Collection[str],
        shown_as: str = "",
    ) -> None:
        """Keep what an archive is about to be asked."""

    def withdraw(self, transaction_uid: str) -> None:
        """Forget it: the archive did not take the request."""

    def awaited(
        self, destination: str, study_instance_uid: str, seconds: float
    ) -> Mapping[str, float]:
        """Instances whose answer may still come, and seconds since they were asked about."""

    def safe(self, destination: str, study_instance_uid: str) -> frozenset[str]:
        """Instances that an archive has committed to."""

    def is_answered(self, transaction_uid: str) -> bool:
        """Whether the archive has reported."""

    def report(self, transaction_uid: str, committed: Collection[str]) -> bool:
        """Take a report; false when nobody asked."""


class CommitmentRequests:
    """Asks, and takes the reports of any association; for any thread."""

    def __init__(self, ledger: CommitmentLedger) -> None:
        self.ledger = ledger
        self._waiting: dict[str, threading.Event] = {}

    def handle_report(self, event: Event) -> Answer:
        """Take an N-EVENT-REPORT. It is durable when it is answered."""
        request: Any = event.request
        if request.EventTypeID not in _RESULTS:
            return status(Status.NO_SUCH_EVENT_TYPE, "only event types 1 and 2 are known"), None
        try:
            told = event.event_information
            uid = str(told.get("TransactionUID", ""))
            committed = frozenset(_uids(told.get("ReferencedSOPSequence")))
            failed = frozenset(_uids(told.get("FailedSOPSequence")))
        except Exception:  # whatever it holds, the peer must hear of it
            return status(Status.PROCESSING_FAILURE, "the report cannot be read"), None
        try:
            is_known = self.ledger.report(uid, committed - failed)
        except Exception as error:  # the archive tells it again
            return failure(error, COMMITMENT, peer_of(event)), None
        if not is_known:
            return status(Status.INVALID_ARGUMENT_VALUE, "the Transaction UID is unknown"), None
        waiting = self._waiting.get(uid)
        if waiting is not None:
            waiting.set()
        return Status.SUCCESS, None

    def ask(
        self,
        association: Association,
        destination: str,
        instances: Sequence[FoundInstance],
        seconds: float,
        shown_as: str = "",
    ) -> None:
        """Ask for instances of one study under a new Transaction UID; wait a while for the result.

        Raises TransportError when the archive refuses the request.
        """
        uids = [each.sop_instance_uid for each in instances]
        with self._transaction() as (uid, reported):
            self.ledger.open(uid, destination, instances[0].study_instance_uid, uids, shown_as)
            try:
                answer, _ = association.send_n_action(
                    _information(uid, instances),
                    _REQUEST,
                    STORAGE_COMMITMENT,
                    STORAGE_COMMITMENT_INSTANCE,
                )
            except (ValueError, RuntimeError):  # no context was accepted: it was not asked
                self.ledger.withdraw(uid)
                raise
            if "Status" in answer and answer.Status == Status.SUCCESS:
                self._wait(uid, reported, seconds)
                return
            said = "no answer"
            if "Status" in answer:  # without one, the archive may have heard the request
                said = f"{answer.Status:04X}"
                self.ledger.withdraw(uid)
            raise TransportError(f"storage commitment was answered with {said}", permanent=False)

    def _wait(self, uid: str, reported: threading.Event, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if reported.wait(min(left, _LOOK_SECONDS)) or self.ledger.is_answered(uid):
                return

    @contextmanager
    def _transaction(self) -> Iterator[tuple[str, threading.Event]]:
        uid, reported = f"2.25.{uuid.uuid4().int}", threading.Event()
        self._waiting[uid] = reported
        try:
            yield uid, reported
        finally:
            del self._waiting[uid]


def _information(uid: str, instances: Sequence[FoundInstance]) -> Dataset:
    asked = Dataset()
    asked.TransactionUID = uid
    items = []
    for each in instances:
        item = Dataset()
        item.ReferencedSOPClassUID = each.sop_class_uid
        item.ReferencedSOPInstanceUID = each.sop_instance_uid
        items.append(item)
    asked.ReferencedSOPSequence = items
    return asked


def _uids(items: Any) -> Iterator[str]:
    return (str(item.ReferencedSOPInstanceUID) for item in items or ())
