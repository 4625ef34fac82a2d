"""Forwarding images by C-STORE (PS3.4 Annex B as SCU): to a PACS, a workstation, another bridge."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from pynetdicom import evt
from pynetdicom.presentation import build_context

from bridge.dicom.commitment_scu import CommitmentRequests
from bridge.dicom.destination import DicomDestination, as_transport_errors
from bridge.dicom.pixels.pool import PixelPool
from bridge.dicom.scu import Remote, associated, contexts_for, in_associations
from bridge.dicom.sop_classes import STORAGE_COMMITMENT
from bridge.dicom.store_request import (
    OUT_OF_RESOURCES,
    AssociationLost,
    NotAccepted,
    StoreRequests,
)
from bridge.domain.commitment import InstanceReference
from bridge.domain.delivery import Delivery, EventKind, RetryPolicy, Sent, TransportError
from bridge.domain.errors import BridgeError
from bridge.services.content import Content
from bridge.services.forward_images import Forward
from bridge.services.read_images import FoundInstance

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Commitment:
    """That a peer is asked to commit to what it takes: where results come in, and how long for."""

    requests: CommitmentRequests
    seconds: float


class Note(Protocol):
    """Remembers what a destination has taken (services.forward_images)."""

    def __call__(self, destination: str, study_instance_uid: str, uids: Iterable[str]) -> None:
        """Keep it, durably."""


@dataclass(slots=True)
class _Outcome:
    """What became of each instance: taken, refused for good, or to be tried again, and why."""

    taken: list[FoundInstance] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class StoreDestination(DicomDestination):
    """One application entity that gets images, as their order has them."""

    def __init__(  # noqa: PLR0913 - what each of them needs
        self,
        *,
        name: str,
        remote: Remote,
        retry: RetryPolicy,
        kinds: frozenset[EventKind],
        read: Callable[[FoundInstance], Content],
        note: Note,
        pixels: PixelPool,
        commitment: Commitment | None = None,
    ) -> None:
        """`pixels` decodes what a peer does not take as it is stored.

        With `commitment` the peer has taken what it has committed to, and nothing else.
        """
        super().__init__(name=name, remote=remote, retry=retry)
        self._kinds = kinds
        self._read = read
        self._note = note
        self._pixels = pixels
        self._commitment = commitment

    def accepts(self, kind: EventKind) -> bool:
        """Whether images go upon events of this kind."""
        return kind in self._kinds

    def send(self, delivery: Delivery, forward: Forward, /) -> Sent:
        """Send what the peer does not have yet.

        What it takes is noted even when others fail. Raises TransportError: to be tried again
        when the peer is away or full or does not commit, for good when it refuses instances for
        what they are.
        """
        outcome = _Outcome()
        safe: frozenset[str] = frozenset()
        try:
            with as_transport_errors():
                for group in in_associations(forward.instances):
                    self._send_group(group, outcome)
                safe = self._committed(outcome.taken)
        finally:
            uids = [each.sop_instance_uid for each in outcome.taken]
            done = [uid for uid in uids if self._commitment is None or uid in safe]
            self._note(self.name, forward.study_instance_uid, done)
        if outcome.failed:
            raise TransportError(_in_words(outcome.failed, "could not be sent"), permanent=False)
        if len(done) < len(uids):
            raise TransportError(
                f"{len(uids) - len(done)} instances were not committed to", permanent=False
            )
        if outcome.refused:
            raise TransportError(_in_words(outcome.refused, "were refused"), permanent=True)
        told = {"study": forward.study_instance_uid, "instances": done}
        return Sent(request=json.dumps(told).encode(), response=b"0000")

    def _send_group(self, group: list[FoundInstance], outcome: _Outcome) -> None:
        """Send instances, over a further association where one of ours ended the last."""
        waiting, contexts = list(reversed(group)), contexts_for(group)
        while waiting:
            with associated(self._remote, contexts) as association:
                requests = StoreRequests(association, self._pixels, patience=self._remote.timeout)
                while waiting and association.is_established:
                    self._send_one(requests, waiting.pop(), outcome)

    def _send_one(
        self, requests: StoreRequests, instance: FoundInstance, outcome: _Outcome
    ) -> None:
        uid = instance.sop_instance_uid
        try:
            answer = requests.send(instance, self._read(instance))
        except AssociationLost:
            raise
        except NotAccepted as error:
            outcome.refused[uid] = error.message
        except BridgeError as error:
            kind = outcome.refused if error.permanent else outcome.failed
            kind[uid] = error.message
        else:
            if answer.is_taken:
                outcome.taken.append(instance)
            elif answer.status in OUT_OF_RESOURCES:
                raise TransportError(f"the peer is out of resources ({answer})", permanent=False)
            else:
                outcome.refused[uid] = str(answer)

    def _committed(self, taken: list[FoundInstance]) -> frozenset[str]:
        """Ask the peer to commit to what it took; gives what it committed to."""
        if self._commitment is None or not taken:
            return frozenset()
        requests, seconds = self._commitment.requests, self._commitment.seconds
        handlers: list[evt.EventHandlerType] = [(evt.EVT_N_EVENT_REPORT, requests.handle_report)]
        references = [
            InstanceReference(each.sop_class_uid, each.sop_instance_uid) for each in taken
        ]
        contexts = [build_context(STORAGE_COMMITMENT)]
        with associated(self._remote, contexts, handlers=handlers) as association:
            return requests.ask(association, references, seconds)[0]


def _in_words(instances: dict[str, str], outcome: str) -> str:
    named = [f"{uid}: {reason}" for uid, reason in list(instances.items())[:_MOST_NAMED]]
    more = f" and {len(instances) - _MOST_NAMED} more" if len(instances) > _MOST_NAMED else ""
    return f"{len(instances)} instances {outcome}: {'; '.join(named)}{more}"
