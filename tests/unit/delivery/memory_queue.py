"""A delivery queue in memory with the rules of the real one, and a scripted destination."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Condition

from bridge.domain.delivery import (
    Delivery,
    DeliveryState,
    EventKind,
    RetryDecision,
    RetryPolicy,
    Sent,
    TransportError,
)
from bridge.domain.identifiers import Identifier
from bridge.domain.patient import Patient
from bridge.domain.publication import PublishedStudy
from bridge.domain.study import Study, StudyState

PENDING, DELIVERED, DEAD = DeliveryState.PENDING, DeliveryState.DELIVERED, DeliveryState.DEAD

FAST = RetryPolicy(base=0.002, ceiling=0.02, attempts=3)

A_STUDY = PublishedStudy(
    study=Study(
        pk=1,
        study_instance_uid="1.2.3",
        state=StudyState.AVAILABLE,
        patient_id=None,
        patient_name="",
        accession=None,
        attributes={},
        request_attributes=(),
        performed_step_uids=(),
        series=(),
    ),
    patient=Patient(pk=1, identifiers=(Identifier("P1"),), attributes={}),
    requests=(),
)


@dataclass
class Row:
    delivery: Delivery
    state: DeliveryState = PENDING
    not_before: float = 0.0
    lease_until: float = 0.0
    owner: str = ""


@dataclass
class MemoryQueue:
    rows: list[Row] = field(default_factory=list)
    outcomes: list[tuple[int, Sent | TransportError]] = field(default_factory=list)
    study: PublishedStudy | None = A_STUDY
    breaks: int = 0
    claims: list[int] = field(default_factory=list)
    down: set[str] = field(default_factory=set)
    renewed: list[int] = field(default_factory=list)
    told_again: list[int] = field(default_factory=list)
    changed: Condition = field(default_factory=Condition)

    def add(
        self, subject: str, destination: str = "ehr", not_before: float = 0.0, owner: str = ""
    ) -> int:
        with self.changed:
            pk = len(self.rows) + 1
            delivery = Delivery(
                pk=pk,
                destination=destination,
                subject=subject,
                kind=EventKind.STUDY_AVAILABLE,
                attempts=0,
                correlation=f"c{pk}",
            )
            self.rows.append(Row(delivery, not_before=not_before, owner=owner))
            return pk

    def claim(
        self, destination: str, owner: str, now: float, lease: float, limit: int
    ) -> Sequence[Delivery]:
        with self.changed:
            self.claims.append(limit)
            self.changed.notify_all()
            if self.breaks:
                self.breaks -= 1
                raise OSError("the database is away")
            claimed = [r for r in self._heads(destination) if self._due(r, now)][:limit]
            for row in claimed:
                row.owner, row.lease_until = owner, now + lease
            return [row.delivery for row in claimed]

    def renew(self, pks: Sequence[int], owner: str, until: float) -> frozenset[int]:
        with self.changed:
            mine = [row for row in self.rows if row.delivery.pk in pks and row.owner == owner]
            for row in mine:
                row.lease_until = until
            self.renewed += [row.delivery.pk for row in mine]
            self.changed.notify_all()
            return frozenset(row.delivery.pk for row in mine)

    def gather(self, delivery: Delivery) -> PublishedStudy | None:
        return self.study

    def delivered(self, delivery: Delivery, sent: Sent, now: float) -> None:
        self._settle(delivery, DELIVERED, sent, 0.0)

    def failed(
        self, delivery: Delivery, error: TransportError, decision: RetryDecision, now: float
    ) -> None:
        with self.changed:
            row = self.rows[delivery.pk - 1]
            row.delivery = replace(delivery, attempts=delivery.attempts + decision.counts)
            self._settle(delivery, decision.state, error, now + decision.delay)

    def tell_again(self, delivery: Delivery, now: float) -> None:
        with self.changed:
            self.told_again.append(delivery.pk)
            self.changed.notify_all()

    def next_due(self, destination: str, now: float) -> float | None:
        with self.changed:
            times = [max(r.not_before, r.lease_until) for r in self._heads(destination)]
            return min(times, default=None)

    def went_down(self, destination: str, reason: str, now: float) -> bool:
        with self.changed:
            is_news = destination not in self.down
            self.down.add(destination)
            return is_news

    def answers(self, destination: str) -> bool:
        with self.changed:
            was_down = destination in self.down
            self.down.discard(destination)
            return was_down

    def until(self, reached: Callable[[], bool]) -> None:
        """Wait for a condition over the rows, as long as the test may run."""
        with self.changed:
            self.changed.wait_for(reached)

    def states(self) -> list[DeliveryState]:
        return [row.state for row in self.rows]

    def all_are(self, state: DeliveryState) -> Callable[[], bool]:
        return lambda: set(self.states()) == {state}

    def _settle(
        self,
        delivery: Delivery,
        state: DeliveryState,
        outcome: Sent | TransportError,
        not_before: float,
    ) -> None:
        with self.changed:
            row = self.rows[delivery.pk - 1]
            row.state, row.not_before, row.lease_until = state, not_before, 0.0
            self.outcomes.append((delivery.pk, outcome))
            self.changed.notify_all()

    def _heads(self, destination: str) -> list[Row]:
        """The first row of each lane that is neither delivered nor dead; a parked one blocks."""
        heads: dict[str, Row] = {}
        for row in self.rows:
            if row.delivery.destination == destination and row.state not in (DELIVERED, DEAD):
                heads.setdefault(row.delivery.subject, row)
        return [row for row in heads.values() if row.state is PENDING]

    @staticmethod
    def _due(row: Row, now: float) -> bool:
        return max(row.not_before, row.lease_until) <= now


@dataclass
class ScriptedDestination:
    """Calls `script` for each send, and keeps what went on."""

    script: Callable[[Delivery], Sent] = lambda delivery: Sent(b"request", b"response")
    name: str = "ehr"
    retry: RetryPolicy = FAST
    kinds: frozenset[EventKind] = frozenset(EventKind)
    sends: list[int] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    changed: Condition = field(default_factory=Condition)

    def accepts(self, kind: EventKind) -> bool:
        return kind in self.kinds

    def send(self, delivery: Delivery, study: PublishedStudy) -> Sent:
        with self.changed:
            self.sends.append(delivery.pk)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.changed.notify_all()
        try:
            return self.script(delivery)
        finally:
            with self.changed:
                self.at_once -= 1

    def until_in_hand(self, count: int) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.at_once >= count)


def now() -> float:
    return time.time()
