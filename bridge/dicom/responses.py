"""Sending the Pending responses of one query from the thread that serves it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pynetdicom.events import Event

from bridge.dicom.connection import Outlet
from bridge.dicom.pdata import PENDING, PendingResponses
from bridge.domain.errors import DataTypeError

# Responses are handed to the socket in stretches of this many bytes: few system calls, and a
# C-CANCEL that arrives meanwhile still stops most of a long answer.
_STRETCH = 16_384


def identifier_bytes(event: Event) -> bytes:
    """The Identifier as it came. Raises DataTypeError when there is none."""
    request: Any = event.request
    content = bytes(request.Identifier.getvalue()) if request.Identifier is not None else b""
    if not content:
        raise DataTypeError("the query has no Identifier")
    return content


def send_pending(event: Event, data_sets: Iterable[bytes], status: int = PENDING) -> bool:
    """Send one Pending response for each data set; false when the peer cancelled meanwhile."""
    outlet, responses = Outlet(event), _responses(event, status)
    waiting: list[bytes] = []
    size = 0
    for data_set in data_sets:
        if event.is_cancelled:
            return False
        waiting.append(responses.pdus(data_set))
        size += len(waiting[-1])
        if size >= _STRETCH:
            outlet.send(b"".join(waiting))
            waiting, size = [], 0
    outlet.send(b"".join(waiting))
    return True


def _responses(event: Event, status: int) -> PendingResponses:
    request: Any = event.request
    return PendingResponses(
        context_id=event.context.context_id,
        message_id=request.MessageID,
        sop_class_uid=str(request.AffectedSOPClassUID),
        maximum_length=event.assoc.requestor.maximum_length or 0,
        status=status,
    )
