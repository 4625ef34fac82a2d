"""Forwarding images by C-STORE (PS3.4 Annex B as SCU): to a PACS, a workstation, another bridge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
from bridge.services.forward_images import Forward, ForwardOutcome, Note
from bridge.services.read_images import FoundInstance


@dataclass(frozen=True, slots=True)
class Commitment:
    """That a peer is asked to commit to what it takes: where results come in, and how long for."""

    requests: CommitmentRequests
    seconds: float


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
        outcome = ForwardOutcome()
        done: list[str] = []
        try:
            with as_transport_errors():
                for group in in_associations(forward.instances):
                    self._send_group(group, outcome)
                done = self._safe(outcome.taken)
        finally:
            if self._commitment is None:
                done = [each.sop_instance_uid for each in outcome.taken]
            self._note(self.name, forward.study_instance_uid, done)
        if len(done) < len(outcome.taken):
            missing = len(outcome.taken) - len(done)
            raise TransportError(f"{missing} instances were not committed to", permanent=False)
        return outcome.sent(forward)

    def _send_group(self, group: list[FoundInstance], outcome: ForwardOutcome) -> None:
        """Send instances, over a further association where one of ours ended the last."""
        waiting, contexts = list(reversed(group)), contexts_for(group)
        while waiting:
            with associated(self._remote, contexts) as association:
                requests = StoreRequests(association, self._pixels, patience=self._remote.timeout)
                while waiting and association.is_established:
                    self._send_one(requests, waiting.pop(), outcome)

    def _send_one(
        self, requests: StoreRequests, instance: FoundInstance, outcome: ForwardOutcome
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

    def _safe(self, taken: list[FoundInstance]) -> list[str]:
        """The SOP Instance UIDs of what is committed to, where that is asked for."""
        if self._commitment is None or not taken:
            return []
        requests, seconds = self._commitment.requests, self._commitment.seconds
        handlers: list[evt.EventHandlerType] = [(evt.EVT_N_EVENT_REPORT, requests.handle_report)]
        references = [
            InstanceReference(each.sop_class_uid, each.sop_instance_uid) for each in taken
        ]
        contexts = [build_context(STORAGE_COMMITMENT)]
        with associated(self._remote, contexts, handlers=handlers) as association:
            safe = requests.ask(association, references, seconds)[0]
        return [each.sop_instance_uid for each in taken if each.sop_instance_uid in safe]
