"""What is wrong with the bridge's links and queues now, each problem in words and under one key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from bridge.domain.alert import Problem
from bridge.domain.errors import BridgeError
from bridge.domain.link import LinkKind
from bridge.services.check_connections import CheckConnections, Standing
from bridge.services.steer_deliveries import DestinationState, SteerDeliveries
from bridge.services.transaction import Clock
from bridge.services.watch_links import WatchLinks

T = TypeVar("T")
_DEAD = "dead"

Checks = Mapping[str, Callable[[], str]]
"""Name → a call that gives what is wrong in words, empty when nothing is."""


class WaitingStudies(Protocol):
    """The question of how many studies wait for an order."""

    def waiting_before(self, at: float) -> int:
        """How many are without one that did not change since then (unix time)."""


class WaitingTransaction(Protocol):
    """A transaction in which that can be asked."""

    @property
    def overview(self) -> WaitingStudies:
        """The question."""


class WaitingStore(Protocol):
    """Runs work that only reads."""

    def read(self, work: Callable[[WaitingTransaction], T]) -> T:
        """Run it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindProblems:
    """Looks at everything at once.

    A delivery that waits for `longest_delivery` seconds is a problem, and a study that waits for
    `longest_unmatched` seconds. `checks` are further things to be asked.
    """

    links: WatchLinks
    deliveries: SteerDeliveries
    connections: CheckConnections
    store: WaitingStore
    checks: Checks
    clock: Clock
    longest_delivery: float
    longest_unmatched: float

    def __call__(self) -> Sequence[Problem]:
        """Every problem of now. Raises ResourceBusy when the database cannot be asked."""
        return (
            *self._of_links(),
            *self._of_destinations(),
            *self._of_studies(),
            *self._of_certificates(),
            *self._of_checks(),
        )

    def _of_links(self) -> Iterator[Problem]:
        for each in self.links.links():
            # What is not delivered is told of destinations, by what waits for them.
            if each.problem and each.link.kind is not LinkKind.DESTINATION:
                yield Problem(f"link {each.link.kind} {each.link.peer}", each.problem)

    def _of_destinations(self) -> Iterator[Problem]:
        now = self.clock()
        for each in self.deliveries.destinations():
            yield from self._of_destination(each, now)

    def _of_destination(self, state: DestinationState, now: float) -> Iterator[Problem]:
        dead = state.counts.get(_DEAD, 0)
        if state.down_since is not None:
            yield Problem(f"destination {state.name}", f"down: {state.down_reason}")
        if dead:
            yield Problem(f"dead letters of {state.name}", f"{dead} were given up")
        oldest = state.oldest_waiting_at
        is_held = any(not hold.lane.subject for hold in state.holds)
        if oldest is not None and not is_held and now - oldest > self.longest_delivery:
            minutes = (now - oldest) / 60
            words = f"the oldest has waited for {minutes:.0f} minutes"
            yield Problem(f"deliveries of {state.name}", words)

    def _of_studies(self) -> Iterator[Problem]:
        before = self.clock() - self.longest_unmatched
        waiting = self.store.read(lambda tx: tx.overview.waiting_before(before))
        if waiting:
            yield Problem("unmatched studies", f"{waiting} wait for somebody")

    def _of_certificates(self) -> Iterator[Problem]:
        now = self.clock()
        for connection, each in self.connections.expiring():
            standing = each.standing(now)
            when = standing.value
            if standing is Standing.ENDS_SOON:
                when = f"{when} in {(each.not_after - now) / 86_400:.0f} days"
            yield Problem(
                f"certificate {each.use} of {connection.name}",
                f"{each.file or each.subject}: {when}",
            )

    def _of_checks(self) -> Iterable[Problem]:
        for name, check in self.checks.items():
            try:
                words = check()
            except BridgeError as error:
                words = error.message
            if words:
                yield Problem(name, words)
