"""Who gets an association, and for what (PS3.8 section 9.3.4, PS3.7 Annex D)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Any

from pynetdicom import evt
from pynetdicom.acse import ACSE
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.presentation import (
    PresentationContext,
    negotiate_as_acceptor,
    negotiate_unrestricted,
)

from bridge.dicom.configuration import DicomConfiguration
from bridge.dicom.sop_classes import is_storage

_APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
# A peer that ends an association and begins the next at once may be faster than our own threads.
_GRACE, _LOOK = 0.2, 0.01

_log = logging.getLogger(__name__)


class Refusal(Enum):
    """Result, source and reason of an A-ASSOCIATE-RJ (PS3.8 table 9-21)."""

    APPLICATION_CONTEXT_NAME_NOT_SUPPORTED = (1, 1, 2)
    CALLING_AE_TITLE_NOT_RECOGNIZED = (1, 1, 3)
    CALLED_AE_TITLE_NOT_RECOGNIZED = (1, 1, 7)
    LOCAL_LIMIT_EXCEEDED = (2, 3, 2)


class Admission:
    """Lets associations in, as many as there may be at one time, and knows those that are open.

    Connections without an association are counted apart, so that silent ones keep nobody out: of
    more than there may be associations `give_up` ends the oldest.
    """

    def __init__(
        self, configuration: DicomConfiguration, give_up: Callable[[Association], None]
    ) -> None:
        self._configuration = configuration
        self._give_up = give_up
        self._titles = {configuration.ae_title, *configuration.called_ae_titles}
        self._admitted: list[Association] = []
        self._waiting: list[Association] = []
        self._lock = threading.Lock()

    def connected(self, association: Association) -> None:
        """Take note of a connection, before its thread runs."""
        with self._lock:
            # One that was just taken note of may not have begun to run.
            waiting = [each for each in self._waiting if each.is_alive() or each.ident is None]
            most = self._configuration.max_associations
            oldest, self._waiting = waiting[:-most], [*waiting[-most:], association]
        for each in oldest:
            _log.warning("connection given up", extra={"peer": each.requestor.address})
            self._give_up(each)

    def refusal(self, association: Association, request: A_ASSOCIATE) -> Refusal | None:
        """Why a request is refused; None, and the association is counted, when it is not."""
        if request.application_context_name != _APPLICATION_CONTEXT:
            return Refusal.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED
        called, calling = str(request.called_ae_title), str(request.calling_ae_title)
        if self._configuration.called_ae_titles and called.strip() not in self._titles:
            return Refusal.CALLED_AE_TITLE_NOT_RECOGNIZED
        if not self._is_known(calling.strip()):
            return Refusal.CALLING_AE_TITLE_NOT_RECOGNIZED
        deadline = time.monotonic() + _GRACE
        while not self._admits(association, calling.strip()):
            if time.monotonic() > deadline:
                return Refusal.LOCAL_LIMIT_EXCEEDED
            time.sleep(_LOOK)
        return None

    def stores(self, sop_class_uid: str) -> bool:
        """Whether instances of a class are taken."""
        return is_storage(sop_class_uid, standard_only=not self._configuration.stores_any)

    def _is_known(self, calling: str) -> bool:
        known = self._configuration.peers_by_title
        return self._configuration.accepts_unknown_peers or calling in known

    def _admits(self, association: Association, calling: str) -> bool:
        with self._lock:
            self._admitted = [each for each in self._admitted if _is_open(each)]
            peer = self._configuration.peers_by_title.get(calling)
            if len(self._admitted) >= self._configuration.max_associations:
                return False
            if peer is not None and peer.max_associations is not None:
                of_peer = [each for each in self._admitted if _title(each) in peer.titles]
                if len(of_peer) >= peer.max_associations:
                    return False
            self._admitted.append(association)
            self._waiting = [each for each in self._waiting if each is not association]
            return True


class Negotiator(ACSE):
    """Answers association requests, by what `admission` says."""

    def __init__(self, association: Association, admission: Admission) -> None:
        super().__init__(association)
        self._admission = admission

    def _negotiate_as_acceptor(self) -> None:
        request: Any = self.requestor.primitive
        self.requestor.ae_title = request.calling_ae_title
        refusal = self._admission.refusal(self.assoc, request)
        if refusal is not None:
            self._refuse(refusal)
            return
        for item in self._check_sop_class_extended():
            self.acceptor.add_negotiation_item(item)
        self._answer_contexts(request.presentation_context_definition_list)
        self.send_accept()
        evt.trigger(self.assoc, evt.EVT_ACCEPTED, {})
        self.assoc.is_established = True
        evt.trigger(self.assoc, evt.EVT_ESTABLISHED, {})

    def _refuse(self, refusal: Refusal) -> None:
        peer = f"{_title(self.assoc)}@{self.requestor.address}"
        _log.warning("association refused", extra={"peer": peer, "reason": refusal.name})
        self.send_reject(*refusal.value)
        evt.trigger(self.assoc, evt.EVT_REJECTED, {})
        self.assoc.kill()

    def _answer_contexts(self, proposed: list[PresentationContext]) -> None:
        """Accept or reject each presentation context; storage in the syntax the peer prefers."""
        roles: Any = {
            uid: (item.scu_role, item.scp_role)
            for uid, item in self.requestor.role_selection.items()
        }
        stored = [each for each in proposed if self._admission.stores(str(each.abstract_syntax))]
        others = [each for each in proposed if each not in stored]
        answered, _ = negotiate_as_acceptor(others, self.acceptor.supported_contexts, roles)
        taken, roles_of_storage = negotiate_unrestricted(stored, [], roles)
        contexts = sorted([*answered, *taken], key=lambda each: each.context_id or 0)
        library: Any = self.assoc
        library._accepted_cx = {each.context_id: each for each in contexts if not each.result}
        library._rejected_cx = [each for each in contexts if each.result]
        for item in roles_of_storage:
            self.acceptor.add_negotiation_item(item)


def _title(association: Association) -> str:
    return str(association.requestor.ae_title).strip()


def _is_open(association: Association) -> bool:
    ended = association.is_released or association.is_aborted or association.is_rejected
    return association.is_alive() and not ended
