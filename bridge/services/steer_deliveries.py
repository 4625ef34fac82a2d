"""What persons do with deliveries: look, send again, hold back, let go; each act is audited."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from bridge.domain.audit import AuditAction, AuditEvent, AuditEventId, AuditObject
from bridge.domain.delivery import REPLAYED_ANY_TIME, DeliveryState, EventKind
from bridge.domain.errors import UnknownKey
from bridge.services.transaction import AuditTrail, Clock

T = TypeVar("T")

BATCH = 200
"""Deliveries that one transaction moves at most: nobody waits long for the writer's place."""

WAITING = (DeliveryState.PENDING.value, DeliveryState.SENDING.value)
STOPPED = (DeliveryState.PARKED.value, DeliveryState.DEAD.value)
_FOREVER_BACK = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who does something, and why; `address` is where from."""

    by: str
    reason: str = ""
    role: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What is held back: one subject of a destination, or with an empty subject all of it."""

    destination: str
    subject: str = ""

    def __str__(self) -> str:
        return f"{self.destination} {self.subject}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """Which deliveries; what is empty leaves the choice open.

    `reason` is a part of the last error, `before` a unix time that the event is older than.
    """

    pks: tuple[int, ...] = ()
    destination: str = ""
    subject: str = ""
    kind: str = ""
    states: tuple[str, ...] = ()
    reason: str = ""
    before: float | None = None

    def in_words(self) -> str:
        """For the audit trail."""
        said = {
            "numbers": " ".join(map(str, self.pks)),
            "destination": self.destination,
            "subject": self.subject,
            "kind": self.kind,
            "states": " ".join(self.states),
            "reason": self.reason,
            "before": "" if self.before is None else f"{self.before:.0f}",
        }
        return ", ".join(f"{name} {value}" for name, value in said.items() if value)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """A delivery as listed. Times are unix times; `finished_at` is None while it is not over."""

    pk: int
    destination: str
    subject: str
    kind: str
    state: str
    attempts: int
    correlation: str
    last_error: str
    not_before: float
    created_at: float
    finished_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One attempt: what was said both ways, in short; the whole is the journal's `message_pk`."""

    at: float
    outcome: str
    error: str
    request: str
    answered: str
    response: str
    message_pk: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What a person holds back. What came up to row `upto_pk` is sent all the same."""

    lane: Lane
    upto_pk: int
    who: str
    reason: str
    since: float

    @property
    def drains(self) -> bool:
        """Whether what was there is still sent, and only what is new waits."""
        return self.upto_pk > _FOREVER_BACK


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDetail:
    """A delivery, why it waits if it does, and every attempt, oldest first."""

    row: DeliveryRow
    attempts: Sequence[AttemptRow]
    holds: Sequence[Hold] = ()
    behind: int | None = None
    """The delivery of the same lane that must be over first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationState:
    """How a destination fares: what waits for it, who holds what back, and since when it is down.

    `counts` are by state, without what is delivered; times are unix times.
    """

    name: str
    counts: Mapping[str, int]
    oldest_waiting_at: float | None = None
    holds: Sequence[Hold] = ()
    down_since: float | None = None
    down_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How many deliveries an act moved; `overtaken` dead letters were left alone."""

    moved: int = 0
    overtaken: int = 0

    def __add__(self, other: Moved) -> Moved:
        return Moved(moved=self.moved + other.moved, overtaken=self.overtaken + other.overtaken)


class DeliveryRecords(Protocol):
    """The outbox as persons look at it."""

    def find(
        self, chosen: DeliveryFilter, limit: int, after: int = 0, *, newest: bool = False
    ) -> Sequence[DeliveryRow]: ...
    def detail(self, pk: int) -> DeliveryDetail | None: ...
    def destinations(self) -> Sequence[DestinationState]: ...
    def waiting(self, lane: Lane, upto_pk: int) -> int: ...
    def overtaken(self, row: DeliveryRow) -> bool: ...


class Holds(Protocol):
    """What persons hold back."""

    def put(self, hold: Hold) -> None: ...
    def remove(self, lane: Lane) -> bool: ...
    def of(self, lane: Lane) -> Hold | None: ...
    def newest(self, lane: Lane) -> int: ...


class Moves(Protocol):
    """The deliveries themselves."""

    def retry(self, pk: int, now: float) -> bool: ...
    def park(self, pk: int, now: float) -> bool: ...


class SteeringTransaction(Protocol):
    """What acts and looks need of a transaction."""

    @property
    def deliveries(self) -> Moves: ...
    @property
    def delivery_holds(self) -> Holds: ...
    @property
    def delivery_records(self) -> DeliveryRecords: ...
    @property
    def audit(self) -> AuditTrail: ...


class SteeringStore(Protocol):
    """Runs work in a transaction, or reads."""

    def transact(self, work: Callable[[SteeringTransaction], T]) -> T: ...
    def read(self, work: Callable[[SteeringTransaction], T]) -> T: ...


class SteerDeliveries:
    """Acts upon deliveries, for the command line and the console alike.

    All that is decided stands in the database: every node obeys, and a restart changes nothing.
    """

    def __init__(self, *, store: SteeringStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def listed(self, chosen: DeliveryFilter, limit: int = 100) -> Sequence[DeliveryRow]:
        """The newest of the chosen deliveries, the oldest of them first."""
        found = self._store.read(lambda tx: tx.delivery_records.find(chosen, limit, newest=True))
        return sorted(found, key=lambda row: row.pk)

    def show(self, pk: int) -> DeliveryDetail | None:
        """One delivery with its attempts; None when there is none."""
        return self._store.read(lambda tx: tx.delivery_records.detail(pk))

    def destinations(self) -> Sequence[DestinationState]:
        """Every destination that something waits for, is held back from, or that is down."""
        return self._store.read(lambda tx: tx.delivery_records.destinations())

    def retry(self, chosen: DeliveryFilter, act: Act, *, overtaken_too: bool = False) -> Moved:
        """Send parked and dead deliveries again: each in its place in its lane.

        A dead letter after which its receiver was told something newer of the same subject is left
        alone, unless it says how a study stands: told now, it would undo what is known.
        """
        chosen = replace(chosen, states=_within(chosen.states, STOPPED))

        def move(tx: SteeringTransaction, row: DeliveryRow, now: float) -> Moved:
            late = row.state == DeliveryState.DEAD.value and not overtaken_too
            late = late and EventKind(row.kind) not in REPLAYED_ANY_TIME
            if late and tx.delivery_records.overtaken(row):
                return Moved(overtaken=1)
            return Moved(moved=int(tx.deliveries.retry(row.pk, now)))

        return self._move("retry", chosen, act, move)

    def park(self, chosen: DeliveryFilter, act: Act) -> Moved:
        """Hold back deliveries, and their lanes behind them, until they are retried."""
        chosen = replace(chosen, states=_within(chosen.states, (DeliveryState.PENDING.value,)))

        def move(tx: SteeringTransaction, row: DeliveryRow, now: float) -> Moved:
            return Moved(moved=int(tx.deliveries.park(row.pk, now)))

        return self._move("park", chosen, act, move)

    def pause(self, lane: Lane, act: Act) -> None:
        """Send nothing more of this; what is being sent at this moment is finished."""
        self._store.transact(lambda tx: self._hold(tx, "pause", lane, _FOREVER_BACK, act))

    def drain(self, lane: Lane, act: Act) -> int:
        """Send what is there and nothing newer; gives how many deliveries that are."""

        def work(tx: SteeringTransaction) -> int:
            newest = tx.delivery_holds.newest(lane)
            self._hold(tx, "drain", lane, newest, act)
            return tx.delivery_records.waiting(lane, newest)

        return self._store.transact(work)

    def draining(self, lane: Lane) -> int:
        """How many deliveries of what is drained are still to be sent; 0 when it is empty."""

        def work(tx: SteeringTransaction) -> int:
            hold = tx.delivery_holds.of(lane)
            if hold is None:
                raise UnknownKey(f"{lane} is not held back")
            return tx.delivery_records.waiting(lane, hold.upto_pk)

        return self._store.read(work)

    def resume(self, lane: Lane, act: Act) -> bool:
        """Let go what was paused or drained; false when nothing was."""

        def work(tx: SteeringTransaction) -> bool:
            if not tx.delivery_holds.remove(lane):
                return False
            self._note(tx, "resume", str(lane), act)
            return True

        return self._store.transact(work)

    def _hold(self, tx: SteeringTransaction, what: str, lane: Lane, upto: int, act: Act) -> None:
        now = self._clock()
        hold = Hold(lane=lane, upto_pk=upto, who=act.by, reason=act.reason, since=now)
        tx.delivery_holds.put(hold)
        self._note(tx, what, str(lane), act)

    def _move(
        self,
        what: str,
        chosen: DeliveryFilter,
        act: Act,
        move: Callable[[SteeringTransaction, DeliveryRow, float], Moved],
    ) -> Moved:
        """Oldest first, so that those of one lane go back in their order."""
        done, after = Moved(), 0

        def work(tx: SteeringTransaction) -> tuple[Moved, int]:
            rows = tx.delivery_records.find(chosen, BATCH, after)
            now = self._clock()
            moved = sum((move(tx, row, now) for row in rows), Moved())
            if moved.moved:
                detail = f"{moved.moved} deliveries: {chosen.in_words()}"
                self._note(tx, what, " ".join(map(str, chosen.pks)), act, detail)
            return moved, rows[-1].pk if len(rows) == BATCH else 0

        while True:
            moved, after = self._store.transact(work)
            done += moved
            if not after:
                return done

    def _note(
        self, tx: SteeringTransaction, what: str, about: str, act: Act, detail: str = ""
    ) -> None:
        said = "; ".join(part for part in (f"delivery {what}", detail, act.reason) if part)
        tx.audit.add(
            AuditEvent(
                at=self._clock(),
                event=AuditEventId.APPLICATION_ACTIVITY,
                action=AuditAction.EXECUTE,
                who=act.by,
                role=act.role,
                address=act.address,
                object_kind=AuditObject.DELIVERY,
                object_id=about,
                detail=said,
            )
        )


def _within(asked: Sequence[str], allowed: Sequence[str]) -> tuple[str, ...]:
    return tuple(state for state in allowed if state in asked or not asked)
