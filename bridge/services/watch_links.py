"""Health proven by traffic: what passed over each link, noted now and then, and judged.

Edges tell a tally in memory, which costs a message nothing; what it heard is written in batches,
by each process for itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from bridge.domain.link import (
    HOUR,
    REMEMBERED_HOURS,
    Activity,
    Link,
    SilenceRule,
    expected_since,
    is_silent,
    per_hour,
)
from bridge.services.transaction import Clock

T = TypeVar("T")
_MOST_HEARD = 200_000
"""Of more than so many between two notes the oldest are forgotten."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One success, or a failure in words."""

    link: Link
    at: float
    failure: str = ""


class LinkTally:
    """Takes what edges tell, from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard: deque[Heard] = deque(maxlen=_MOST_HEARD)

    def succeeded(self, link: Link) -> None:
        """Something passed over a link."""
        self._heard.append(Heard(link, self._clock()))

    def failed(self, link: Link, failure: str) -> None:
        """Something did not, for a reason in words that name no patient."""
        self._heard.append(Heard(link, self._clock(), failure or "failed"))

    def take(self) -> list[Heard]:
        """What was told since it was last taken."""
        return [self._heard.popleft() for _ in range(len(self._heard))]

    def put_back(self, heard: Iterable[Heard]) -> None:
        """What could not be written; it is told again."""
        self._heard.extendleft(reversed([*heard]))


@dataclass(slots=True)
class Passed:
    """What passed over one link since the last note; `hours` are successes by hour."""

    first_at: float
    last_success_at: float = 0.0
    last_failure_at: float = 0.0
    last_failure: str = ""
    hours: dict[int, int] = field(default_factory=dict)

    def add(self, heard: Heard) -> None:
        """Count one more."""
        if heard.failure:
            self.last_failure_at, self.last_failure = heard.at, heard.failure
            return
        self.last_success_at = heard.at
        hour = int(heard.at // HOUR)
        self.hours[hour] = self.hours.get(hour, 0) + 1


class Links(Protocol):
    """What passed over every link, kept."""

    def note(self, passed: Mapping[Link, Passed]) -> None:
        """Add to what is kept."""

    def forget(self, before_hour: int) -> None:
        """Drop the counts of hours before this one (unix time divided by 3600)."""

    def every(self) -> Sequence[Activity]:
        """All of them, in the order of their kinds and peers."""


class LinkTransaction(Protocol):
    """A transaction in which links are known."""

    @property
    def links(self) -> Links:
        """What passed over them."""


class LinkStore(Protocol):
    """Runs such transactions."""

    def read(self, work: Callable[[LinkTransaction], T]) -> T:
        """Run what only reads."""

    def transact(self, work: Callable[[LinkTransaction], T]) -> T:
        """Run it; kept when it returns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkHealth:
    """How a link is. Times are unix times, 0 for never.

    `rate` are the successes of the last hour, `missed` how many were usual since the last one, and
    `problem` says what is wrong, empty when nothing is.
    """

    link: Link
    last_success_at: float
    last_failure_at: float
    last_failure: str
    rate: float
    missed: float
    problem: str


class WatchLinks:
    """Notes what passed, and says how links are. `ignored` are peers whose silence is no alarm."""

    def __init__(
        self,
        *,
        store: LinkStore,
        tally: LinkTally,
        clock: Clock,
        rule: SilenceRule,
        ignored: frozenset[str] = frozenset(),
    ) -> None:
        self._store = store
        self._tally = tally
        self._clock = clock
        self._rule = rule
        self._ignored = ignored
        self._forgotten_at = 0

    def note(self) -> None:
        """Write what was heard. Raises ResourceBusy, and forgets nothing, when that cannot be."""
        heard = self._tally.take()
        passed: dict[Link, Passed] = {}
        for each in heard:
            passed.setdefault(each.link, Passed(each.at)).add(each)
        hour = int(self._clock() // HOUR)
        forget = hour > self._forgotten_at

        def work(tx: LinkTransaction) -> None:
            tx.links.note(passed)
            if forget:
                tx.links.forget(hour - REMEMBERED_HOURS)

        if not passed and not forget:
            return
        try:
            self._store.transact(work)
        except BaseException:
            self._tally.put_back(heard)
            raise
        self._forgotten_at = hour

    def links(self) -> Sequence[LinkHealth]:
        """Every link that was ever heard of, as it is now."""
        now = self._clock()
        activities = self._store.read(lambda tx: tx.links.every())
        return tuple(self._health(each, now) for each in activities)

    def _health(self, activity: Activity, now: float) -> LinkHealth:
        return LinkHealth(
            link=activity.link,
            last_success_at=activity.last_success_at,
            last_failure_at=activity.last_failure_at,
            last_failure=activity.last_failure,
            rate=per_hour(activity, now),
            missed=expected_since(activity, now),
            problem=self._problem(activity, now),
        )

    def _problem(self, activity: Activity, now: float) -> str:
        ignored = activity.link.peer in self._ignored
        if not ignored and is_silent(activity, now, self._rule):
            minutes = (now - activity.last_success_at) / 60
            missed = expected_since(activity, now)
            return f"silent for {minutes:.0f} minutes, in which about {missed:.0f} are usual"
        if activity.failing:
            return activity.last_failure
        return ""
