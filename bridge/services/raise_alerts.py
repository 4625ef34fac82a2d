"""Alert somebody: once when a problem has lasted, once when it is over, over every channel.

What was told is noted by channel, so that one that is down is told when it is up again, and of
several nodes only one tells.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol, TypeVar

from bridge.domain.alert import Alert, Moment, Problem, compare
from bridge.domain.delivery import TransportError
from bridge.domain.errors import BridgeError
from bridge.services.transaction import Clock, FiredTimer, Timers

log = logging.getLogger(__name__)

T = TypeVar("T")
ALERTS = "alerts"
"""The kind of timer by which somebody looks; it has no subject."""

LOOK_SECONDS = 15.0
FORGOTTEN_AFTER = 90 * 86_400.0
"""How long alerts that are over are kept, in seconds."""


class Channel(Protocol):
    """A way to somebody."""

    @property
    def name(self) -> str:
        """Which it is, the same after a restart."""

    def tell(self, alert: Alert, moment: Moment) -> None:
        """Tell it. Raises TransportError; it is told again then."""


class Alerts(Protocol):
    """The alerts that are kept."""

    def open(self) -> Sequence[Alert]:
        """Those that are not over."""

    def begin(self, problem: Problem, now: float) -> None:
        """A problem was seen."""

    def raise_(self, problem: Problem, now: float) -> None:
        """It has lasted."""

    def end(self, key: str, now: float) -> None:
        """It is over; one that was never raised is forgotten."""

    def untold(self, channel: str) -> Sequence[tuple[Alert, Moment]]:
        """What a channel was not told of yet, in the order in which it happened."""

    def told(self, alert_pk: int, channel: str, moment: Moment, now: float) -> None:
        """A channel was told."""

    def newest(self, limit: int) -> Sequence[Alert]:
        """The newest that were raised, over or not."""

    def forget(self, before: float) -> None:
        """Drop those that were over by then."""


class AlertTransaction(Protocol):
    """A transaction in which alerts are known."""

    @property
    def alerts(self) -> Alerts:
        """The alerts."""

    @property
    def timers(self) -> Timers:
        """When to look again."""


class AlertStore(Protocol):
    """Runs such transactions."""

    def read(self, work: Callable[[AlertTransaction], T]) -> T:
        """Run what only reads."""

    def transact(self, work: Callable[[AlertTransaction], T]) -> T:
        """Run it; kept when it returns."""


Look = Callable[[], Iterable[Problem]]


class RaiseAlerts:
    """`looks` find problems; `after` seconds a problem becomes an alert."""

    def __init__(
        self,
        *,
        store: AlertStore,
        clock: Clock,
        looks: Sequence[Look],
        channels: Sequence[Channel],
        after: float,
    ) -> None:
        self._store = store
        self._clock = clock
        self._looks = looks
        self._channels = channels
        self._after = after

    def begin(self) -> None:
        """See to it that somebody looks, now and then, on whichever node is alive."""
        now = self._clock()
        self._store.transact(lambda tx: tx.timers.ensure(ALERTS, "", now))

    def look(self, fired: FiredTimer, now: float) -> None:
        """A timer fired: compare, tell, and look again later."""
        try:
            self.compare(now)
            self._tell_all()
        finally:
            self._store.transact(lambda tx: self._again(tx, fired))

    def compare(self, now: float) -> None:
        """Note which problems began, have lasted, and are over."""
        problems = [problem for look in self._looks for problem in _looked(look)]
        opened = self._store.read(lambda tx: tx.alerts.open())
        changes = compare(opened, problems, now, self._after)
        if not (changes.begun or changes.raised or changes.over):
            return

        def work(tx: AlertTransaction) -> None:
            for problem in changes.begun:
                tx.alerts.begin(problem, now)
            for problem in changes.raised:
                tx.alerts.raise_(problem, now)
            for key in changes.over:
                tx.alerts.end(key, now)
            tx.alerts.forget(now - FORGOTTEN_AFTER)

        self._store.transact(work)

    def newest(self, limit: int) -> Sequence[Alert]:
        """The newest alerts, those that are over included."""
        return self._store.read(lambda tx: tx.alerts.newest(limit))

    def _tell_all(self) -> None:
        for channel in self._channels:
            self._tell(channel)

    def _tell(self, channel: Channel) -> None:
        """In order: a channel that fails is tried again at the next look."""
        for alert, moment in self._store.read(lambda tx: tx.alerts.untold(channel.name)):
            try:
                channel.tell(alert, moment)
            except TransportError as error:
                about = {"destination": channel.name, "reason": error.message}
                log.warning("alert.not_told", extra=about)
                return  # refused or not: no alert is dropped, and what is wrong can be mended
            self._store.transact(partial(self._note, alert.pk, channel.name, moment))

    def _note(self, pk: int, channel: str, moment: Moment, tx: AlertTransaction) -> None:
        tx.alerts.told(pk, channel, moment, self._clock())

    def _again(self, tx: AlertTransaction, fired: FiredTimer) -> None:
        if tx.timers.finish(fired):
            tx.timers.set(ALERTS, "", self._clock() + LOOK_SECONDS)


def _looked(look: Look) -> Iterable[Problem]:
    """What one look finds; that it finds nothing out is a problem of its own."""
    try:
        return [*look()]
    except BridgeError as error:
        return [Problem("alerts", f"it cannot be told how things are: {error.message}")]
