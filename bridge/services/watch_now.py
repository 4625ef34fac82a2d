"""How the bridge is at this moment: problems first, the links and what passes, today's work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from bridge.domain.access import SignedIn
from bridge.domain.alert import Problem
from bridge.domain.audit import AuditAction, AuditEventId, AuditObject
from bridge.domain.errors import UnknownKey
from bridge.domain.link import LinkKind
from bridge.services.audit import AuditTransaction, audit_event
from bridge.services.check_connections import CheckConnections, Connection, Part
from bridge.services.find_anything import FoundOrder, FoundStudy
from bridge.services.overview import Overview, ReadOverview
from bridge.services.steer_deliveries import DestinationState, SteerDeliveries
from bridge.services.transaction import Clock
from bridge.services.watch_links import LinkHealth, WatchLinks

T = TypeVar("T")
LISTED = 100
"""Stragglers listed at most."""

STAGES = ("scheduled", "acquired", "matched", "published")
"""The stages of the funnel at which something may stay behind."""

_KINDS = {
    Part.LISTENER: LinkKind.HL7,
    Part.SOURCE: LinkKind.FHIR,
    Part.DEVICE: LinkKind.DICOM,
    Part.DESTINATION: LinkKind.DESTINATION,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NowLink:
    """A link with what passes over it: `rate` successes in the last hour, `waiting` deliveries.

    `last_at` is the unix time of the last success, 0 for never; `problem` is empty when well.
    """

    part: Part
    kind: str
    name: str
    address: str
    rate: float
    last_at: float
    problem: str
    waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """The state at `overview.at`."""

    overview: Overview
    problems: Sequence[Problem]
    links: Sequence[NowLink]

    def of(self, *parts: Part) -> Sequence[NowLink]:
        """The links of some parts."""
        return [each for each in self.links if each.part in parts]


class Stragglers(Protocol):
    """What stayed behind at a stage, of that which came since a time."""

    def unscheduled(self, since: float, limit: int) -> Sequence[FoundOrder]:
        """Orders that are held."""

    def unacquired(self, since: float, limit: int) -> Sequence[FoundOrder]:
        """Orders on the worklist of which nothing has begun."""

    def unmatched(self, since: float, limit: int) -> Sequence[FoundStudy]:
        """Studies that belong to no order so far."""

    def unpublished(self, since: float, limit: int) -> Sequence[FoundStudy]:
        """Studies with an order that no destination has confirmed."""


class StragglerTransaction(Protocol):
    """A transaction in which they can be found."""

    @property
    def stragglers(self) -> Stragglers:
        """The questions."""


class StragglerStore(Protocol):
    """Reads, and writes down that somebody read."""

    def read(self, work: Callable[[StragglerTransaction], T]) -> T:
        """Run what only reads."""

    def transact(self, work: Callable[[AuditTransaction], T]) -> T:
        """Run and commit."""


class WatchNow:
    """Answers the first page."""

    def __init__(
        self,
        *,
        overview: ReadOverview,
        problems: Callable[[], Sequence[Problem]],
        links: WatchLinks,
        connections: CheckConnections,
        deliveries: SteerDeliveries,
    ) -> None:
        self._overview = overview
        self._problems = problems
        self._links = links
        self._connections = connections
        self._deliveries = deliveries

    def look(self) -> Now:
        """The state now. Raises ResourceBusy when the database cannot be asked."""
        states = {each.name: each for each in self._deliveries.destinations()}
        return Now(
            overview=self._overview.today(),
            problems=self._problems(),
            links=tuple(_linked(self._connections.every(), self._links.links(), states)),
        )


class FindStragglers:
    """Lists what stayed behind today; each look is in the audit trail."""

    def __init__(self, store: StragglerStore, overview: ReadOverview, clock: Clock) -> None:
        self._store = store
        self._overview = overview
        self._clock = clock

    def orders(self, stage: str, user: SignedIn) -> Sequence[FoundOrder]:
        """Orders that did not get to a stage; none for stages of studies. Raises UnknownKey."""
        self._note(stage, user)
        since = self._overview.midnight()
        if stage == "scheduled":
            return self._store.read(lambda tx: tx.stragglers.unscheduled(since, LISTED))
        if stage == "acquired":
            return self._store.read(lambda tx: tx.stragglers.unacquired(since, LISTED))
        return ()

    def studies(self, stage: str) -> Sequence[FoundStudy]:
        """Studies that did not get to a stage."""
        since = self._overview.midnight()
        if stage == "matched":
            return self._store.read(lambda tx: tx.stragglers.unmatched(since, LISTED))
        if stage == "published":
            return self._store.read(lambda tx: tx.stragglers.unpublished(since, LISTED))
        return ()

    def _note(self, stage: str, user: SignedIn) -> None:
        if stage not in STAGES:
            raise UnknownKey("there is no such stage")
        event = audit_event(
            user,
            AuditEventId.QUERY,
            AuditAction.EXECUTE,
            self._clock(),
            about=(AuditObject.ORDER, ""),
            detail=f"not {stage}",
        )
        self._store.transact(lambda tx: tx.audit.add(event))


def _linked(
    connections: Iterable[Connection],
    links: Iterable[LinkHealth],
    states: dict[str, DestinationState],
) -> Iterator[NowLink]:
    """Connections as configured with what passed over them, then whoever else was heard of."""
    heard = {(each.link.kind, each.link.peer): each for each in links}
    for connection in connections:
        if connection.enabled and connection.kind not in ("DICOM", "HTTP"):
            health = heard.pop((_KINDS[connection.part], connection.name), None)
            yield _link(connection, health, states.get(connection.name))
        elif connection.part is Part.DEVICE:
            yield _link(connection, heard.pop((LinkKind.DICOM, connection.name), None), None)
    for (kind, peer), health in heard.items():
        part = Part.DEVICE if kind is LinkKind.DICOM else Part.LISTENER
        if kind is not LinkKind.DESTINATION:
            yield NowLink(
                part=part,
                kind=kind.value,
                name=peer,
                address="",
                rate=health.rate,
                last_at=health.last_success_at,
                problem=health.problem,
            )


def _link(
    connection: Connection, health: LinkHealth | None, state: DestinationState | None
) -> NowLink:
    problem = health.problem if health else ""
    if state is not None and state.down_since is not None:
        problem = state.down_reason or problem
    return NowLink(
        part=connection.part,
        kind=connection.kind,
        name=connection.name,
        address=connection.address,
        rate=health.rate if health else 0.0,
        last_at=health.last_success_at if health else 0.0,
        problem=problem,
        waiting=sum(state.counts.values()) if state else 0,
    )
