"""Passing performed steps on as they came (PS3.4 Annex F as SCU): to a RIS, another manager."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import BytesIO
from typing import Any, Protocol

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import N_CREATE, N_SET
from pynetdicom.presentation import PresentationContext, build_context

from bridge.dicom.destination import DicomDestination
from bridge.dicom.performed_step_report import sniffed
from bridge.dicom.performed_step_state import parsed, written
from bridge.dicom.scu import PeerUnavailable, Remote, associated, paused
from bridge.dicom.sop_classes import PERFORMED_STEP
from bridge.dicom.statuses import NO_LONGER_UPDATABLE, Status
from bridge.domain.delivery import Delivery, EventKind, RetryPolicy, Sent, TransportError
from bridge.domain.errors import BridgeError
from bridge.domain.performed_step import Operation, PerformedStepMessage
from bridge.services.forward_performed_steps import Untold

_PLAIN = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")
_WARNINGS = frozenset({0x0001, 0x0107, 0x0116}) | frozenset(range(0xB000, 0xC000))
TRANSIENT = frozenset({Status.PROCESSING_FAILURE, Status.RESOURCE_LIMITATION})
"""Failures after which the same may succeed; every other one is for good."""


class Progress(Protocol):
    """Remembers how far a destination was told (services.forward_performed_steps)."""

    def sending(self, destination: str, sop_instance_uid: str, number: int) -> None:
        """Keep, durably, that a message goes out."""

    def taken(self, destination: str, sop_instance_uid: str, number: int) -> None:
        """Keep, durably, that a message was taken."""


class PerformedStepDestination(DicomDestination):
    """One application entity that is told of performed steps, in the words of the modality."""

    def __init__(
        self, *, name: str, remote: Remote, retry: RetryPolicy, progress: Progress
    ) -> None:
        super().__init__(name=name, remote=remote, retry=retry)
        self._progress = progress

    def accepts(self, kind: EventKind) -> bool:
        """Only performed steps."""
        return kind is EventKind.PERFORMED_STEP

    def send(self, delivery: Delivery, untold: Untold, /) -> Sent:
        """Send what the peer was not told yet, in order, on one association.

        Each message that it takes is noted at once, so that none is sent again. Raises
        TransportError: to be tried again when the peer is away or cannot now, for good when it
        refuses a message; what comes after that one is not sent either.
        """
        told = []
        try:
            with associated(self._remote, _contexts(untold.messages)) as association:
                for message in untold.messages:
                    told.append(self._tell(association, untold, message))
        except PeerUnavailable as error:
            raise TransportError(error.message, permanent=False, unreachable=True) from error
        except TransportError:
            raise
        except BridgeError as error:
            raise TransportError(error.message, permanent=True) from error
        about = {"performed_step": untold.sop_instance_uid, "told": told}
        return Sent(request=json.dumps(about).encode(), response=b"0000")

    def _tell(self, association: Association, untold: Untold, message: PerformedStepMessage) -> str:
        uid, number = untold.sop_instance_uid, message.number
        self._progress.sending(self.name, uid, number)
        status = exchange(association, uid, message)
        if not _is_taken(status, message, in_doubt=untold.in_doubt == number):
            self._progress.sending(self.name, uid, 0)  # it said so: there is no doubt
            raise _refused(status, message)
        self._progress.taken(self.name, uid, number)
        return f"{message.operation.value} {number} {status.Status:04X}"


def _contexts(messages: Sequence[PerformedStepMessage]) -> list[PresentationContext]:
    """One context for each transfer syntax that messages are kept in, and for the plain ones."""
    syntaxes = (each.transfer_syntax_uid for each in messages if each.transfer_syntax_uid)
    return [build_context(PERFORMED_STEP, each) for each in dict.fromkeys((*syntaxes, *_PLAIN))]


def exchange(association: Association, uid: str, message: PerformedStepMessage) -> Dataset:
    """Send one message and wait for its answer.

    The library would take the data set apart and put it together again: what came goes out byte by
    byte, where the peer accepts its transfer syntax.
    """
    accepted = {str(each.transfer_syntax[0]): each for each in association.accepted_contexts}
    if not accepted:
        raise TransportError("the peer does not take performed steps", permanent=True)
    kept_in = message.transfer_syntax_uid or sniffed(message.encoded)
    context = accepted.get(kept_in)
    data = message.encoded
    if context is None:
        context = next(iter(accepted.values()))
        data = written(parsed(data, kept_in), str(context.transfer_syntax[0]))
    answer = _answered(association, _request(uid, message.operation, data), context)
    if answer is None:
        raise TransportError("the peer did not answer", permanent=False)
    return answer


def _request(uid: str, operation: Operation, data: bytes) -> N_CREATE | N_SET:
    if operation is Operation.CREATE:
        creation = N_CREATE()
        creation.MessageID = 1
        creation.AffectedSOPClassUID = UID(PERFORMED_STEP)
        creation.AffectedSOPInstanceUID = UID(uid)
        creation.AttributeList = BytesIO(data)
        return creation
    change = N_SET()
    change.MessageID = 1
    change.RequestedSOPClassUID = UID(PERFORMED_STEP)
    change.RequestedSOPInstanceUID = UID(uid)
    change.ModificationList = BytesIO(data)
    return change


def _answered(
    association: Association, request: N_CREATE | N_SET, context: PresentationContext
) -> Dataset | None:
    """Send a request as the library does; None when no answer came."""
    library: Any = association  # what `send_n_create` does after it has encoded its data set
    if not association.is_established or context.context_id is None:
        return None
    with paused(association):
        association.dimse.send_msg(request, context.context_id)
        _, response = association.dimse.get_msg(block=True)
    if response is None:
        library._handle_no_response()
        return None
    status: Dataset = library._check_received_status(response)
    return status if "Status" in status else None


def _is_taken(status: Dataset, message: PerformedStepMessage, *, in_doubt: bool) -> bool:
    """Whether the peer has a message, now or from an earlier try whose answer was lost."""
    code = int(status.Status)
    if code == Status.SUCCESS or code in _WARNINGS:
        return True
    if message.operation is Operation.CREATE:
        return code == Status.DUPLICATE_SOP_INSTANCE
    final = code == Status.PROCESSING_FAILURE and status.get("ErrorID") == NO_LONGER_UPDATABLE
    return in_doubt and final


def _refused(status: Dataset, message: PerformedStepMessage) -> TransportError:
    code = int(status.Status)
    comment = str(status.get("ErrorComment", ""))
    final = status.get("ErrorID") == NO_LONGER_UPDATABLE
    said = f"{message.operation.value} {message.number} was answered with {code:04X} {comment}"
    return TransportError(
        said.strip(), permanent=code not in TRANSIENT or final, response=f"{code:04X}".encode()
    )
