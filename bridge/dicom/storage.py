"""The Storage SCP (PS3.4 Annex B): instances in, bytes untouched."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Callable
from typing import Any, Protocol

from pydicom.dataset import Dataset
from pynetdicom.events import Event

from bridge.dicom.connection import calling_ae_title, peer_of
from bridge.dicom.header import read_header
from bridge.dicom.part10 import LENGTH_OF_PREAMBLE, begins_as_file, file_head, locate
from bridge.dicom.sop_classes import is_storage
from bridge.dicom.spool import Spool
from bridge.dicom.statuses import STORAGE, Status, failure
from bridge.domain.errors import BridgeError, DataTypeError
from bridge.domain.study import (
    InstanceHeader,
    Receipt,
    RefusedInstance,
    UnsupportedSopClass,
)
from bridge.services.content import Content, Source

_OF_REFUSED = 16_384  # bytes of what is not kept, for the journal

_log = logging.getLogger(__name__)


class InstanceReceiver(Protocol):
    """What keeps instances: `services.receive_instance`."""

    def receive(self, header: InstanceHeader, content: Content, digest: str, peer: str) -> Receipt:
        """Keep an instance; it is durable and indexed when this returns.

        `content` is the whole file (PS3.10), `digest` the SHA-256 of the data set in it, in hex.
        """

    def refuse(self, refused: RefusedInstance) -> None:
        """Take note of an instance that is not kept."""


Stores = Callable[[str], bool]
"""Whether instances of a SOP class are taken."""


class StorageProvider:
    """Answers C-STORE requests.

    A copy that is already held, and one that contradicts it, are both answered with Success unless
    the receiver says otherwise: senders take anything else for a reason to send again.
    """

    def __init__(self, receiver: InstanceReceiver, stores: Stores = is_storage) -> None:
        self._receiver = receiver
        self._stores = stores

    def handle_store(self, event: Event) -> int | Dataset:
        """Keep one instance and give the status."""
        request: Any = event.request
        with contextlib.closing(request.DataSet) as spool:
            arriving = Arriving(self._receiver, self._stores, spool, peer_of(event))
            try:
                self._store(event, arriving)
            except Exception as error:  # whatever it is, the peer must hear of it
                arriving.refuse(error, str(request.AffectedSOPInstanceUID))
                return failure(error, STORAGE, arriving.peer)
        return Status.SUCCESS

    def _store(self, event: Event, arriving: Arriving) -> None:
        request: Any = event.request
        before, declared, start = _begins(arriving.spool.source)
        header = arriving.read(declared or str(event.context.transfer_syntax), start)
        _compare("SOPClassUID", header.sop_class_uid, str(request.AffectedSOPClassUID))
        _compare("SOPInstanceUID", header.sop_instance_uid, str(request.AffectedSOPInstanceUID))
        arriving.keep(before, start, source=calling_ae_title(event))


class Arriving:
    """One instance on its way to the receiver, and what is known of it so far."""

    def __init__(self, receiver: InstanceReceiver, stores: Stores, spool: Spool, peer: str) -> None:
        self.spool = spool
        self.peer = peer
        self.header: InstanceHeader | None = None
        self._receiver = receiver
        self._stores = stores
        self._declared = ""

    def read(self, declared: str, start: int) -> InstanceHeader:
        """Read its header; the data set begins at `start`, in the syntax that is `declared`.

        Raises UnsupportedSopClass, and RequiredFieldMissing for what cannot be an instance.
        """
        self._declared = declared
        self.header = header = read_header(self.spool.data, declared, start)
        if not self._stores(header.sop_class_uid):
            raise UnsupportedSopClass("instances of this SOP class are not taken")
        return header

    def keep(self, before: bytes, start: int, source: str = "") -> None:
        """Have it kept, what stands before the data set included.

        When there is nothing, or it names another transfer syntax than the data set is written in,
        it is made anew; `source` is the AE title that it came from.
        """
        header = self.header
        if header is None:
            raise LookupError("the header is read first")
        content = Content(self.spool.source, before)
        if start + len(before) == 0 or header.transfer_syntax_uid != self._declared:
            head = file_head(
                sop_class_uid=header.sop_class_uid,
                sop_instance_uid=header.sop_instance_uid,
                transfer_syntax_uid=header.transfer_syntax_uid,
                source=source,
            )
            content = Content(self.spool.source, head, start)
        digest = digest_of(self.spool.source, start)
        receipt = self._receiver.receive(header, content, digest, self.peer)
        if receipt is Receipt.CONFLICT:
            _log.warning("an instance of the same UID differs", extra={"peer": self.peer})

    def refuse(self, error: Exception, sop_instance_uid: str = "") -> None:
        """Have note taken of why it is not kept, unless trying again may help."""
        if isinstance(error, BridgeError) and not error.permanent:
            return
        uid = self.header.sop_instance_uid if self.header else sop_instance_uid
        with contextlib.suppress(OSError, BridgeError):
            self._receiver.refuse(
                RefusedInstance(
                    beginning=self.spool.source.read(0, _OF_REFUSED),
                    peer=self.peer,
                    reason=str(error) if isinstance(error, BridgeError) else "internal error",
                    sop_instance_uid=uid,
                    header=self.header,
                )
            )


def _begins(source: Source) -> tuple[bytes, str, int]:
    """As `locate`, for what may be a data set alone: it has no syntax of its own."""
    if begins_as_file(source.read(0, LENGTH_OF_PREAMBLE)):
        with contextlib.suppress(DataTypeError):
            return locate(source)
    return b"", "", 0


def digest_of(source: Source, start: int = 0) -> str:
    """The SHA-256 of what lies in a source from `start` on, in hex."""
    digest = hashlib.sha256()
    for piece in Content(source, start=start):
        digest.update(piece)
    return digest.hexdigest()


def _compare(keyword: str, in_data_set: str, in_command: str) -> None:
    if in_data_set != in_command.rstrip(" \0"):
        raise DataTypeError(f"{keyword} of command and data set differ", location=keyword)
