"""Promise to keep instances: the request is kept first, the promise told when it can be."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol, TypeVar

from bridge.domain.commitment import (
    CommitmentReport,
    CommitmentRequest,
    DuplicateTransaction,
    FailureReason,
    InstanceReference,
    NobodyToTell,
)
from bridge.domain.delivery import Delivery, EventKind, NotYet
from bridge.services.outbox import Claims
from bridge.services.transaction import Clock, Store, Transaction

T = TypeVar("T")
_SUBJECT = "commitment:"
_SHORTEST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0  # seconds between two looks whether an archive has


def destination_of(ae_title: str) -> str:
    """The name under which reports to an application entity are delivered."""
    return f"commitment/{ae_title}"


class ObjectCheck(Protocol):
    """Where image objects are kept."""

    def has(self, key: str) -> bool:
        """Whether an object is there, whole. Raises ResourceBusy when that cannot be told."""


class CommitStorage:
    """Takes requests. `reachable` holds the AE titles that a report can be sent to."""

    def __init__(self, *, store: Store, reachable: frozenset[str], clock: Clock) -> None:
        self._store = store
        self._reachable = reachable
        self._clock = clock

    def request(self, request: CommitmentRequest) -> None:
        """Keep a request and queue its report; durable when this returns.

        The same request again is reported again. Raises NobodyToTell for an application entity
        without an address, DuplicateTransaction when the UID stands for another request.
        """
        if request.ae_title not in self._reachable:
            raise NobodyToTell("the address of the application entity is not configured")
        self._store.transact(lambda tx: self._keep(tx, request))

    def _keep(self, tx: Transaction, request: CommitmentRequest) -> None:
        now = self._clock()
        held = tx.commitments.find(request.ae_title, request.transaction_uid)
        if held is not None and set(held.references) != set(request.references):
            raise DuplicateTransaction("the Transaction UID stands for another request")
        if held is None:
            tx.commitments.add(request, now)
        tx.deliveries.enqueue(
            destination_of(request.ae_title),
            _SUBJECT + request.transaction_uid,
            EventKind.STORAGE_COMMITMENT,
            request.transaction_uid,
            now,
        )


class CommitmentOutbox(Claims):
    """The queue of reports still to be sent; each says what is true when it is sent.

    `awaits` tells whether some of these instances are still to reach an archive without which
    nothing is promised: who only relays never commits before the archive has.
    """

    def __init__(
        self,
        store: Store,
        objects: ObjectCheck,
        clock: Clock,
        awaits: Callable[[Collection[str]], bool] = lambda _uids: False,
    ) -> None:
        super().__init__(store)
        self._objects = objects
        self._clock = clock
        self._awaits = awaits

    def gather(self, delivery: Delivery) -> CommitmentReport | None:
        """What can be promised now of the instances of a request.

        Raises NotYet while an archive is waited for: who asked long ago is looked at less often.
        """
        ae_title = delivery.destination.removeprefix(destination_of(""))
        uid = delivery.subject.removeprefix(_SUBJECT)

        def work(tx: Transaction) -> tuple[CommitmentRequest | None, dict[str, tuple[str, str]]]:
            request = tx.commitments.find(ae_title, uid)
            uids = [each.sop_instance_uid for each in request.references] if request else []
            return request, tx.studies.kept(uids)

        request, kept = self._store.read(work)
        if request is None:
            return None
        told = report(request, kept, self._objects.has)
        if self._awaits([each.sop_instance_uid for each in told.committed]):
            age = self._clock() - delivery.created_at
            patience = min(max(_SHORTEST_PAUSE, age / 4), _LONGEST_PAUSE)
            raise NotYet("the archive has not committed yet", retry_after=patience)
        return told


def report(
    request: CommitmentRequest,
    kept: dict[str, tuple[str, str]],
    has: Callable[[str], bool],
) -> CommitmentReport:
    """Judge each instance; `kept` gives SOP class and object key by SOP Instance UID."""
    failures: dict[InstanceReference, FailureReason] = {}
    for each in request.references:
        found = kept.get(each.sop_instance_uid)
        if found is None:
            failures[each] = FailureReason.NO_SUCH_OBJECT_INSTANCE
        elif found[0] != each.sop_class_uid:
            failures[each] = FailureReason.CLASS_INSTANCE_CONFLICT
        elif not has(found[1]):
            failures[each] = FailureReason.PROCESSING_FAILURE
    return CommitmentReport(request=request, failures=failures)
