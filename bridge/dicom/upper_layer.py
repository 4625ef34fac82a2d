"""The state machine of the upper layer (PS3.8 section 9.2), which nothing a peer does ends."""

from __future__ import annotations

import logging
import queue
from typing import Any

from pynetdicom.fsm import TRANSITION_TABLE, StateMachine

# What we want to send (PS3.8 table 9-8): the primitive waits in a queue to be taken.
_OUR_REQUESTS = frozenset({"Evt1", "Evt7", "Evt8", "Evt9", "Evt11", "Evt14", "Evt15"})
_A_ABORT = bytes([7, 0, 0, 0, 0, 4, 0, 0, 2, 0])  # by the service provider, without a reason

_log = logging.getLogger(__name__)


class ForgivingStateMachine(StateMachine):
    """Passes over events that no state knows, and ends what it cannot act on by an A-ABORT.

    A peer that does not wait for its answer, or goes, changes the state while another thread
    answers it: what that thread then wants to send has come too late and means nothing any more.
    pynetdicom ends the thread of the connection by an exception then, and over the PDUs that it
    can decode but not understand.
    """

    def do_action(self, event: str) -> None:
        """Act on an event."""
        if (event, self.current_state) not in TRANSITION_TABLE:
            if event in _OUR_REQUESTS:
                self._drop_request()
            return
        try:
            super().do_action(event)
        except Exception as error:  # a parser's own words: whatever they are, it is no PDU
            peer = self.dul.assoc.requestor.address
            _log.warning("no PDU", extra={"peer": peer, "reason": repr(error)})
            self._abort()

    def _drop_request(self) -> None:
        try:
            self.dul.to_provider_queue.get(False)
        except queue.Empty:
            return

    def _abort(self) -> None:
        """End the association past the state machine, and the two threads of it."""
        association: Any = self.dul.assoc
        if self.dul.socket is not None and self.dul.socket.socket is not None:
            self.dul.socket.send(_A_ABORT)
            self.dul.socket.close()
        association.is_aborted, association.is_established = True, False
        association._kill = True
        self.dul.kill_dul()
        if association.requestor.primitive is None:
            self.dul.to_user_queue.put(None)  # no request will come
