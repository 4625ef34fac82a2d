"""The Query/Retrieve SCP (PS3.4 Annex C): C-FIND over what was received."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from pydicom.dataset import Dataset
from pynetdicom.events import Event

from bridge.dicom.charsets import character_set
from bridge.dicom.configuration import DicomConfiguration
from bridge.dicom.connection import calling_ae_title, peer_of
from bridge.dicom.elements import DataSet, read
from bridge.dicom.encoding import IMPLICIT_LITTLE
from bridge.dicom.responses import identifier_bytes, send_pending
from bridge.dicom.sop_classes import PATIENT_ROOT
from bridge.dicom.statuses import QUERY, Status, failure, status
from bridge.dicom.study_answer import NOTHING_ABOVE, Found, encode, wants_above
from bridge.dicom.study_query import (
    QueryLevel,
    StudyIdentifier,
    read_study_identifier,
)
from bridge.dicom.worklist_answer import AnswerForm
from bridge.services.content import Content
from bridge.services.read_images import (
    Above,
    FoundInstance,
    FoundPatient,
    FoundSeries,
    FoundStudy,
    ImageQuery,
)


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

    def above(self, found: Sequence[object]) -> Above:
        """What series and instances are in."""

    def open(self, instance: FoundInstance) -> Content:
        """The DICOM file of an instance."""


class QueryRetrieveProvider:
    """Answers queries."""

    def __init__(self, configuration: DicomConfiguration, images: ImageSource) -> None:
        self._configuration = configuration
        self._images = images

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
        level, page = identifier.level, found[:limit]
        above = self._images.above(page) if wants_above(level, identifier.keys) else NOTHING_ABOVE
        encoded = (encode(each, level, title, above) for each in page)
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


def _is_patient_root(event: Event) -> bool:
    request: Any = event.request
    return str(request.AffectedSOPClassUID) in PATIENT_ROOT
