"""The Modality Worklist SCP (PS3.4 Annex K): a C-FIND answered from stored bytes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from pydicom.dataset import Dataset
from pynetdicom.events import Event

from bridge.dicom.charsets import DEFAULT, character_set
from bridge.dicom.configuration import DicomConfiguration
from bridge.dicom.connection import calling_ae_title, peer_of
from bridge.dicom.elements import DataSet, read
from bridge.dicom.encoding import IMPLICIT_LITTLE
from bridge.dicom.pdata import PENDING, PENDING_WARNING
from bridge.dicom.responses import identifier_bytes, send_pending
from bridge.dicom.sop_classes import MODALITY_WORKLIST
from bridge.dicom.statuses import WORKLIST, Status, failure, status
from bridge.dicom.worklist_answer import AnswerForm
from bridge.dicom.worklist_caller import Caller
from bridge.dicom.worklist_query import Identifier
from bridge.domain.worklist import WorklistItem, WorklistQuery

_log = logging.getLogger(__name__)

Outcome = tuple[int | Dataset, None]

# SOP Class Extended Negotiation (PS3.4 Table K.5-1 after C.5-1): the first two bytes are fixed for
# this class, the third is fuzzy matching of names, the fourth the adjustment of time zones.
FIXED_BYTES: Final = b"\x01\x01"
FUZZY_BYTE = 2


class WorklistSource(Protocol):
    """What answers queries: `services.query_worklist`."""

    def find(self, query: WorklistQuery, limit: int) -> Sequence[WorklistItem]:
        """Give the matching items, earliest start first, at most `limit` + 1 of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A query as an AE means it, and how it is answered."""

    caller: Caller
    identifier: Identifier
    form: AnswerForm

    @property
    def pending(self) -> int:
        """The status of each answer: FF01 warns of keys that are not supported (K.4.1.1.4)."""
        warns = self.identifier.unsupported and not self.caller.peer.quirks.always_ff00
        return PENDING_WARNING if warns else PENDING

    def final(self, found: int) -> Status | None:
        """The status after the last answer, unless it is Success."""
        is_whole = found <= self.caller.limit or self.caller.peer.quirks.truncate_success
        return None if is_whole else Status.OUT_OF_RESOURCES


def ask(caller: Caller, request: bytes, transfer_syntax_uid: str) -> Asked:
    """Read a request as its caller means it.

    Raises:
        DataTypeError: it is no Identifier, or a value in it is none.
    """
    dataset = read(request, transfer_syntax_uid)
    identifier = caller.read(dataset)
    implicit = transfer_syntax_uid == IMPLICIT_LITTLE
    return Asked(
        caller=caller, identifier=identifier, form=_form(caller, identifier, dataset, implicit)
    )


def negotiated(offered: bytes, *, fuzzy: bool) -> bytes | None:
    """The application information that answers what an AE offers; None answers nothing."""
    if len(offered) <= FUZZY_BYTE:
        return None
    accepted = bytes([int(fuzzy and offered[FUZZY_BYTE] == 1)])
    return FIXED_BYTES + accepted + bytes(len(offered[FUZZY_BYTE + 1 : FUZZY_BYTE + 2]))


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

    def negotiate(self, event: Event, offered: bytes) -> bytes | None:
        """Answer the extended negotiation of the worklist; None when nothing is to be said."""
        peer = self._configuration.peer(calling_ae_title(event))
        return negotiated(offered, fuzzy=peer.worklist.fuzzy_names)

    def _answer(self, event: Event) -> int | Dataset | None:
        asked = ask(
            Caller(
                ae_title=calling_ae_title(event),
                configuration=self._configuration,
                now=datetime.now(self._configuration.zone),
                fuzzy=_is_fuzzy(event),
            ),
            identifier_bytes(event),
            event.context.transfer_syntax,
        )
        query, limit = asked.identifier.query, asked.caller.limit
        items = () if query.impossible else self._source.find(query, limit)
        answers = map(asked.form.write, items[:limit])
        if not send_pending(event, answers, asked.pending):
            return Status.CANCEL
        final = asked.final(len(items))
        return None if final is None else status(final, f"only the first {limit} matches were sent")


def _is_fuzzy(event: Event) -> bool:
    """Whether fuzzy matching of names was agreed on for this association."""
    agreed = event.assoc.acceptor.sop_class_extended
    information = next((v for uid, v in agreed.items() if uid == MODALITY_WORKLIST), b"")
    return information[FUZZY_BYTE : FUZZY_BYTE + 1] == b"\x01"


def _form(caller: Caller, identifier: Identifier, dataset: DataSet, implicit: bool) -> AnswerForm:
    peer = caller.peer
    limited = character_set(peer.specific_character_set) if peer.specific_character_set else None
    return AnswerForm(
        identifier.keys,
        implicit=implicit,
        configured=DEFAULT if peer.quirks.ascii_only else limited,
        requested=dataset.character_set,
        station=caller.ae_title
        if peer.quirks.own_station
        else _station(identifier.query, caller.ae_title),
        quirks=peer.quirks,
        mirrored=identifier.mirrored,
    )


def _station(query: WorklistQuery, calling: str) -> str:
    """Name the station in answers for steps that any may do: the one asked for, else the caller."""
    titles = query.station_ae_titles
    asked = titles[0] if len(titles) == 1 else ""
    return asked if asked and not set(asked) & set("*?") else calling
