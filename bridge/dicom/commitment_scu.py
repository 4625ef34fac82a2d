"""Storage Commitment Push Model as SCU (PS3.4 Annex J): an archive is asked to promise images.

The result may come on the association of the request, or on one that the archive opens (J.3.3).
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom.association import Association
from pynetdicom.events import Event

from bridge.dicom.sop_classes import STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
from bridge.dicom.statuses import Status, status
from bridge.domain.commitment import InstanceReference
from bridge.domain.delivery import TransportError

_REQUEST = 1  # Action Type ID
_RESULTS = frozenset({1, 2})  # Event Type ID: all kept, failures exist

Answer = tuple[int | Dataset, None]


class _Asked:
    """One request: what of it is committed, once that is known."""

    def __init__(self) -> None:
        self.answered = threading.Event()
        self.committed: frozenset[str] = frozenset()
        self.failed: dict[str, int] = {}


class CommitmentRequests:
    """The requests that wait for their results, by Transaction UID; for any thread."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Asked] = {}

    def handle_report(self, event: Event) -> Answer:
        """Take an N-EVENT-REPORT. One that nobody waits for any more is asked for anew."""
        request: Any = event.request
        if request.EventTypeID not in _RESULTS:
            return status(Status.NO_SUCH_EVENT_TYPE, "only event types 1 and 2 are known"), None
        try:
            told = event.event_information
            uid = str(told.get("TransactionUID", ""))
            committed = frozenset(_uids(told.get("ReferencedSOPSequence")))
            failed = {
                str(item.ReferencedSOPInstanceUID): int(item.get("FailureReason", 0))
                for item in told.get("FailedSOPSequence") or ()
            }
        except Exception:  # whatever it holds, the peer must hear of it
            return status(Status.PROCESSING_FAILURE, "the report cannot be read"), None
        asked = self._waiting.get(uid)
        if asked is None:
            return status(Status.INVALID_ARGUMENT_VALUE, "the Transaction UID is unknown"), None
        asked.committed, asked.failed = committed - failed.keys(), failed
        asked.answered.set()
        return Status.SUCCESS, None

    def ask(
        self, association: Association, references: Iterable[InstanceReference], seconds: float
    ) -> tuple[frozenset[str], dict[str, int]]:
        """Ask under a new Transaction UID, and wait for the result.

        Returns the SOP Instance UIDs that are committed, and the failure reason of others. Raises
        TransportError when the archive refuses the request or says nothing in time.
        """
        with self._transaction() as (uid, asked):
            answer, _ = association.send_n_action(
                _information(uid, references),
                _REQUEST,
                STORAGE_COMMITMENT,
                STORAGE_COMMITMENT_INSTANCE,
            )
            if "Status" not in answer or answer.Status != Status.SUCCESS:
                said = f"{answer.Status:04X}" if "Status" in answer else "no answer"
                raise TransportError(
                    f"storage commitment was answered with {said}", permanent=False
                )
            if not asked.answered.wait(seconds):
                raise TransportError(
                    "storage is not committed to yet", permanent=False, doubtful=False
                )
            return asked.committed, asked.failed

    @contextmanager
    def _transaction(self) -> Iterator[tuple[str, _Asked]]:
        uid, asked = f"2.25.{uuid.uuid4().int}", _Asked()
        self._waiting[uid] = asked
        try:
            yield uid, asked
        finally:
            del self._waiting[uid]


def _information(uid: str, references: Iterable[InstanceReference]) -> Dataset:
    asked = Dataset()
    asked.TransactionUID = uid
    items = []
    for each in references:
        item = Dataset()
        item.ReferencedSOPClassUID = each.sop_class_uid
        item.ReferencedSOPInstanceUID = each.sop_instance_uid
        items.append(item)
    asked.ReferencedSOPSequence = items
    return asked


def _uids(items: Any) -> Iterator[str]:
    return (str(item.ReferencedSOPInstanceUID) for item in items or ())
