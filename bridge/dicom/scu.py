"""Service class user: asking other application entities. For the simulators and the commands."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.transport import AssociationSocket

from bridge.dicom.sop_classes import MODALITY_WORKLIST, PERFORMED_STEP, VERIFICATION
from bridge.dicom.worklist_keys import STEP_TAGS
from bridge.domain.errors import BridgeError
from bridge.services.read_images import FoundInstance

_PENDING = frozenset({0xFF00, 0xFF01})
_SUCCESS = 0x0000
# An association proposes at most 128 contexts (PS3.8 9.3.2.2: odd numbers up to 255).
_MOST_CONTEXTS = 128
_POLL_SECONDS = 0.0001
_MOST_KINDS = 60  # of SOP class and transfer syntax: two contexts each, and some room
PLAIN = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))

# What a modality usually asks for of each level.
_RETURNED = (
    "AccessionNumber ReferringPhysicianName PatientName PatientID IssuerOfPatientID "
    "PatientBirthDate PatientSex PatientWeight MedicalAlerts Allergies PregnancyStatus "
    "StudyInstanceUID RequestingPhysician RequestedProcedureDescription "
    "RequestedProcedureCodeSequence AdmissionID RequestedProcedureID RequestedProcedurePriority"
)
_RETURNED_OF_STEP = (
    "Modality ScheduledStationAETitle ScheduledProcedureStepStartDate "
    "ScheduledProcedureStepStartTime ScheduledPerformingPhysicianName "
    "ScheduledProcedureStepDescription ScheduledProtocolCodeSequence ScheduledProcedureStepID "
    "ScheduledStationName ScheduledProcedureStepLocation ScheduledProcedureStepStatus"
)


class PeerUnavailable(BridgeError):
    """The peer cannot be reached, or refuses the association."""

    permanent = False


class RequestFailed(BridgeError):
    """The peer answered with a status other than Success, or not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """An application entity to call, and the title to call it under.

    `timeout` is how long it may take over an answer, in seconds.
    """

    ae_title: str
    host: str
    port: int
    calling_ae_title: str = "BRIDGE"
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one instance that was sent."""

    sop_instance_uid: str
    status: int
    comment: str = ""


def echo(remote: Remote) -> None:
    """Verify that a peer answers (C-ECHO).

    Raises:
        PeerUnavailable: it does not.
        RequestFailed: it answers with a failure.
    """
    with associated(remote, [build_context(VERIFICATION)]) as association:
        _check(association.send_c_echo())


def find_worklist(remote: Remote, matching: Mapping[str, str]) -> Iterator[Dataset]:
    """Query a worklist: keywords of either level with the text to match.

    Raises:
        PeerUnavailable: the peer cannot be asked.
        RequestFailed: it answers with a failure.
    """
    with associated(remote, [build_context(MODALITY_WORKLIST)]) as association:
        for status, item in association.send_c_find(worklist_keys(matching), MODALITY_WORKLIST):
            if item is None or "Status" not in status or status.Status not in _PENDING:
                _check(status)
                return
            yield item


def worklist_keys(matching: Mapping[str, str]) -> Dataset:
    """Make an Identifier that matches as told and asks for what modalities usually ask for."""
    root, step = Dataset(), Dataset()
    for keyword in dict.fromkeys((*_RETURNED.split(), *_RETURNED_OF_STEP.split(), *matching)):
        is_of_step = tag_for_keyword(keyword) in STEP_TAGS
        _set(step if is_of_step else root, keyword, matching.get(keyword, ""))
    root.ScheduledProcedureStepSequence = [step]
    if not all(text.isascii() for text in matching.values()):
        root.SpecificCharacterSet = "ISO_IR 192"
    return root


def store(remote: Remote, instances: Iterable[Dataset | Path]) -> list[Stored]:
    """Send instances over one association, each in its own transfer syntax.

    Raises:
        PeerUnavailable: the peer cannot be reached or takes none of them.
    """
    datasets = [dcmread(each) if isinstance(each, Path) else each for each in instances]
    kinds = {(each.SOPClassUID, each.file_meta.TransferSyntaxUID) for each in datasets}
    contexts = [build_context(*kind) for kind in sorted(kinds)[:_MOST_CONTEXTS]]
    with associated(remote, contexts) as association:
        return [_stored(association, each) for each in datasets]


def create_performed_step(remote: Remote, sop_instance_uid: str, attributes: Dataset) -> None:
    """Tell that a procedure step has begun (MPPS N-CREATE).

    Raises:
        PeerUnavailable: the peer cannot be told.
        RequestFailed: it answers with a failure.
    """
    with associated(remote, [build_context(PERFORMED_STEP)]) as association:
        _check(association.send_n_create(attributes, PERFORMED_STEP, sop_instance_uid)[0])


def set_performed_step(remote: Remote, sop_instance_uid: str, changes: Dataset) -> None:
    """Tell how a procedure step went on (MPPS N-SET).

    Raises:
        PeerUnavailable: the peer cannot be told.
        RequestFailed: it answers with a failure.
    """
    with associated(remote, [build_context(PERFORMED_STEP)]) as association:
        _check(association.send_n_set(changes, PERFORMED_STEP, sop_instance_uid)[0])


@contextmanager
def associated(
    remote: Remote,
    contexts: Sequence[PresentationContext],
    roles: Sequence[Any] = (),
    handlers: Sequence[evt.EventHandlerType] = (),
) -> Iterator[Association]:
    """Hold an association, released at the end; `roles` are those of SCP/SCU role selection.

    Raises:
        PeerUnavailable: none can be had.
    """
    entity = AE(ae_title=remote.calling_ae_title)
    entity.acse_timeout = entity.dimse_timeout = entity.connection_timeout = remote.timeout
    entity.network_timeout = None  # what we wait for has limits of its own
    _close_whatever_opened()
    association = entity.associate(
        remote.host,
        remote.port,
        contexts=list(contexts),
        ae_title=remote.ae_title,
        ext_neg=list(roles) or None,
        evt_handlers=[(evt.EVT_CONN_OPEN, _open_promptly), *handlers],
    )
    try:
        if not association.is_established:
            reason = "refuses the association" if association.is_rejected else "cannot be reached"
            raise PeerUnavailable(f"{remote.ae_title} at {remote.host}:{remote.port} {reason}")
        yield association
    finally:
        association.release()


@contextmanager
def paused(association: Association) -> Iterator[None]:
    """Keep the association's own thread from taking the answer, as the library does itself."""
    library: Any = association
    library._reactor_checkpoint.clear()
    try:
        while not library._is_paused and library.is_alive() and library.is_established:
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        library._reactor_checkpoint.set()


