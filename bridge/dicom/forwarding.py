"""Forwarding images by C-STORE (PS3.4 Annex B as SCU): to a PACS, a workstation, another bridge."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Protocol

from pydicom import FileDataset, dcmread
from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.presentation import build_context

from bridge.dicom.commitment_scu import CommitmentRequests
from bridge.dicom.scu import PLAIN, Remote, associated, contexts_for, echo, in_associations
from bridge.dicom.sop_classes import STORAGE_COMMITMENT
from bridge.domain.commitment import InstanceReference
from bridge.domain.delivery import Delivery, EventKind, RetryPolicy, Sent, TransportError
from bridge.domain.errors import BridgeError
from bridge.services.forward_images import Forward
from bridge.services.read_images import FoundInstance

_OUT_OF_RESOURCES = range(0xA700, 0xA800)
_WARNINGS = range(0xB000, 0xC000)
_SUCCESS = 0x0000
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
        commitment: Commitment | None = None,
    ) -> None:
        """With `commitment` the peer has taken what it has committed to, and nothing else."""
        self.name = name
        self.retry = retry
        self._remote = remote
        self._kinds = kinds
        self._read = read
        self._note = note
        self._commitment = commitment

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
        """Send what the peer does not have yet.

        What it takes is noted even when others fail. Raises TransportError: to be tried again
        when the peer is away or full or does not commit, for good when it refuses instances for
        what they are.
        """
        taken: list[FoundInstance] = []
        refused: dict[str, str] = {}
        safe: frozenset[str] = frozenset()
        try:
            for group in in_associations(forward.instances):
                self._send_group(group, taken, refused)
            safe = self._committed(taken)
        except BridgeError as error:
            raise TransportError(error.message, permanent=False) from error
        finally:
            uids = [each.sop_instance_uid for each in taken]
            done = [uid for uid in uids if self._commitment is None or uid in safe]
            self._note(self.name, forward.study_instance_uid, done)
        if refused:
            raise TransportError(_in_words(refused), permanent=True)
        if len(done) < len(taken):
            raise TransportError(
                f"{len(taken) - len(done)} instances were not committed to", permanent=False
            )
        told = {"study": forward.study_instance_uid, "instances": done}
        return Sent(request=json.dumps(told).encode(), response=b"0000")

    def _send_group(
        self, group: list[FoundInstance], taken: list[FoundInstance], refused: dict[str, str]
    ) -> None:
        with associated(self._remote, contexts_for(group)) as association:
            for each in group:
                reason = self._send_one(association, each)
                if reason:
                    refused[each.sop_instance_uid] = reason
                else:
                    taken.append(each)

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

    def _send_one(self, association: Association, instance: FoundInstance) -> str:
        """Send one instance; gives why it was refused for good, empty when it was taken."""
        dataset = dcmread(BytesIO(self._read(instance)), force=True)
        if not _is_accepted(association, instance):
            try:
                decompress(dataset)
            except Exception as error:  # whatever a decoder says: it cannot go
                syntax = UID(instance.transfer_syntax_uid).name
                return f"{syntax} is not accepted, and cannot be decompressed: {error}"
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


def _is_accepted(association: Association, instance: FoundInstance) -> bool:
    """Whether the peer takes an instance as it is stored, or plain and as the other plain one."""
    return instance.transfer_syntax_uid in PLAIN or any(
        context.abstract_syntax == instance.sop_class_uid
        and instance.transfer_syntax_uid in context.transfer_syntax
        for context in association.accepted_contexts
    )


def decompress(dataset: FileDataset) -> None:
    """Make a data set Explicit VR Little Endian, pixel data included. Raises what pydicom does."""
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    if syntax.is_deflated:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    else:
        dataset.decompress(generate_instance_uid=False)


def _in_words(refused: dict[str, str]) -> str:
    named = [f"{uid}: {reason}" for uid, reason in list(refused.items())[:_MOST_NAMED]]
    more = f" and {len(refused) - _MOST_NAMED} more" if len(refused) > _MOST_NAMED else ""
    return f"{len(refused)} instances were refused: {'; '.join(named)}{more}"
