"""Storage Commitment (PS3.4 Annex J): what a modality wants promised before it deletes images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from bridge.domain.errors import BridgeError


@dataclass(frozen=True, slots=True)
class InstanceReference:
    """A SOP instance by its class and UID."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentRequest:
    """One N-ACTION: which instances an application entity wants kept."""

    transaction_uid: str
    ae_title: str
    references: tuple[InstanceReference, ...]


class FailureReason(IntEnum):
    """Failure Reason (0008,1197) of one instance (PS3.3 C.14.1.1)."""

    PROCESSING_FAILURE = 0x0110
    NO_SUCH_OBJECT_INSTANCE = 0x0112
    CLASS_INSTANCE_CONFLICT = 0x0119


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentReport:
    """What can be promised of a request, and why not of the others."""

    request: CommitmentRequest
    failures: Mapping[InstanceReference, FailureReason]

    @property
    def committed(self) -> tuple[InstanceReference, ...]:
        """The instances that are kept."""
        return tuple(each for each in self.request.references if each not in self.failures)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedCommitment:
    """What an archive was asked to promise of one study, under a Transaction UID of ours.

    `destination` is the archive's name, `requested_at` and `answered_at` are unix times; the latter
    is None until it has reported. `shown_as` is whose the study was shown as when it was sent.
    """

    transaction_uid: str
    destination: str
    study_instance_uid: str
    sop_instance_uids: tuple[str, ...]
    requested_at: float
    answered_at: float | None = None
    shown_as: str = ""


class DuplicateTransaction(BridgeError):
    """The Transaction UID was used before, for other instances (PS3.4 J.3.2: 0131H)."""


class NobodyToTell(BridgeError):
    """The result could not be told: the caller's address is not configured."""
