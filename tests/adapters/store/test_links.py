"""What passed over links, added up by several processes; and alerts, told once by channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from bridge.domain.alert import Alert, Moment, Problem
from bridge.domain.delivery import TransportError
from bridge.domain.errors import ResourceBusy
from bridge.domain.link import HOUR, Link, LinkKind, SilenceRule
from bridge.services.raise_alerts import ALERTS, LOOK_SECONDS, RaiseAlerts
from bridge.services.watch_links import LinkTally, WatchLinks
from bridge.store import links as links_module
from bridge.store.database import Database
from bridge.store.repositories import SqlStore

NOW = 1_767_603_600.0
HIS = Link(LinkKind.HL7, "his")
EHR = Link(LinkKind.DESTINATION, "ehr")


@dataclass(slots=True)
class Time:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def watch(store: SqlStore, time: Time, ignored: frozenset[str] = frozenset()) -> WatchLinks:
    return WatchLinks(
        store=store, tally=LinkTally(time), clock=time, rule=SilenceRule(), ignored=ignored
    )


def test_given_two_processes_then_what_they_heard_is_one(store: SqlStore, time: Time) -> None:
    tallies = [LinkTally(time), LinkTally(time)]
    watches = [
        WatchLinks(store=store, tally=each, clock=time, rule=SilenceRule()) for each in tallies
    ]
    for tally in tallies:
        tally.succeeded(HIS)
    tallies[1].failed(EHR, "the receiver answered 503")
    for each in watches:
        each.note()
    time.now += 2
    tallies[0].succeeded(HIS)
    tallies[0].succeeded(EHR)
    watches[0].note()
    watches[1].note()
    destination, his = watches[1].links()
    assert (his.link, his.rate, his.last_success_at, his.problem) == (HIS, 3, NOW + 2, "")
    assert (destination.last_failure, destination.problem) == ("the receiver answered 503", "")
    assert destination.last_failure_at == NOW


def test_given_a_busy_link_falls_silent_then_it_says_so_unless_it_is_ignored(
    store: SqlStore, time: Time
) -> None:
    tally = LinkTally(time)
    watcher = WatchLinks(store=store, tally=tally, clock=time, rule=SilenceRule())
    for _ in range(48):
        for _ in range(60):
            tally.succeeded(HIS)
        time.now += HOUR
        watcher.note()
    (his,) = watcher.links()
    assert his.problem == "silent for 60 minutes, in which about 60 are usual"
    (ignored,) = watch(store, time, frozenset({"his"})).links()
    assert ignored.problem == ""


def test_given_the_database_is_away_then_what_was_heard_is_noted_later(
    store: SqlStore, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally = LinkTally(time)
    watcher = WatchLinks(store=store, tally=tally, clock=time, rule=SilenceRule())
    watcher.note()
    tally.succeeded(HIS)
    tally.succeeded(HIS)

    def away(_work: object) -> None:
        raise ResourceBusy("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(store, "transact", away)
        with pytest.raises(ResourceBusy):
            watcher.note()
    tally.succeeded(HIS)
    watcher.note()
    assert watcher.links()[0].rate == 3


def test_given_a_month_passed_then_older_hours_are_forgotten(
    store: SqlStore, database: Database, time: Time
) -> None:
    tally = LinkTally(time)
    watcher = WatchLinks(store=store, tally=tally, clock=time, rule=SilenceRule())
    tally.succeeded(HIS)
    watcher.note()
    time.now += 30 * 24 * HOUR
    tally.succeeded(HIS)
    watcher.note()
    with database.read() as connection:
        (activity,) = links_module.Links(connection).every()
    assert list(activity.hours.values()) == [1]
    assert activity.first_seen_at == NOW


def test_given_callers_under_ever_new_names_then_no_more_than_so_many_are_kept(
    store: SqlStore, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links_module, "MOST_LINKS", 3)
    tally = LinkTally(time)
    watcher = WatchLinks(store=store, tally=tally, clock=time, rule=SilenceRule())
    for number in range(5):
        tally.succeeded(Link(LinkKind.DICOM, f"AE{number}"))
    watcher.note()
    tally.succeeded(Link(LinkKind.DICOM, "AE1"))
    watcher.note()
    assert [each.link.peer for each in watcher.links()] == ["AE0", "AE1", "AE2"]


# --- alerts -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Pager:
    """A channel; while it is `down` nothing gets through."""

    name: str
    told: list[tuple[str, Moment]] = field(default_factory=list)
    down: bool = False

    def tell(self, alert: Alert, moment: Moment) -> None:
        if self.down:
            raise TransportError("nobody there", permanent=False, unreachable=True)
        self.told.append((alert.key, moment))


@dataclass(slots=True)
class Watchman:
    """Somebody who looks whenever the timer fires."""

    store: SqlStore
    time: Time
    problems: list[Problem] = field(default_factory=list)
    pagers: tuple[Pager, ...] = (Pager("mail"), Pager("webhook pager"))

    def alerts(self, looks: Callable[[], list[Problem]] | None = None) -> RaiseAlerts:
        return RaiseAlerts(
            store=self.store,
            clock=self.time,
            looks=(looks or (lambda: self.problems),),
            channels=self.pagers,
            after=60.0,
        )

    def wait(self, seconds: float) -> None:
        """Let time pass, looking as the timers say."""
        until = self.time.now + seconds
        alerts = self.alerts()
        alerts.begin()
        while self.time.now <= until:
            for fired in self.store.transact(
                lambda tx: tx.timers.claim("node", self.time.now, 60.0, 10)
            ):
                assert fired.kind == ALERTS
                alerts.look(fired, self.time.now)
            self.time.now += LOOK_SECONDS


@pytest.fixture
def watchman(store: SqlStore, time: Time) -> Watchman:
    return Watchman(store, time, pagers=(Pager("mail"), Pager("webhook pager")))


DOWN = Problem("destination ehr", "down: the receiver answered 503")
RAISED, OVER = (DOWN.key, Moment.RAISED), (DOWN.key, Moment.OVER)


def test_given_a_problem_lasts_then_every_channel_is_told_once_and_once_when_it_is_over(
    watchman: Watchman,
) -> None:
    watchman.problems = [DOWN]
    watchman.wait(45)
    assert watchman.pagers[0].told == []
    watchman.wait(600)
    watchman.problems = [Problem(DOWN.key, "down: something else by now")]
    watchman.wait(600)
    assert [each.told for each in watchman.pagers] == [[RAISED], [RAISED]]
    watchman.problems = []
    watchman.wait(120)
    assert [each.told for each in watchman.pagers] == [[RAISED, OVER], [RAISED, OVER]]
    watchman.problems = [DOWN]
    watchman.wait(120)
    assert watchman.pagers[0].told == [RAISED, OVER, RAISED]


def test_given_it_passes_by_itself_then_nobody_is_woken(watchman: Watchman) -> None:
    watchman.problems = [DOWN]
    watchman.wait(30)
    watchman.problems = []
    watchman.wait(120)
    assert watchman.pagers[0].told == []
    assert watchman.alerts().newest(10) == ()


def test_given_one_channel_is_down_then_it_is_told_later_and_the_other_at_once(
    watchman: Watchman,
) -> None:
    mail, pager = watchman.pagers
    mail.down, watchman.problems = True, [DOWN]
    watchman.wait(120)
    assert (mail.told, pager.told) == ([], [RAISED])
    watchman.problems = []
    watchman.wait(60)
    mail.down = False
    watchman.wait(60)
    assert mail.told == pager.told == [RAISED, OVER]


def test_given_nobody_can_look_then_that_is_the_problem(watchman: Watchman) -> None:
    def fail() -> list[Problem]:
        raise ResourceBusy("the database is away")

    alerts = watchman.alerts(fail)
    alerts.compare(NOW)
    alerts.compare(NOW + 61)
    (alert,) = alerts.newest(10)
    assert (alert.key, alert.raised_at) == ("alerts", NOW + 61)
    assert alert.words == "it cannot be told how things are: the database is away"