def contexts_for(instances: Sequence[FoundInstance]) -> list[PresentationContext]:
    """One context per SOP class and stored transfer syntax; plain ones may also go as the other.

    For what is compressed a second one, uncompressed: a peer may not take it as it is.
    """
    kinds = dict.fromkeys((each.sop_class_uid, each.transfer_syntax_uid) for each in instances)
    contexts = []
    for sop_class, syntax in kinds:
        offered = [syntax, *(each for each in PLAIN if each != syntax)]
        contexts.append(build_context(sop_class, offered if syntax in PLAIN else [syntax]))
    compressed = dict.fromkeys(sop_class for sop_class, syntax in kinds if syntax not in PLAIN)
    contexts += [build_context(each, list(PLAIN)) for each in compressed]
    return contexts[:_MOST_CONTEXTS]


def in_associations(instances: Sequence[FoundInstance]) -> list[list[FoundInstance]]:
    """The instances in as many associations as their kinds need contexts."""
    kinds = dict.fromkeys((each.sop_class_uid, each.transfer_syntax_uid) for each in instances)
    number = {kind: place // _MOST_KINDS for place, kind in enumerate(kinds)}
    groups: dict[int, list[FoundInstance]] = {}
    for each in instances:
        place = number[each.sop_class_uid, each.transfer_syntax_uid]
        groups.setdefault(place, []).append(each)
    return list(groups.values())


def _open_promptly(event: Event) -> None:
    """Turn Nagle's algorithm off: it holds back the data set until the command is acknowledged."""
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # One that stops reading, or stops in the middle of a PDU, is given up.
        connection.socket.settimeout(event.assoc.dimse_timeout)


def _close_whatever_opened() -> None:
    """Let the library close its sockets: its own way leaves open what the peer was faster with.

    It gives up when a shutdown fails, as it does for one that was never connected, too.
    """

    def close(connection: AssociationSocket) -> None:
        if connection.socket is not None:
            with suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)
            connection.socket.close()

    library: Any = AssociationSocket
    library._shutdown_socket = close


def _check(status: Dataset) -> None:
    if "Status" not in status:
        raise RequestFailed("the peer did not answer", permanent=False)
    if status.Status != _SUCCESS:
        comment = str(status.get("ErrorComment", ""))
        raise RequestFailed(f"status {status.Status:04X} {comment}".strip())


def _stored(association: Association, instance: Dataset) -> Stored:
    uid = str(instance.SOPInstanceUID)
    try:
        status = association.send_c_store(instance)
    except (ValueError, AttributeError, RuntimeError) as error:
        return Stored(uid, 0xC000, str(error))
    comment = str(status.get("ErrorComment", ""))
    return Stored(uid, int(status.get("Status", 0xC000)), comment or "")


def _set(level: Dataset, keyword: str, text: str) -> None:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise RequestFailed(f"{keyword} is not a DICOM keyword")
    vr = dictionary_VR(tag)
    value: object = [] if vr == "SQ" else text or None
    # Keys may hold wildcards and ranges that values may not.
    level.add(DataElement(tag, vr, value, validation_mode=IGNORE))
