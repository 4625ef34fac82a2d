"""The Storage SCP (PS3.4 Annex B): instances in, bytes untouched."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from typing import Any, Protocol

from pydicom.dataset import Dataset
from pynetdicom.events import Event

from bridge.dicom.connection import calling_ae_title, peer_of
from bridge.dicom.header import read_header
from bridge.dicom.part10 import file_head
from bridge.dicom.spool import Spool
from bridge.dicom.statuses import STORAGE, Status, failure
from bridge.domain.errors import DataTypeError
from bridge.domain.study import InstanceHeader, Receipt
from bridge.services.content import Content, Source

_log = logging.getLogger(__name__)


class InstanceReceiver(Protocol):
    """What keeps instances: `services.receive_instance`."""

    def receive(self, header: InstanceHeader, content: Content, digest: str, peer: str) -> Receipt:
        """Keep an instance; it is durable and indexed when this returns.

        `content` is the whole file (PS3.10), `digest` the SHA-256 of the data set in it, in hex.
        """


class StorageProvider:
    """Answers C-STORE requests.

    A copy that is already held, and one that contradicts it, are both answered with Success: the
    receiver keeps the evidence, and senders take anything else for a reason to send again.
    """

    def __init__(self, receiver: InstanceReceiver) -> None:
        self._receiver = receiver

    def handle_store(self, event: Event) -> int | Dataset:
        """Keep one instance and give the status."""
        request: Any = event.request
        with contextlib.closing(request.DataSet) as spool:
            try:
                self._store(event, spool)
            except Exception as error:  # whatever it is, the peer must hear of it
                return failure(error, STORAGE, peer_of(event))
        return Status.SUCCESS

    def _store(self, event: Event, spool: Spool) -> None:
        request: Any = event.request
        syntax = str(event.context.transfer_syntax)
        header = read_header(spool.data, syntax)
        _compare("SOPClassUID", header.sop_class_uid, str(request.AffectedSOPClassUID))
        _compare("SOPInstanceUID", header.sop_instance_uid, str(request.AffectedSOPInstanceUID))
        head = file_head(
            sop_class_uid=header.sop_class_uid,
            sop_instance_uid=header.sop_instance_uid,
            transfer_syntax_uid=syntax,
            source=calling_ae_title(event),
        )
        digest = digest_of(spool.source)
        content = Content(spool.source, head)
        receipt = self._receiver.receive(header, content, digest, peer_of(event))
        if receipt is Receipt.CONFLICT:
            _log.warning("an instance of the same UID differs", extra={"peer": peer_of(event)})


def digest_of(source: Source, start: int = 0) -> str:
    """The SHA-256 of what lies in a source from `start` on, in hex."""
    digest = hashlib.sha256()
    for piece in Content(source, start=start):
        digest.update(piece)
    return digest.hexdigest()


def _compare(keyword: str, in_data_set: str, in_command: str) -> None:
    if in_data_set != in_command.rstrip(" \0"):
        raise DataTypeError(f"{keyword} of command and data set differ", location=keyword)
