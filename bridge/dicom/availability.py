"""The Instance Availability Notification SCP (PS3.4 Annex R): a PACS says which images it holds."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pynetdicom.events import Event as DimseEvent

from bridge.dicom.connection import calling_ae_title, peer_of
from bridge.dicom.elements import DataSet, read
from bridge.dicom.sop_classes import MODALITY_OF_CLASS
from bridge.dicom.statuses import AVAILABILITY, Status, failure
from bridge.domain.announced_study import AnnouncedSeries, AnnouncedStatus, StudyAnnounced
from bridge.domain.errors import BridgeError, DataTypeError, RequiredFieldMissing, ValueMissing
from bridge.domain.events import Event
from bridge.domain.patient import PatientDetails
from bridge.services.receive_message import InboundMessage, Receipt, Reply

AVAILABLE = frozenset({"ONLINE", "NEARLINE", "OFFLINE"})
UNAVAILABLE = "UNAVAILABLE"
"""Instance Availability (0008,0056): its enumerated values."""

Answer = tuple[int | Dataset, Dataset | None]
_UID = re.compile(r"[0-9.]{1,64}")
_STUDIES = "/studies/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """An archive as it is known here: its name, and where its images are had over DICOMweb."""

    name: str = ""
    retrieve_url: str = ""


class Messages(Protocol):
    """The use case behind this edge (services.receive_message)."""

    def receive(self, message: InboundMessage, events: Sequence[Event], reply: Reply) -> bytes:
        """Apply the events, all or none, and return the reply once committed."""

    def refuse(self, message: InboundMessage, error: BridgeError, reply: Reply) -> bytes:
        """Journal what could not be read, and return the reply."""


class AvailabilityProvider:
    """Answers N-CREATE requests; `archives` are those that are known, by AE title."""

    def __init__(
        self, messages: Messages, archives: Mapping[str, Archive], clock: Callable[[], float]
    ) -> None:
        self._messages = messages
        self._archives = archives
        self._clock = clock

    def handle_create(self, event: DimseEvent) -> Answer:
        """Take a notification: durable and applied when it is answered with success."""
        request: Any = event.request
        given = str(request.AffectedSOPInstanceUID or "")
        uid = given or f"2.25.{uuid.uuid4().int}"
        try:
            content = request.AttributeList
            data = bytes(content.getvalue()) if content is not None else b""
            self._take(data, str(event.context.transfer_syntax), uid, event)
        except Exception as error:  # whatever it is, the peer must hear of it
            return failure(error, AVAILABILITY, peer_of(event)), None
        answer = Dataset()
        answer.AffectedSOPInstanceUID = uid
        return Status.SUCCESS, None if given else answer

    def _take(self, data: bytes, syntax: str, uid: str, event: DimseEvent) -> None:
        caller = calling_ae_title(event)
        message = InboundMessage(
            protocol="dicom",
            peer=peer_of(event),
            source=caller,
            type="IAN",
            control_id=uid,
            raw=data,
            received_at=self._clock(),
        )
        failed: list[BridgeError] = []

        def reply(receipt: Receipt) -> bytes:
            if receipt.error is not None:
                failed.append(receipt.error)
            return receipt.disposition.value.encode()

        try:
            notified = read_notification(data, syntax, caller, self._archives)
        except BridgeError as error:
            self._messages.refuse(message, error, reply)
            raise
        self._messages.receive(message, notified, reply)
        if failed:
            raise failed[-1]


def read_notification(
    data: bytes, transfer_syntax_uid: str, caller: str, archives: Mapping[str, Archive]
) -> tuple[StudyAnnounced, ...]:
    """Read an Attribute List (table R.3.2-1): an announcement for each archive that it names.

    Raises:
        RequiredFieldMissing, ValueMissing: a type 1 attribute is absent, or empty.
        DataTypeError: a value is not one it may have, or it is no data set.
    """
    found = read(data, transfer_syntax_uid)
    study = _uid(found, "StudyInstanceUID")
    by_archive: dict[str, list[AnnouncedSeries]] = {}
    urls: dict[str, str] = {}
    for item in _items(found, "ReferencedSeriesSequence"):
        for title, series, url in _series(item):
            by_archive.setdefault(title, []).append(series)
            urls[title] = urls.get(title) or url
    steps = found.items(_tag("ReferencedPerformedProcedureStepSequence"))
    performed = (each.text(_tag("ReferencedSOPInstanceUID")) for each in steps)
    uids = tuple(uid for uid in performed if uid)
    return tuple(
        _announced(
            study, title, series, urls[title], uids, archives.get(title) or archives.get(caller)
        )
        for title, series in by_archive.items()
    )


def _announced(
    study: str,
    title: str,
    series: list[AnnouncedSeries],
    url: str,
    performed: tuple[str, ...],
    archive: Archive | None,
) -> StudyAnnounced:
    return StudyAnnounced(
        study_instance_uid=study,
        status=AnnouncedStatus.AVAILABLE,
        patient=PatientDetails(identifiers=()),  # a notification names none (R.3.2.1.1)
        series=tuple(series),
        retrieve_ae_title=title,
        retrieve_url=archive.retrieve_url if archive and archive.retrieve_url else url,
        archive=archive.name if archive else "",
        is_whole=False,
        may_grow=True,
        performed_step_uids=performed,
        location="InstanceAvailabilityNotification",
    )


def _series(item: DataSet) -> list[tuple[str, AnnouncedSeries, str]]:
    """One series by each AE title its instances can be retrieved from, with their base address."""
    uid = _uid(item, "SeriesInstanceUID")
    titles: dict[str, tuple[list[tuple[str, str]], list[str]]] = {}
    urls: dict[str, str] = {}
    for each in _items(item, "ReferencedSOPSequence"):
        sop_class, instance = (
            _uid(each, "ReferencedSOPClassUID"),
            _uid(each, "ReferencedSOPInstanceUID"),
        )
        availability = _required(each, "InstanceAvailability").upper()
        title = _required(each, "RetrieveAETitle").split("\\")[0].strip()
        there, gone = titles.setdefault(title, ([], []))
        if availability in AVAILABLE:
            there.append((instance, sop_class))
        elif availability == UNAVAILABLE:
            gone.append(instance)
        else:
            raise DataTypeError(
                "InstanceAvailability is none of its values", location="InstanceAvailability"
            )
        base, has_studies, _ = each.text(_tag("RetrieveURL")).partition(_STUDIES)
        urls.setdefault(title, base if has_studies else "")
    return [
        (title, _announced_series(uid, there, gone), urls[title])
        for title, (there, gone) in titles.items()
    ]


def _announced_series(uid: str, there: list[tuple[str, str]], gone: list[str]) -> AnnouncedSeries:
    modalities = (MODALITY_OF_CLASS.get(sop_class, "") for _, sop_class in there)
    return AnnouncedSeries(
        series_instance_uid=uid,
        modality=next(filter(None, modalities), ""),
        instances=tuple(there),
        number_of_instances=len(there),
        unavailable=tuple(gone),
    )


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise LookupError(keyword)
    return tag


def _required(level: DataSet, keyword: str) -> str:
    if _tag(keyword) not in level:
        raise RequiredFieldMissing(f"{keyword} is missing", location=keyword)
    text = level.text(_tag(keyword))
    if not text:
        raise ValueMissing(f"{keyword} has no value", location=keyword)
    return text


def _uid(level: DataSet, keyword: str) -> str:
    text = _required(level, keyword)
    if not _UID.fullmatch(text):
        raise DataTypeError(f"{keyword} is not a UID", location=keyword)
    return text


def _items(level: DataSet, keyword: str) -> tuple[DataSet, ...]:
    if _tag(keyword) not in level:
        raise RequiredFieldMissing(f"{keyword} is missing", location=keyword)
    items = level.items(_tag(keyword))
    if not items:
        raise ValueMissing(f"{keyword} has no item", location=keyword)
    return items
