"""Ask archives to commit to images: what was asked is kept, so that an answer may come anywhere.

An archive may report on an association of its own, hours later: to another process of the bridge,
or after a restart (PS3.4 J.3.3).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bridge.domain.commitment import RequestedCommitment
from bridge.services.transaction import Clock, Store, Transaction

_KEPT = 7 * 86_400.0
"""Seconds after which a request is forgotten, answered or not."""


class RequestCommitment:
    """The requests that archives were sent, by Transaction UID."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def open(
        self,
        transaction_uid: str,
        destination: str,
        study_instance_uid: str,
        uids: Collection[str],
        shown_as: str = "",
    ) -> None:
        """Keep, durably, what an archive is about to be asked under a new Transaction UID."""
        requested = RequestedCommitment(
            transaction_uid=transaction_uid,
            destination=destination,
            study_instance_uid=study_instance_uid,
            sop_instance_uids=tuple(uids),
            requested_at=self._clock(),
            shown_as=shown_as,
        )

        def work(tx: Transaction) -> None:
            tx.commitments.forget(requested.requested_at - _KEPT)
            tx.commitments.ask(requested)

        self._store.transact(work)

    def withdraw(self, transaction_uid: str) -> None:
        """Forget a request that the archive did not take."""
        self._store.transact(lambda tx: tx.commitments.withdraw(transaction_uid))

    def awaited(
        self, destination: str, study_instance_uid: str, seconds: float
    ) -> Mapping[str, float]:
        """Instances whose answer may still come, and how long ago they were asked about."""
        now = self._clock()
        asked = self._store.read(
            lambda tx: tx.commitments.awaited(destination, study_instance_uid, now - seconds)
        )
        return {uid: now - requested_at for uid, requested_at in asked.items()}

    def safe(self, destination: str, study_instance_uid: str) -> frozenset[str]:
        """Instances that an archive has committed to."""
        return self._store.read(lambda tx: tx.forwarded.of(destination, study_instance_uid))

    def is_answered(self, transaction_uid: str) -> bool:
        """Whether the archive has reported."""
        asked = self._store.read(lambda tx: tx.commitments.asked(transaction_uid))
        return asked is None or asked.answered_at is not None

    def report(self, transaction_uid: str, committed: Collection[str]) -> bool:
        """Take a report: what it commits to is safe from now on. False when nobody asked.

        The same report again is no harm: an archive that was not heard repeats it.
        """
        now = self._clock()

        def work(tx: Transaction) -> bool:
            asked = tx.commitments.asked(transaction_uid)
            if asked is None:
                return False
            safe = [uid for uid in asked.sop_instance_uids if uid in committed]
            if safe:
                of = (asked.destination, asked.study_instance_uid)
                tx.forwarded.add(*of, safe, now, asked.shown_as)
            tx.commitments.answered(transaction_uid, now)
            return True

        return self._store.transact(work)
