"""The Query/Retrieve SCP (PS3.4 Annex C): C-FIND, C-MOVE and C-GET over what was received."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from io import BytesIO
from typing import Any, Protocol

from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.presentation import PresentationContext, build_context

from bridge.dicom.charsets import character_set
from bridge.dicom.configuration import DicomConfiguration
from bridge.dicom.connection import calling_ae_title, peer_of
from bridge.dicom.elements import DataSet, read
from bridge.dicom.encoding import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from bridge.dicom.native import as_native, is_native
from bridge.dicom.pixels.pool import PixelPool
from bridge.dicom.responses import identifier_bytes, send_pending
from bridge.dicom.scu import contexts_for, open_promptly
from bridge.dicom.sop_classes import PATIENT_ROOT
from bridge.dicom.statuses import QUERY, Status, failure, status
from bridge.dicom.stored_file import StoredFile
from bridge.dicom.study_answer import Found, encode
from bridge.dicom.study_query import (
    QueryLevel,
    StudyIdentifier,
    read_retrieval,
    read_study_identifier,
)
from bridge.dicom.worklist_answer import AnswerForm
from bridge.domain.errors import BridgeError
from bridge.services.content import Content
from bridge.services.read_images import (
    FoundInstance,
    FoundPatient,
    FoundSeries,
    FoundStudy,
    ImageQuery,
)

_MOST_SUBOPERATIONS = 65_535  # their counts are US
_PENDING = 0xFF00
_MOST_CONTEXTS = 128  # of one association (PS3.8 9.3.2.2)

_log = logging.getLogger(__name__)


class ImageSource(Protocol):
    """What finds and reads instances: `services.read_images`."""

    def patients(self, query: ImageQuery) -> Sequence[FoundPatient]:
        """Patients whose studies match."""

    def studies(self, query: ImageQuery) -> Sequence[FoundStudy]:
        """Studies that match."""

    def series(self, query: ImageQuery) -> Sequence[FoundSeries]:
        """Series that match."""

    def instances(self, query: ImageQuery) -> Sequence[FoundInstance]:
        """Instances that match."""

    def open(self, instance: FoundInstance) -> Content:
        """The DICOM file of an instance."""


class QueryRetrieveProvider:
    """Answers queries and sends what was asked for, to the caller or to a third."""

    def __init__(self, configuration: DicomConfiguration, images: ImageSource) -> None:
        self._configuration = configuration
        self._images = images
        self._pixels = PixelPool(workers=1)

    def close(self) -> None:
        """End what decodes images."""
        self._pixels.close()

    # --- C-FIND

    def handle_find(self, event: Event) -> Iterator[tuple[int | Dataset, None]]:
        """Send every match, then yield the final status unless it is Success."""
        try:
            outcome = self._find(event)
        except Exception as error:  # whatever it is, the peer must hear of it
            outcome = failure(error, QUERY, peer_of(event))
        if outcome is not None:
            yield outcome, None

    def _find(self, event: Event) -> int | Dataset | None:
        dataset = read(identifier_bytes(event), event.context.transfer_syntax)
        identifier = read_study_identifier(dataset, patient_root=_is_patient_root(event))
        limit = self._configuration.worklist_limit
        found = () if identifier.impossible else self._found(identifier, limit)
        form, title = self._form(event, identifier, dataset), self._configuration.ae_title
        encoded = (encode(each, identifier.level, title) for each in found[:limit])
        answers = (form.cut(each, ascii_only=each.isascii()) for each in encoded)
        if not send_pending(event, answers):
            return Status.CANCEL
        if len(found) > limit:
            return status(Status.OUT_OF_RESOURCES, f"only the first {limit} matches were sent")
        return None

    def _found(self, identifier: StudyIdentifier, limit: int) -> Sequence[Found]:
        """The matches at the level that was asked for, at most `limit` + 1."""
        finders: Mapping[QueryLevel, Callable[[ImageQuery], Sequence[Found]]] = {
            QueryLevel.PATIENT: self._images.patients,
            QueryLevel.STUDY: self._images.studies,
            QueryLevel.SERIES: self._images.series,
            QueryLevel.IMAGE: self._images.instances,
        }
        return finders[identifier.level](replace(identifier.query, limit=limit + 1))

    def _form(self, event: Event, identifier: StudyIdentifier, dataset: DataSet) -> AnswerForm:
        peer = self._configuration.peers_by_title.get(calling_ae_title(event))
        limited = peer.specific_character_set if peer else ""
        return AnswerForm(
            identifier.keys,
            implicit=event.context.transfer_syntax == IMPLICIT_LITTLE,
            configured=character_set(limited) if limited else None,
            requested=dataset.character_set,
            station="",
        )

    # --- C-MOVE and C-GET

    def handle_move(self, event: Event) -> Iterator[Any]:
        """Yield the destination, the number of instances, and each of them (pynetdicom's way)."""
        request: Any = event.request
        title = str(request.MoveDestination).strip()
        peer = self._configuration.peers_by_title.get(title)
        if peer is None or not peer.port:
            _log.warning("unknown move destination", extra={"peer": peer_of(event)})
            yield None, None  # A801: Move Destination unknown
            return
        found = self._wanted(event)
        opened: list[Association] = []
        handlers: list[Any] = [(evt.EVT_CONN_OPEN, _opened, [opened])]
        contexts = [*contexts_for(found), *_native_contexts(found)][:_MOST_CONTEXTS]
        yield peer.host, peer.port, {"contexts": contexts, "evt_handlers": handlers}
        yield from self._sent(event, found, opened)

    def handle_get(self, event: Event) -> Iterator[Any]:
        """Yield the number of instances, and each of them; refusals as the only result."""
        try:
            found = self._wanted(event)
        except BridgeError as error:
            yield 1
            yield failure(error, QUERY, peer_of(event)), None
            return
        yield from self._sent(event, found, [event.assoc])

    def _wanted(self, event: Event) -> Sequence[FoundInstance]:
        dataset = read(identifier_bytes(event), event.context.transfer_syntax)
        query = read_retrieval(dataset, patient_root=_is_patient_root(event))
        return self._images.instances(replace(query, limit=_MOST_SUBOPERATIONS + 1))

    def _sent(
        self, event: Event, found: Sequence[FoundInstance], receiving: Sequence[Association]
    ) -> Iterator[Any]:
        yield len(found)
        for each in found:
            if event.is_cancelled:
                yield int(Status.CANCEL), None
                return
            yield _PENDING, self._data_set(each, _accepted(receiving, each.sop_class_uid))

    def _data_set(self, instance: FoundInstance, accepted: Set[str]) -> Dataset:
        """The instance as stored, decoded when the receiver takes it in no other way.

        One that cannot be had fails alone, named by its UID.
        """
        try:
            content = self._images.open(instance)
            plain = [each for each in (EXPLICIT_LITTLE, IMPLICIT_LITTLE) if each in accepted]
            if plain and instance.transfer_syntax_uid not in accepted:
                made = as_native(StoredFile(content), self._pixels, plain[0])
                return dcmread(BytesIO(b"".join(made.pieces)), force=True)
            return dcmread(BytesIO(content.whole()), force=True)
        except Exception as error:
            _log.error("an instance cannot be read", exc_info=error)
            unreadable = Dataset()
            unreadable.SOPInstanceUID = instance.sop_instance_uid
            return unreadable


def _opened(event: Event, opened: list[Association]) -> None:
    open_promptly(event, [])
    opened.append(event.assoc)


def _native_contexts(found: Sequence[FoundInstance]) -> list[PresentationContext]:
    """For what is compressed: the way in which everybody can take it."""
    compressed = {e.sop_class_uid for e in found if not is_native(e.transfer_syntax_uid)}
    return [build_context(uid, [EXPLICIT_LITTLE, IMPLICIT_LITTLE]) for uid in sorted(compressed)]


def _accepted(receiving: Sequence[Association], sop_class_uid: str) -> Set[str]:
    """The transfer syntaxes in which whoever receives takes instances of a class."""
    return {
        str(context.transfer_syntax[0])
        for association in receiving
        for context in association.accepted_contexts
        if context.abstract_syntax == sop_class_uid and context.as_scu
    }


def _is_patient_root(event: Event) -> bool:
    request: Any = event.request
    return str(request.AffectedSOPClassUID) in PATIENT_ROOT
