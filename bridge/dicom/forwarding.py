"""Forwarding images by C-STORE (PS3.4 Annex B as SCU): to a PACS, a workstation, another bridge."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Protocol

from pydicom import dcmread
from pynetdicom.association import Association

from bridge.dicom.scu import Remote, associated, contexts_for, echo
from bridge.domain.delivery import Delivery, EventKind, RetryPolicy, Sent, TransportError
from bridge.domain.errors import BridgeError
from bridge.services.forward_images import Forward
from bridge.services.read_images import FoundInstance

_OUT_OF_RESOURCES = range(0xA700, 0xA800)
_WARNINGS = range(0xB000, 0xC000)
_SUCCESS = 0x0000
_MOST_NAMED = 5


class Note(Protocol):
    """Remembers what a destination has taken (services.forward_images)."""

    def __call__(self, destination: str, study_instance_uid: str, uids: Iterable[str]) -> None:
        """Keep it, durably."""


class StoreDestination:
    """One application entity that gets images, as their order has them."""

    def __init__(
        self,
        *,
        name: str,
        remote: Remote,
        retry: RetryPolicy,
        kinds: frozenset[EventKind],
        read: Callable[[FoundInstance], bytes],
        note: Note,
    ) -> None:
        self.name = name
        self.retry = retry
        self._remote = remote
        self._kinds = kinds
        self._read = read
        self._note = note

    def accepts(self, kind: EventKind) -> bool:
        """Whether images go upon events of this kind."""
        return kind in self._kinds

    def check(self) -> str:
        """Verify that the peer answers (C-ECHO). Raises TransportError."""
        try:
            echo(self._remote)
        except BridgeError as error:
            raise TransportError(error.message, permanent=False) from error
        return f"C-ECHO succeeded at {self._remote.host}:{self._remote.port}"

    def close(self) -> None:
        """Nothing is held open."""

    def send(self, delivery: Delivery, forward: Forward, /) -> Sent:
        """Send what the peer does not have yet, on one association.

        What it takes is noted even when others fail. Raises TransportError: to be tried again
        when the peer is away or full, for good when it refuses instances for what they are.
        """
        taken: list[str] = []
        refused: dict[str, str] = {}
        try:
            with associated(self._remote, contexts_for(forward.instances)) as association:
                for each in forward.instances:
                    reason = self._send_one(association, each)
                    if reason:
                        refused[each.sop_instance_uid] = reason
                    else:
                        taken.append(each.sop_instance_uid)
        except BridgeError as error:
            raise TransportError(error.message, permanent=False) from error
        finally:
            self._note(self.name, forward.study_instance_uid, taken)
        if refused:
            raise TransportError(_in_words(refused), permanent=True)
        told = {"study": forward.study_instance_uid, "instances": taken}
        return Sent(request=json.dumps(told).encode(), response=b"0000")

    def _send_one(self, association: Association, instance: FoundInstance) -> str:
        """Send one instance; gives why it was refused for good, empty when it was taken."""
        dataset = dcmread(BytesIO(self._read(instance)), force=True)
        try:
            answer = association.send_c_store(dataset)
        except RuntimeError as error:
            raise TransportError("the association was lost", permanent=False) from error
        except (ValueError, AttributeError) as error:  # no context for it was accepted
            return str(error).splitlines()[0]
        if "Status" not in answer:
            raise TransportError("the peer did not answer", permanent=False)
        status = int(answer.Status)
        if status in _OUT_OF_RESOURCES:
            raise TransportError(f"the peer is out of resources ({status:04X})", permanent=False)
        if status == _SUCCESS or status in _WARNINGS:
            return ""
        return f"{status:04X} {answer.get('ErrorComment', '')}".strip()


def _in_words(refused: dict[str, str]) -> str:
    named = [f"{uid}: {reason}" for uid, reason in list(refused.items())[:_MOST_NAMED]]
    more = f" and {len(refused) - _MOST_NAMED} more" if len(refused) > _MOST_NAMED else ""
    return f"{len(refused)} instances were refused: {'; '.join(named)}{more}"
