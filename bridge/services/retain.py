"""Let go of what is old and needed by nobody: in small batches, so that no sender waits for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from bridge.domain.audit import AuditAction, AuditEvent, AuditEventId, AuditObject
from bridge.domain.errors import BridgeError
from bridge.domain.retention import LegalHold, Pass, RetentionKind, RetentionPolicy
from bridge.services.steer_deliveries import Act
from bridge.services.transaction import AuditTrail, Clock, FiredTimer, Timers

T = TypeVar("T")
RETENTION = "retention"
"""The kind of the timer."""

BATCH = 200
"""Rows that one transaction lets go of at most."""

_BUDGET_SECONDS = 0.2
"""How long one look may take before other timers have their turn."""

_PAUSE_SECONDS = 1.0


class Retained(Protocol):
    """The records, as far as retention looks at them."""

    def newest_before(self, kind: RetentionKind, before: float) -> int:
        """The last row that may be old enough; rows are numbered as they come."""

    def old(
        self, kind: RetentionKind, after: int, upto: int, before: float, limit: int
    ) -> Sequence[int]:
        """The next rows beyond `after` that are old enough, by their numbers."""

    def needed(self, kind: RetentionKind, pks: Sequence[int]) -> frozenset[int]:
        """Which of these an open order, an unmatched study, a delivery or a hold still needs."""

    def remove(self, kind: RetentionKind, pks: Sequence[int]) -> int:
        """Let go of rows with all that hangs on them; gives how many there were."""

    def last_pass(self, kind: RetentionKind) -> Pass:
        """How far the last pass got."""

    def note(self, done: Pass) -> None:
        """Keep how far a pass got."""

    def holds(self) -> Sequence[LegalHold]:
        """What is held for a court, a review, a complaint."""

    def hold(self, hold: LegalHold) -> None:
        """Hold an identifier."""

    def release(self, value: str) -> bool:
        """Hold an identifier no more; false when it was not held."""


class Space(Protocol):
    """The room that removed rows took."""

    def give_back(self) -> bool:
        """Give some of it back to the system; true when there is more to give."""


class RetainTransaction(Protocol):
    """What retention needs of a transaction."""

    @property
    def retained(self) -> Retained: ...
    @property
    def timers(self) -> Timers: ...
    @property
    def audit(self) -> AuditTrail: ...


class RetainStore(Protocol):
    """Runs work in a transaction, or reads."""

    def transact(self, work: Callable[[RetainTransaction], T]) -> T: ...
    def read(self, work: Callable[[RetainTransaction], T]) -> T: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionStatus:
    """What is kept how long, how far it got, and what is held."""

    days: float | None
    last: Pass


class Retain:
    """Goes through the records, kind by kind and pass by pass; any node may take the next step."""

    def __init__(
        self,
        *,
        store: RetainStore,
        space: Space,
        policy: RetentionPolicy,
        clock: Clock,
        interval: float,
    ) -> None:
        """`interval` is the time between two passes, in seconds."""
        self._store = store
        self._space = space
        self._policy = policy
        self._clock = clock
        self._interval = interval

    def start(self) -> None:
        """Have the timer run where something is to be let go of."""
        if self._policy.kinds:
            due = self._clock() + _PAUSE_SECONDS
            self._store.transact(lambda tx: tx.timers.ensure(RETENTION, "", due))

    def look(self, fired: FiredTimer, now: float) -> None:
        """Do some of it, and come again: soon while there is more."""
        wait = self._interval
        try:
            if self.some():
                wait = _PAUSE_SECONDS
        finally:
            due = self._clock() + wait
            if self._policy.kinds:
                self._store.transact(lambda tx: tx.timers.set(RETENTION, fired.subject, due))
            else:
                self._store.transact(lambda tx: tx.timers.finish(fired))

    def some(self) -> bool:
        """Do as much as a moment allows; true when there is more to do."""
        began = self._clock()
        for kind in self._policy.kinds:
            while self._is_due(kind, began):
                self.step(kind)
                if self._clock() - began > _BUDGET_SECONDS:
                    return True
        return self._space.give_back()

    def run(self) -> Sequence[Pass]:
        """Do a whole pass of everything now."""
        done = [self._whole_pass(kind) for kind in self._policy.kinds]
        while self._space.give_back():
            pass
        return done

    def step(self, kind: RetentionKind) -> Pass:
        """Look at the next batch of a kind, and let go of what nobody needs of it.

        What is needed is found before the transaction that removes, so that it is short.
        """
        now = self._clock()

        def look(tx: RetainTransaction) -> tuple[Pass, Sequence[int], frozenset[int]]:
            last, before = tx.retained.last_pass(kind), self._policy.before(kind, now)
            going_on = last.ended_at is None and last.started_at > 0
            going = last if going_on else _begun(last, now)
            upto = tx.retained.newest_before(kind, before)
            found = tx.retained.old(kind, going.position, upto, before, BATCH)
            return going, found, tx.retained.needed(kind, found) if found else frozenset()

        going, found, needed = self._store.read(look)
        gone = [pk for pk in found if pk not in needed]

        def work(tx: RetainTransaction) -> Pass:
            removed = tx.retained.remove(kind, gone) if gone else 0
            done = replace(
                going,
                position=found[-1] if found else going.position,
                ended_at=None if len(found) == BATCH else now,
                removed=going.removed + removed,
                kept=going.kept + len(needed),
                removed_ever=going.removed_ever + removed,
            )
            tx.retained.note(done)
            return done

        return self._store.transact(work)

    def status(self) -> Sequence[RetentionStatus]:
        """How each kind stands."""

        def work(tx: RetainTransaction) -> Sequence[RetentionStatus]:
            return [
                RetentionStatus(days=self._policy.days.get(k), last=tx.retained.last_pass(k))
                for k in RetentionKind
            ]

        return self._store.read(work)

    def holds(self) -> Sequence[LegalHold]:
        """What is held."""
        return self._store.read(lambda tx: tx.retained.holds())

    def hold(self, value: str, act: Act) -> None:
        """Let go of nothing that mentions an identifier, from now on."""
        if not value.strip():
            raise BridgeError("name an identifier: an accession or order number, a patient ID, …")

        def work(tx: RetainTransaction) -> None:
            hold = LegalHold(value=value, who=act.by, reason=act.reason, since=self._clock())
            tx.retained.hold(hold)
            self._note(tx, "hold", value, act)

        self._store.transact(work)

    def release(self, value: str, act: Act) -> bool:
        """Take a hold away; false when there was none."""

        def work(tx: RetainTransaction) -> bool:
            if not tx.retained.release(value):
                return False
            self._note(tx, "release", value, act)
            return True

        return self._store.transact(work)

    def _is_due(self, kind: RetentionKind, now: float) -> bool:
        last = self._store.read(lambda tx: tx.retained.last_pass(kind))
        return last.ended_at is None or now - last.ended_at >= self._interval

    def _whole_pass(self, kind: RetentionKind) -> Pass:
        while (done := self.step(kind)).ended_at is None:
            pass
        return done

    def _note(self, tx: RetainTransaction, what: str, value: str, act: Act) -> None:
        tx.audit.add(
            AuditEvent(
                at=self._clock(),
                event=AuditEventId.APPLICATION_ACTIVITY,
                action=AuditAction.EXECUTE,
                who=act.by,
                role=act.role,
                address=act.address,
                object_kind=AuditObject.SETTINGS,
                object_id=value,
                detail="; ".join(part for part in (f"legal {what}", act.reason) if part),
            )
        )


def _begun(last: Pass, now: float) -> Pass:
    return Pass(kind=last.kind, started_at=now, removed_ever=last.removed_ever)
