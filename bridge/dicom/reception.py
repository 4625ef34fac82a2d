"""Receiving DIMSE messages (PS3.7 section 6.3), data sets of any length included.

pynetdicom holds each data set in memory, ends its own thread over a command set that is none, and
leaves requests that lack something unanswered, so that the peer waits until it gives up.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_CANCEL, C_FIND, C_GET, C_MOVE, C_STORE
from pynetdicom.pdu_primitives import P_DATA

from bridge.dicom.pdata import SMALLEST_PDU
from bridge.dicom.spool import IN_MEMORY, Spool
from bridge.dicom.statuses import Status, status
from bridge.dicom.store_command import ArrivingMessage, send_at_once, written_response
from bridge.services.room import Room

_LONGEST_COMMAND = 65_536
_LONGEST_OTHER = 16 << 20  # bytes of a data set that is not to be stored
_MOST_WAITING = 8

_log = logging.getLogger(__name__)


class MessageReceiver(DIMSEServiceProvider):
    """Puts the messages of one association together.

    `folder` is where long data sets are held while there is `room`, `longest` the most bytes of
    one that is stored.
    """

    def __init__(
        self, association: Association, folder: Path | None, room: Room, longest: int
    ) -> None:
        super().__init__(association)
        self._folder = folder
        self._room = room
        self._longest = longest

    @property
    def maximum_pdu_size(self) -> int:
        """The longest P-DATA that the peer takes; it cannot mean less than a command set needs."""
        said = super().maximum_pdu_size
        return max(said, SMALLEST_PDU) if said else 0

    @property
    def is_behind(self) -> bool:
        """Whether more requests wait than a peer may have under way at one time."""
        return self.msg_queue.qsize() > _MOST_WAITING

    def would_be_too_long(self, further: int) -> bool:
        """Whether the message that arrives would be too long with so many bytes more."""
        message = self.message
        if message is None or not isinstance(message.data_set, Spool):
            return False
        if message.encoded_command_set.tell() > _LONGEST_COMMAND:
            return True
        longest = self._longest if isinstance(message, C_STORE_RQ) else _LONGEST_OTHER
        return message.data_set.size + further > min(longest, self._longest)

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take a P-DATA; one that makes no sense ends the association, and the peer is told."""
        if self.message is None:
            self.message = ArrivingMessage.begin()
            self.message.data_set = Spool(self._folder, _LONGEST_OTHER, self._room)
        try:
            super().receive_primitive(primitive)
        except Exception as error:  # a parser's own words: whatever they are, it is no message
            peer = self.assoc.requestor.address
            _log.warning("no DIMSE message", extra={"peer": peer, "reason": repr(error)})
            self.forget()
            self.dul.event_queue.put("Evt19")  # invalid PDU
        if isinstance(self.message, C_STORE_RQ) and isinstance(self.message.data_set, Spool):
            self.message.data_set.in_memory = IN_MEMORY

    def forget(self) -> None:
        """Give up the message that arrives: its end will not come."""
        message, self.message = self.message, None
        if message is not None and isinstance(message.data_set, Spool):
            message.data_set.close()

    def get_msg(self, block: bool = False) -> Any:
        """The next message, with the ID of its context.

        What cannot be served is answered here: pynetdicom would let the peer wait in vain.
        """
        while True:
            waiting: tuple[int | None, Any] = super().get_msg(block)
            context_id, message = waiting
            if isinstance(message, C_CANCEL):
                continue  # one too many: the first ten are noted elsewhere
            if message is None or not _lacks_something(message):
                return context_id, message
            self._refuse(message, context_id)

    def send_msg(self, primitive: Any, context_id: int) -> None:
        """Send a message: what many wait for at once, the rest by the library's queue."""
        command = written_response(primitive)
        most = self.maximum_pdu_size
        if command is None or not send_at_once(self.assoc, command, context_id, most):
            super().send_msg(primitive, context_id)

    def _refuse(self, request: Any, context_id: int | None) -> None:
        missing = [each for each in request.REQUEST_KEYWORDS if getattr(request, each) is None]
        peer = self.assoc.requestor.address
        _log.warning("a request lacks something", extra={"peer": peer, "missing": missing})
        if request.MessageID is None or context_id is None:
            self.assoc.abort(block=False)  # there is no answering it
            return
        is_composite = isinstance(request, C_STORE | C_FIND | C_GET | C_MOVE)
        code = Status.DOES_NOT_MATCH_SOP_CLASS if is_composite else Status.MISTYPED_ARGUMENT
        said = status(code, f"{', '.join(missing)} missing in the command set")
        answer = type(request)()
        answer.MessageIDBeingRespondedTo = request.MessageID
        answer.Status = said.Status
        answer.ErrorComment = said.ErrorComment
        self.send_msg(answer, context_id)


def _lacks_something(message: Any) -> bool:
    """Whether it is a request without what the standard has in each of its kind."""
    return message.MessageIDBeingRespondedTo is None and not message.is_valid_request
