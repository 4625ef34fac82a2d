"""The bridge's application entity: one listener for Verification, Worklist, MPPS and Storage."""

from __future__ import annotations

import logging
import resource
import socket
from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom import AE, _config, association, evt, transport
from pynetdicom.dimse_messages import _COMMAND_SET_KEYWORDS
from pynetdicom.dimse_primitives import N_CREATE
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.transport import ThreadedAssociationServer

from bridge.dicom.admission import Admission
from bridge.dicom.availability import AvailabilityProvider
from bridge.dicom.commitment import CommitmentProvider, CommitmentService
from bridge.dicom.commitment_scu import CommitmentRequests
from bridge.dicom.configuration import DicomConfiguration
from bridge.dicom.connection import (
    Limits,
    Moments,
    Polling,
    end_associations,
    give_up,
    open_connection,
)
from bridge.dicom.hearing import hearing
from bridge.dicom.mpps import PerformedStepProvider, PerformedStepRecorder
from bridge.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION
from bridge.dicom.query_retrieve import ImageSource, QueryRetrieveProvider
from bridge.dicom.retrieval import RetrieveProvider
from bridge.dicom.shared_port import start_sharing
from bridge.dicom.sop_classes import (
    FIND,
    GET,
    INSTANCE_AVAILABILITY,
    MODALITY_WORKLIST,
    MOVE,
    PERFORMED_STEP,
    PERFORMED_STEP_RETRIEVE,
    STORAGE_COMMITMENT,
    VERIFICATION,
)
from bridge.dicom.statuses import Status, status
from bridge.dicom.storage import InstanceReceiver, StorageProvider
from bridge.dicom.stored_file import prepare_library
from bridge.dicom.worklist import WorklistProvider, WorklistSource
from bridge.services.watch_links import LinkTally

# Explicit VR first: stored answers need no conversion for it.
_WORKLIST_SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
_PLAIN_SYNTAXES = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
]

_WITH_ROLES = (
    FIND
    | MOVE
    | GET
    | {
        INSTANCE_AVAILABILITY,
        PERFORMED_STEP,
        PERFORMED_STEP_RETRIEVE,
        MODALITY_WORKLIST,
        STORAGE_COMMITMENT,
        VERIFICATION,
    }
)

# Files open for each connection, and for everything else in this process.
_OF_A_CONNECTION, _OTHERS = 4, 512

_ATTRIBUTE_LIST = "AttributeIdentifierList"

_log = logging.getLogger(__name__)


class DicomServer:
    """Listens for associations, each served by threads of its own."""

    def __init__(  # noqa: PLR0913 - what each service needs
        self,
        configuration: DicomConfiguration,
        *,
        worklist: WorklistSource,
        instances: InstanceReceiver,
        performed_steps: PerformedStepRecorder,
        images: ImageSource,
        commitment: CommitmentService,
        availability: AvailabilityProvider | None = None,
        commitment_requests: CommitmentRequests | None = None,
        tally: LinkTally | None = None,
    ) -> None:
        self._configuration = configuration
        self._worklist = WorklistProvider(configuration, worklist)
        self._availability = availability
        self._commitment_requests = commitment_requests
        self._commitment = CommitmentProvider(commitment)
        self._query_retrieve = QueryRetrieveProvider(configuration, images)
        self._retrieval = RetrieveProvider(configuration, images)
        self._performed_steps = PerformedStepProvider(configuration, performed_steps)
        self._entity = application_entity(configuration)
        self._hearing = hearing(tally) if tally is not None else []
        self._admission = Admission(configuration, give_up)
        self._storage = StorageProvider(instances, self._admission.stores)
        self._server: ThreadedAssociationServer | None = None

    @property
    def port(self) -> int:
        """The port that is listened on, also when the configuration left it open."""
        return self._server.server_address[1] if self._server else self._configuration.port

    def start(self) -> None:
        """Begin to listen.

        Raises:
            OSError: the address cannot be had.
        """
        _prepare_library()
        _allow_descriptors(_OF_A_CONNECTION * 2 * self._configuration.max_associations + _OTHERS)
        address = (self._configuration.host, self._configuration.port)
        if self._configuration.shares_port:
            self._server = start_sharing(self._entity, address, self._handlers())
        else:
            self._server = self._entity.start_server(
                address, block=False, evt_handlers=self._handlers()
            )
        # The library's backlog of 5 makes modalities wait seconds when several connect at once.
        if self._server is not None and self._server.socket is not None:
            self._server.socket.listen(socket.SOMAXCONN)
        _log.info("DICOM listening", extra={"host": address[0], "port": self.port})

    def stop(self, grace: float = 5.0) -> None:
        """Stop listening, let requests under way be answered for `grace` seconds, then abort."""
        if self._server is not None:
            self._server.shutdown()
            self._server = None
        end_associations(self._entity.active_associations, grace)
        self._retrieval.close()

    def _answer_extended(self, event: Event) -> dict[str, bytes]:
        """Answer SOP Class Extended Negotiation (PS3.7 D.3.3.5) for the classes that have any."""
        offers: dict[Any, bytes] = getattr(event, "app_info", {})
        offered = {str(uid): bytes(said) for uid, said in offers.items()}
        answers = {
            MODALITY_WORKLIST: self._worklist.negotiate(event, offered.get(MODALITY_WORKLIST, b""))
        }
        return {uid: said for uid, said in answers.items() if said is not None}

    def _handle_find(self, event: Event) -> Iterator[tuple[int | Dataset, None]]:
        request: Any = event.request
        is_worklist = str(request.AffectedSOPClassUID) == MODALITY_WORKLIST
        provider = self._worklist if is_worklist else self._query_retrieve
        return provider.handle_find(event)

    def _handle_create(self, event: Event) -> tuple[int | Dataset, Dataset | None]:
        request: Any = event.request
        if str(request.AffectedSOPClassUID) == INSTANCE_AVAILABILITY:
            if self._availability is None:
                return status(Status.PROCESSING_FAILURE, "notifications are not taken here"), None
            return self._availability.handle_create(event)
        return self._performed_steps.handle_create(event)

    def _handlers(self) -> list[evt.EventHandlerType]:
        limits = Limits(
            idle_timeout=self._configuration.idle_timeout,
            maximum_message=self._configuration.maximum_message,
            spool=self._configuration.spool,
            room=self._configuration.room,
        )
        reports = self._commitment_requests
        return [
            (evt.EVT_CONN_OPEN, open_connection, [limits, self._admission]),
            (evt.EVT_CONN_OPEN, self._retrieval.take_over),
            (evt.EVT_REQUESTED, _answer_roles),
            (evt.EVT_SOP_EXTENDED, self._answer_extended),
            (evt.EVT_C_FIND, self._handle_find),
            (evt.EVT_C_STORE, self._storage.handle_store),
            (evt.EVT_N_CREATE, self._handle_create),
            (evt.EVT_N_SET, self._performed_steps.handle_set),
            (evt.EVT_N_GET, self._performed_steps.handle_get),
            (evt.EVT_N_ACTION, self._commitment.handle_action),
            *([(evt.EVT_N_EVENT_REPORT, reports.handle_report)] if reports else []),
            *self._hearing,
        ]


