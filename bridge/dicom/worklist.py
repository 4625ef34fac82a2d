"""The Modality Worklist SCP (PS3.4 Annex K): a C-FIND answered from stored bytes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from pydicom.dataset import Dataset
from pynetdicom.events import Event

from bridge.dicom.charsets import character_set
from bridge.dicom.configuration import DicomConfiguration
from bridge.dicom.connection import calling_ae_title, peer_of
from bridge.dicom.elements import IMPLICIT_LITTLE, DataSet, read
from bridge.dicom.responses import identifier_bytes, send_pending
from bridge.dicom.statuses import WORKLIST, Status, failure, status
from bridge.dicom.worklist_answer import AnswerForm
from bridge.dicom.worklist_query import Identifier, read_identifier
from bridge.domain.worklist import WorklistItem, WorklistQuery

_log = logging.getLogger(__name__)

Outcome = tuple[int | Dataset, None]


class WorklistSource(Protocol):
    """What answers queries: `services.query_worklist`."""

    def find(self, query: WorklistQuery, limit: int) -> Sequence[WorklistItem]:
        """Give the matching items, earliest start first, at most `limit` + 1 of them."""


class WorklistProvider:
    """Answers C-FIND requests of modalities."""

    def __init__(self, configuration: DicomConfiguration, source: WorklistSource) -> None:
        self._configuration = configuration
        self._source = source

    def handle_find(self, event: Event) -> Iterator[Outcome]:
        """Send every match, then yield the final status unless it is Success.

        Pending responses go to the socket from here: pynetdicom makes the final one.
        """
        try:
            outcome = self._answer(event)
        except Exception as error:  # whatever it is, the peer must hear of it
            outcome = failure(error, WORKLIST, peer_of(event))
        if outcome is not None:
            yield outcome, None

    def _answer(self, event: Event) -> int | Dataset | None:
        request, syntax = identifier_bytes(event), event.context.transfer_syntax
        dataset = read(request, syntax)
        identifier = read_identifier(dataset)
        limit = self._configuration.worklist_limit
        query = identifier.query
        titles = self._configuration.sharing(query.station_ae_titles)
        query = replace(query, station_ae_titles=titles)
        items = () if query.impossible else self._source.find(query, limit)
        form = self._form(event, identifier, dataset)
        if not send_pending(event, map(form.write, items[:limit])):
            return Status.CANCEL
        if len(items) > limit:
            return status(Status.OUT_OF_RESOURCES, f"only the first {limit} matches were sent")
        return None

    def _form(self, event: Event, identifier: Identifier, dataset: DataSet) -> AnswerForm:
        peer = self._configuration.peers_by_title.get(calling_ae_title(event))
        limited = peer.specific_character_set if peer else ""
        return AnswerForm(
            identifier.keys,
            implicit=event.context.transfer_syntax == IMPLICIT_LITTLE,
            configured=character_set(limited) if limited else None,
            requested=dataset.character_set,
            station=_station(identifier.query, calling_ae_title(event)),
        )


def _station(query: WorklistQuery, calling: str) -> str:
    """Name the station in answers for steps that any may do: the one asked for, else the caller."""
    titles = query.station_ae_titles
    asked = titles[0] if len(titles) == 1 else ""
    return asked if asked and not set(asked) & set("*?") else calling
