"""Telling destinations: the ports between the delivery rows, the dispatcher and the adapters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from bridge.domain.delivery import (
    Delivery,
    EventKind,
    RetryDecision,
    RetryPolicy,
    Sent,
    TransportError,
)

Matter_co = TypeVar("Matter_co", covariant=True)
Matter_contra = TypeVar("Matter_contra", contravariant=True)
"""What there is to tell: a study, or an acknowledgement."""


class Destination(Protocol[Matter_contra]):
    """Someone to tell. `send` is called from several threads at once, never twice for a subject."""

    @property
    def name(self) -> str:
        """The name that delivery rows carry."""

    @property
    def retry(self) -> RetryPolicy:
        """When to try again."""

    def accepts(self, kind: EventKind) -> bool:
        """Whether this destination is told of events of this kind."""

    def send(self, delivery: Delivery, matter: Matter_contra, /) -> Sent:
        """Tell what there is to tell now and return what was said both ways.

        Raises:
            TransportError: the destination did not confirm.
        """


class DeliveryQueue(Protocol[Matter_co]):
    """The delivery rows, as the dispatcher sees them. Times are unix times in seconds."""

    def claim(
        self, destination: str, owner: str, now: float, lease: float, limit: int
    ) -> Sequence[Delivery]:
        """Claim due rows for `lease` seconds, the head of each lane only, at most `limit`.

        Strict order per (destination, subject): a parked head blocks its lane, a dead one does
        not. Rows whose lease expired are claimable again.
        """

    def renew(self, pks: Sequence[int], owner: str, until: float) -> frozenset[int]:
        """Hold claims until then; gives those that still are the owner's."""

    def gather(self, delivery: Delivery) -> Matter_co | None:
        """Gather the newest state to tell; None when there is nothing to tell any more."""

    def delivered(self, delivery: Delivery, sent: Sent, now: float) -> None:
        """Record success: journal both ways, keep the content hash per (destination, subject)."""

    def failed(
        self, delivery: Delivery, error: TransportError, decision: RetryDecision, now: float
    ) -> None:
        """Record failure and what becomes of the row."""

    def tell_again(self, delivery: Delivery, now: float) -> None:
        """Tell the newest state again: something older may have been written over it."""

    def next_due(self, destination: str, now: float) -> float | None:
        """Tell when the next row of a destination becomes claimable; None when none waits."""

    def went_down(self, destination: str, reason: str, now: float) -> bool:
        """Note that a destination is down; false when that was known, to another node perhaps."""

    def answers(self, destination: str) -> bool:
        """Note that a destination answers; true when it was down before."""
