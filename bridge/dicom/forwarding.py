"""Forwarding images by C-STORE (PS3.4 Annex B as SCU): to a PACS, a workstation, another bridge."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
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
from bridge.domain.delivery import (
    Delivery,
    EventKind,
    NotYet,
    RetryPolicy,
    Sent,
    TransportError,
)
from bridge.domain.errors import BridgeError
from bridge.services.content import Content
from bridge.services.fence import check_held
from bridge.services.forward_images import Forward, ForwardOutcome, Note
from bridge.services.read_images import FoundInstance


@dataclass(frozen=True, slots=True)
class Commitment:
    """That a peer is asked to commit to what it takes.

    `seconds` is how long a report may take, after which the images are sent and asked for anew.
    """

    requests: CommitmentRequests
    seconds: float


_LONGEST_WAIT = 10.0
"""Seconds for which a lane waits for a report: most archives tell at once, or much later."""
_SHORTEST_PAUSE, _LONGEST_PAUSE = 2.0, 60.0


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

        What it takes is noted even when others fail; with commitment, what it commits to, which
        may be later. Raises TransportError: to be tried again when the peer is away or full or
        does not commit, for good when it refuses instances for what they are.
        """
        if self._commitment is not None:
            return self._send_for_good(self._commitment, forward)
        outcome = ForwardOutcome()
        try:
            self._send_all(forward.instances, outcome)
        finally:
            uids = [each.sop_instance_uid for each in outcome.taken]
            self._note(self.name, forward.study_instance_uid, uids)
        return outcome.sent(forward)

    def _send_for_good(self, commitment: Commitment, forward: Forward) -> Sent:
        """Send, and ask the peer to commit to what it took. What it was asked about is not sent."""
        study, ledger = forward.study_instance_uid, commitment.requests.ledger
        awaited = ledger.awaited(self.name, study, commitment.seconds)
        outcome = ForwardOutcome()
        new = [each for each in forward.instances if each.sop_instance_uid not in awaited]
        try:
            self._send_all(new, outcome)
        finally:
            if outcome.taken:
                self._ask(commitment, outcome.taken, forward.shown_as)
        self._expect(commitment, {*awaited, *(e.sop_instance_uid for e in outcome.taken)}, study)
        return outcome.sent(forward)

    def _ask(self, commitment: Commitment, taken: list[FoundInstance], shown_as: str) -> None:
        requests = commitment.requests
        handlers: list[evt.EventHandlerType] = [(evt.EVT_N_EVENT_REPORT, requests.handle_report)]
        contexts = [build_context(STORAGE_COMMITMENT)]
        seconds = min(commitment.seconds, _LONGEST_WAIT)
        with (
            as_transport_errors(),
            associated(self._remote, contexts, handlers=handlers) as association,
        ):
            requests.ask(association, self.name, taken, seconds, shown_as)

    def _expect(self, commitment: Commitment, uids: Collection[str], study: str) -> None:
        """Raises NotYet while a report may still come, TransportError when it left some out."""
        ledger = commitment.requests.ledger
        lacking = set(uids) - ledger.safe(self.name, study)
        ages = ledger.awaited(self.name, study, commitment.seconds)
        pending = [ages[uid] for uid in lacking if uid in ages]
        if pending:
            patience = min(max(_SHORTEST_PAUSE, min(pending) / 4), _LONGEST_PAUSE)
            raise NotYet("storage is not committed to yet", retry_after=patience)
        if lacking:
            reason = f"{len(lacking)} instances were not committed to"
            raise TransportError(reason, permanent=False)

    def _send_all(self, instances: Sequence[FoundInstance], outcome: ForwardOutcome) -> None:
        with as_transport_errors():
            for group in in_associations(instances):
                self._send_group(group, outcome)

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
        check_held()
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