def application_entity(configuration: DicomConfiguration) -> AE:
    """The application entity: who it is, what it accepts beside storage, and its limits."""
    entity = AE(ae_title=configuration.ae_title)
    entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    entity.implementation_version_name = IMPLEMENTATION_VERSION
    entity.maximum_pdu_size = configuration.maximum_pdu
    entity.network_timeout = configuration.idle_timeout
    entity.add_supported_context(VERIFICATION, _PLAIN_SYNTAXES)
    entity.add_supported_context(MODALITY_WORKLIST, _WORKLIST_SYNTAXES)
    entity.add_supported_context(PERFORMED_STEP, _PLAIN_SYNTAXES)
    entity.add_supported_context(PERFORMED_STEP_RETRIEVE, _PLAIN_SYNTAXES)
    entity.add_supported_context(INSTANCE_AVAILABILITY, _PLAIN_SYNTAXES)
    entity.add_supported_context(STORAGE_COMMITMENT, _PLAIN_SYNTAXES)
    for uid in sorted(FIND | MOVE | GET):
        entity.add_supported_context(uid, _WORKLIST_SYNTAXES)
    return entity


def _allow_descriptors(wanted: int) -> None:
    """Let this process open as many files as its connections may need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if resource.RLIM_INFINITY in (soft, hard) else min(max(soft, wanted), hard)
    if soft not in (resource.RLIM_INFINITY, most):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < wanted:
        _log.warning("few files may be open", extra={"wanted": wanted, "allowed": most})


def _prepare_library() -> None:
    """Set pynetdicom's switches, which it has for the whole process.

    With an unrestricted storage service every SOP class that is not known to be something else,
    private ones included, is accepted for storage in the transfer syntax the peer prefers. The
    rest turns off what would decode and print every data set.
    """
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    library: Any = transport
    library.select = Polling()
    of_associations: Any = association
    of_associations.time = Moments()
    prepare_library()
    _name_attributes_of_creations()


def _name_attributes_of_creations() -> None:
    """Let N-CREATE responses carry Attribute Identifier List, as PS3.7 C.4 and C.5 allow.

    The library knows it for N-SET and N-GET only.
    """
    fields = _COMMAND_SET_KEYWORDS["N-CREATE-RSP"]
    if _ATTRIBUTE_LIST not in fields:
        _COMMAND_SET_KEYWORDS["N-CREATE-RSP"] = (*fields, _ATTRIBUTE_LIST)
        setattr(N_CREATE, _ATTRIBUTE_LIST, None)


def _answer_roles(event: Event) -> None:
    """Answer SCP/SCU Role Selection for what is not storage (PS3.7 D.3.3.4).

    With an unrestricted storage service pynetdicom answers for storage alone and forgets the
    others; PS3.4 F.2 demands the negotiation for MPPS.
    """
    for uid, item in event.assoc.requestor.role_selection.items():
        if uid in _WITH_ROLES:
            answer = SCP_SCU_RoleSelectionNegotiation()
            answer.sop_class_uid = uid
            answer.scu_role = bool(item.scu_role)
            # An archive that tells what it commits to is the provider (PS3.4 J.3.3).
            answer.scp_role = uid == STORAGE_COMMITMENT and bool(item.scp_role)
            event.assoc.acceptor.add_negotiation_item(answer)
