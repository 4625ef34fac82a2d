"""C-MOVE and C-GET as SCP (PS3.4 C.4.2 and C.4.3): instances are sent where they are wanted.

The library's own service holds each instance in memory, tells receivers the wrong originator, and
answers much with one status; it is left out here, from the request to the final response.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from typing import Any

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_GET_RSP, C_MOVE_RSP
from pynetdicom.dimse_primitives import C_GET, C_MOVE
from pynetdicom.events import Event
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.presentation import PresentationContext

from bridge.dicom.configuration import DicomConfiguration
from bridge.dicom.elements import read
from bridge.dicom.encoding import IMPLICIT_LITTLE
from bridge.dicom.pixels.pool import PixelPool
from bridge.dicom.query_retrieve import ImageSource
from bridge.dicom.scu import PeerUnavailable, Remote, associated, contexts_for, in_associations
from bridge.dicom.sop_classes import GET, MOVE, PATIENT_ROOT
from bridge.dicom.statuses import RETRIEVAL, Status, failure, status
from bridge.dicom.store_request import AssociationLost, Originator, StoreRequests, write
from bridge.dicom.study_query import read_retrieval
from bridge.domain.errors import DataTypeError, ResourceBusy, UnknownDestination
from bridge.services.read_images import FoundInstance

_MOST_SUBOPERATIONS = 65_535  # their counts are US
_LONGEST_UIDS = 65_534  # bytes of a value in Explicit VR

_log = logging.getLogger(__name__)

Request = C_MOVE | C_GET
Serve = Callable[[Any, int], None]


@dataclass(slots=True)
class Suboperations:
    """How far a retrieval has come."""

    remaining: int
    completed: int = 0
    warned: int = 0
    failed: list[str] = field(default_factory=list)

    def fail(self, instances: Sequence[FoundInstance]) -> None:
        """Count instances that the receiver does not have."""
        self.failed += [each.sop_instance_uid for each in instances]
        self.remaining -= len(instances)

    def take(self, *, is_warning: bool) -> None:
        """Count an instance that it has."""
        self.completed += not is_warning
        self.warned += is_warning
        self.remaining -= 1

    @property
    def outcome(self) -> Status:
        """The final status once none remains (PS3.4 tables C.4-2 and C.4-3)."""
        if not self.failed and not self.warned:
            return Status.SUCCESS
        has_arrived = self.completed or self.warned
        return Status.SUBOPERATIONS_FAILED if has_arrived else Status.UNABLE_TO_PERFORM


class RetrieveProvider:
    """Serves retrievals on the associations that it has taken over."""

    def __init__(self, configuration: DicomConfiguration, images: ImageSource) -> None:
        self._configuration = configuration
        self._images = images
        self._pixels = PixelPool(workers=1)

    def close(self) -> None:
        """End what decodes images."""
        self._pixels.close()

    def take_over(self, event: Event) -> None:
        """Serve the retrievals of an association; for EVT_CONN_OPEN, before it reads anything."""
        library: Any = event.assoc
        library._serve_request = partial(self._serve, library, library._serve_request)

    def _serve(self, association: Any, others: Serve, request: Any, context_id: int) -> None:
        context = association._accepted_cx.get(context_id)
        abstract_syntax = context.abstract_syntax if context else ""
        is_move = isinstance(request, C_MOVE) and abstract_syntax in MOVE
        is_get = isinstance(request, C_GET) and abstract_syntax in GET
        if not request.is_valid_request or not (is_move or is_get):
            others(request, context_id)
            return
        association.dimse.cancel_req = {}
        association._is_paused = True  # as the library has it while it serves
        try:
            self._answer(_Retrieval(association, request, context))
        except AssociationLost as error:
            _log.warning("a retrieval ended early", extra={"reason": error.message})
        except Exception as error:
            _log.error("unforeseen error in a retrieval", exc_info=error)
            association.abort(block=False)
        finally:
            association._is_paused = False
            association.dimse.cancel_req = {}

    def _answer(self, retrieval: _Retrieval) -> None:
        try:
            found = self._found(retrieval)
            destination = self._destination(retrieval)
        except Exception as error:  # whatever it is, the peer must hear of it
            retrieval.respond(failure(error, RETRIEVAL, retrieval.peer))
            return
        counts = Suboperations(remaining=len(found))
        if destination is None:
            self._get(retrieval, found, counts)
        else:
            self._move(retrieval, destination, found, counts)
        if retrieval.is_cancelled and counts.remaining:
            retrieval.respond(status(Status.CANCEL), counts)
        else:
            retrieval.respond(status(counts.outcome), counts)

    def _found(self, retrieval: _Retrieval) -> Sequence[FoundInstance]:
        identifier = retrieval.request.Identifier
        content = bytes(identifier.getvalue()) if identifier is not None else b""
        if not content:
            raise DataTypeError("the retrieval has no Identifier")
        dataset = read(content, retrieval.transfer_syntax)
        is_of_patients = str(retrieval.context.abstract_syntax) in PATIENT_ROOT
        query = read_retrieval(dataset, patient_root=is_of_patients)
        found = self._images.instances(replace(query, limit=_MOST_SUBOPERATIONS + 1))
        if len(found) > _MOST_SUBOPERATIONS:
            raise ResourceBusy(f"more than {_MOST_SUBOPERATIONS} instances: ask for fewer at once")
        return found

    def _destination(self, retrieval: _Retrieval) -> Remote | None:
        """Where C-MOVE wants the instances; None for C-GET. Raises UnknownDestination."""
        if not isinstance(retrieval.request, C_MOVE):
            return None
        title = str(retrieval.request.MoveDestination).strip()
        peer = self._configuration.peers_by_title.get(title)
        if peer is None or not peer.host or not peer.port:
            raise UnknownDestination("the move destination is no peer with an address")
        return Remote(
            ae_title=title,
            host=peer.host,
            port=peer.port,
            calling_ae_title=self._configuration.ae_title,
        )

    def _get(
        self, retrieval: _Retrieval, found: Sequence[FoundInstance], counts: Suboperations
    ) -> None:
        requests = StoreRequests(
            retrieval.association, self._pixels, message_id=retrieval.message_id
        )
        self._send(retrieval, requests, list(reversed(found)), counts)

    def _move(
        self,
        retrieval: _Retrieval,
        destination: Remote,
        found: Sequence[FoundInstance],
        counts: Suboperations,
    ) -> None:
        for group in in_associations(found):
            waiting = list(reversed(group))
            try:
                while waiting and retrieval.goes_on:
                    with associated(destination, contexts_for(group)) as receiver:
                        requests = StoreRequests(
                            receiver,
                            self._pixels,
                            message_id=retrieval.message_id,
                            originator=Originator(retrieval.caller, retrieval.message_id),
                        )
                        self._send(retrieval, requests, waiting, counts)
            except (PeerUnavailable, AssociationLost) as error:
                _log.warning("a move ended early", extra={"reason": error.message})
                if not retrieval.association.is_established:
                    raise
                counts.fail(waiting)

    def _send(
        self,
        retrieval: _Retrieval,
        requests: StoreRequests,
        waiting: list[FoundInstance],
        counts: Suboperations,
    ) -> None:
        """Send what waits, the last first, as long as the receiver is there and nobody cancels."""
        while waiting and retrieval.goes_on and requests.is_open:
            instance = waiting[-1]
            try:
                answer = requests.send(instance, self._images.open(instance))
            except AssociationLost:
                raise
            except Exception as error:  # this one cannot be had or decoded: it fails alone
                _log.warning("an instance was not sent", extra={"reason": repr(error)})
                counts.fail([instance])
            else:
                if answer.is_taken:
                    counts.take(is_warning=answer.is_warning)
                else:
                    _log.warning("an instance was refused", extra={"reason": str(answer)})
                    counts.fail([instance])
            waiting.pop()
            if waiting or counts.remaining:
                retrieval.respond(status(Status.PENDING), counts)


@dataclass(frozen=True, slots=True)
class _Retrieval:
    """One request, and the responses to it."""

    association: Association
    request: Any
    context: PresentationContext

    @property
    def message_id(self) -> int:
        return int(self.request.MessageID)

    @property
    def caller(self) -> str:
        return str(self.association.requestor.ae_title).strip()

    @property
    def peer(self) -> str:
        return f"{self.caller}@{self.association.requestor.address}"

    @property
    def transfer_syntax(self) -> str:
        return str(self.context.transfer_syntax[0])

    @property
    def is_cancelled(self) -> bool:
        return self.message_id in self.association.dimse.cancel_req

    @property
    def goes_on(self) -> bool:
        """Whether whoever asked is still there and still wants it. Raises AssociationLost."""
        if not self.association.is_established:
            raise AssociationLost("who asked for a retrieval has gone")
        return not self.is_cancelled

    def respond(self, said: Dataset, counts: Suboperations | None = None) -> None:
        """Send a response; past the library's queue, for sub-operations use the same connection.

        Raises AssociationLost.
        """
        is_move = isinstance(self.request, C_MOVE)
        response: Any = C_MOVE() if is_move else C_GET()
        response.MessageIDBeingRespondedTo = self.message_id
        response.AffectedSOPClassUID = self.request.AffectedSOPClassUID
        response.Status = said.Status
        if "ErrorComment" in said:
            response.ErrorComment = said.ErrorComment
        if counts is not None:
            self._count(response, counts)
        message = C_MOVE_RSP() if is_move else C_GET_RSP()
        message.primitive_to_message(response)
        most = self.association.requestor.maximum_length or 0
        parts = message.encode_msg(self.context.context_id or 0, most)
        write(self.association, (P_DATA_TF(each).encode() for each in parts))

    def _count(self, response: Any, counts: Suboperations) -> None:
        if response.Status in (Status.PENDING, Status.CANCEL):
            response.NumberOfRemainingSuboperations = counts.remaining
        response.NumberOfCompletedSuboperations = counts.completed
        response.NumberOfFailedSuboperations = len(counts.failed)
        response.NumberOfWarningSuboperations = counts.warned
        if counts.failed and response.Status != Status.PENDING:
            response.Identifier = BytesIO(_failed_list(counts.failed, self.transfer_syntax))


def _failed_list(uids: Sequence[str], transfer_syntax: str) -> bytes:
    """Failed SOP Instance UID List (0008,0058), as many as a value can hold."""
    implicit = transfer_syntax == IMPLICIT_LITTLE
    room = _LONGEST_UIDS
    shown: list[str] = []
    for uid in uids:
        room -= len(uid) + 1
        if room < 0 and not implicit:
            _log.warning("more instances failed than a response can name: %s", len(uids))
            break
        shown.append(uid)
    identifier = Dataset()
    identifier.FailedSOPInstanceUIDList = shown
    target = DicomBytesIO()
    target.is_implicit_VR, target.is_little_endian = implicit, True
    write_dataset(target, identifier)
    return target.getvalue()
