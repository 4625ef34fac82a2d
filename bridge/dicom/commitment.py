"""Storage Commitment Push Model (PS3.4 Annex J): requests taken, results told when they can be."""

from __future__ import annotations

from typing import Any, Protocol

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pynetdicom.events import Event
from pynetdicom.presentation import build_context, build_role

from bridge.dicom.connection import calling_ae_title, peer_of
from bridge.dicom.destination import DicomDestination, as_transport_errors
from bridge.dicom.elements import DataSet, read
from bridge.dicom.scu import Remote, associated
from bridge.dicom.sop_classes import STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
from bridge.dicom.statuses import COMMITMENT, Status, failure, status
from bridge.domain.commitment import (
    CommitmentReport,
    CommitmentRequest,
    InstanceReference,
)
from bridge.domain.delivery import Delivery, EventKind, RetryPolicy, Sent, TransportError
from bridge.domain.errors import DataTypeError, RequiredFieldMissing

_REQUEST = 1  # Action Type ID
_ALL_KEPT, _FAILURES_EXIST = 1, 2  # Event Type ID
_RETRY = RetryPolicy(base=1.0, ceiling=900.0, attempts=200)

Answer = tuple[int | Dataset, Dataset | None]


class CommitmentService(Protocol):
    """What keeps requests: `services.commit_storage`."""

    def request(self, request: CommitmentRequest) -> None:
        """Keep a request; durable when it returns."""


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise LookupError(keyword)
    return tag


_TRANSACTION_UID, _REFERENCES = _tag("TransactionUID"), _tag("ReferencedSOPSequence")
_CLASS, _INSTANCE = _tag("ReferencedSOPClassUID"), _tag("ReferencedSOPInstanceUID")


class CommitmentProvider:
    """Answers N-ACTION requests; the result follows on an association of our own (J.3.3)."""

    def __init__(self, service: CommitmentService) -> None:
        self._service = service

    def handle_action(self, event: Event) -> Answer:
        """Take a request."""
        request: Any = event.request
        try:
            if request.ActionTypeID != _REQUEST:
                return status(Status.NO_SUCH_ACTION, "only action type 1 is known"), None
            content = request.ActionInformation
            data = read(content.getvalue() if content else b"", event.context.transfer_syntax)
            self._service.request(read_request(data, calling_ae_title(event)))
        except Exception as error:  # whatever it is, the peer must hear of it
            return failure(error, COMMITMENT, peer_of(event)), None
        return Status.SUCCESS, None


def read_request(data: DataSet, ae_title: str) -> CommitmentRequest:
    """Read the Action Information (table J.3-1).

    Raises:
        RequiredFieldMissing: it has no Transaction UID, or names no instance.
        DataTypeError: the sequence cannot be read.
    """
    uid = data.text(_TRANSACTION_UID)
    items = data.items(_REFERENCES) if _REFERENCES in data else ()
    references = tuple(InstanceReference(item.text(_CLASS), item.text(_INSTANCE)) for item in items)
    if not uid:
        raise RequiredFieldMissing("TransactionUID is missing", location="TransactionUID")
    if not references:
        raise RequiredFieldMissing("no instance is named", location="ReferencedSOPSequence")
    if not all(each.sop_class_uid and each.sop_instance_uid for each in references):
        raise DataTypeError("an instance has no class or no UID", location="ReferencedSOPSequence")
    return CommitmentRequest(transaction_uid=uid, ae_title=ae_title, references=references)


class CommitmentReports(DicomDestination):
    """Tells one application entity what is kept of what it asked for: a destination."""

    def __init__(self, *, name: str, remote: Remote) -> None:
        super().__init__(name=name, remote=remote, retry=_RETRY)

    def accepts(self, kind: EventKind) -> bool:
        """Only reports."""
        return kind is EventKind.STORAGE_COMMITMENT

    def send(self, delivery: Delivery, report: CommitmentReport, /) -> Sent:
        """Send the report of one request. Raises TransportError until the peer has taken it."""
        information = event_information(report, self._remote.calling_ae_title)
        kind = _FAILURES_EXIST if report.failures else _ALL_KEPT
        contexts = [build_context(STORAGE_COMMITMENT)]
        roles = [build_role(STORAGE_COMMITMENT, scu_role=False, scp_role=True)]
        with as_transport_errors(), associated(self._remote, contexts, roles) as association:
            answer, _ = association.send_n_event_report(
                information, kind, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
            )
        if "Status" not in answer or answer.Status != Status.SUCCESS:
            said = f"{answer.Status:04X}" if "Status" in answer else "no answer"
            raise TransportError(f"the report was answered with {said}", permanent=False)
        told = f"{len(report.committed)} kept, {len(report.failures)} not".encode()
        return Sent(request=information.to_json().encode(), response=told)


def event_information(report: CommitmentReport, retrieve_ae_title: str) -> Dataset:
    """Write the Event Information (table J.3-2)."""
    told = Dataset()
    told.TransactionUID = report.request.transaction_uid
    told.RetrieveAETitle = retrieve_ae_title
    if report.committed:
        told.ReferencedSOPSequence = [_reference(each) for each in report.committed]
    if report.failures:
        failed = []
        for each, reason in report.failures.items():
            item = _reference(each)
            item.FailureReason = int(reason)
            failed.append(item)
        told.FailedSOPSequence = failed
    return told


def _reference(instance: InstanceReference) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = instance.sop_class_uid
    item.ReferencedSOPInstanceUID = instance.sop_instance_uid
    return item
