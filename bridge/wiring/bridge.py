"""The running bridge: all roles in one process, started and stopped in order."""

from __future__ import annotations

import logging
import socket
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from fastapi import FastAPI

from bridge.delivery.timekeeper import Timekeeper
from bridge.dicom.server import DicomServer
from bridge.fhir.polling import POLL
from bridge.services.follow_names import FollowNames
from bridge.services.offer_subscriptions import HEARTBEAT
from bridge.services.overdue_performed_steps import OPEN
from bridge.services.raise_alerts import ALERTS
from bridge.services.retain import RETENTION
from bridge.services.settling import SETTLE
from bridge.settings import Http, Settings, public_url
from bridge.store import schema
from bridge.store.overview import schema_warning
from bridge.store.repositories import SqlTransaction
from bridge.wiring.addresses import listen, listening
from bridge.wiring.alerting import build_alerts
from bridge.wiring.async_listeners import STOP_GRACE_SECONDS, AsyncListeners
from bridge.wiring.console_pages import build_mappings
from bridge.wiring.core import Core, build_core
from bridge.wiring.destinations import build_destinations, subscriptions
from bridge.wiring.dispatchers import build_dispatchers
from bridge.wiring.edges import build_dicom
from bridge.wiring.forwarding import forward_kinds
from bridge.wiring.hl7_answers import build_return_connections
from bridge.wiring.hl7_out import outbound_profiles
from bridge.wiring.http import Checks, build_http
from bridge.wiring.images import bucket_check
from bridge.wiring.link_watch import LinkWatch, watch_links
from bridge.wiring.name_index import NameFollower
from bridge.wiring.performed_step_policy import build_overdue
from bridge.wiring.place import Place, State
from bridge.wiring.profile_watch import ProfileWatch
from bridge.wiring.retention import build_retain
from bridge.wiring.sources import (
    POLL_ARCHIVE,
    archive_sources,
    build_archive_poller,
    build_poller,
    fhir_sources,
    notifiers,
)
from bridge.wiring.stopping import end_side_by_side
from bridge.wiring.subscriptions import build_channel

log = logging.getLogger(__name__)

_CUTTING_OFF_SECONDS = 2.0
"""What is not done within the grace is cut off, which takes a moment, too."""


class Bridge:
    """Everything that `bridge serve` runs, or one of its processes when there are several."""

    def __init__(self, settings: Settings, place: Place | None = None) -> None:
        """Build everything; the HTTP port is taken here, because others are told of it.

        Raises BridgeError or ProfileError when that or something configured cannot be had.
        """
        self._place = place
        self._works_alone = place is None or place.is_first
        with ExitStack() as taken:
            http = settings.http
            bound = listen("HTTP", http.host, http.port, shared=place is not None)
            taken.callback(bound.close)
            self.settings = settings = _with_bound_port(settings, bound)
            # The same after a restart: the port is ours alone, so what a node of this name claimed
            # and did not finish was claimed by a former life of ours.
            self._owner = f"{socket.gethostname()}:{settings.http.port}"
            destinations = build_destinations(settings)
            for each in destinations:
                taken.callback(each.close)
            told = {**subscriptions(settings, destinations), **forward_kinds(settings)}
            self.core: Core = build_core(settings, told)
            taken.callback(self.core.database.close)
            taken.callback(self.core.pixels.close)
            enabled = {each.name for each in settings.destinations if each.enabled}
            active = [each for each in destinations if each.name in enabled]
            returns = build_return_connections(settings)
            for link in returns:
                taken.callback(link.close)
            self._channel = build_channel(self.core)
            taken.callback(self._channel.close)
            self._dispatchers = build_dispatchers(
                self.core, active, returns, told, self._channel, self._owner
            )
            self._links = watch_links(settings, self.core.store, self.core.tally)
            self._link_watch = LinkWatch(self._links)
            self._names = NameFollower(FollowNames(self.core.store, time.time))
            self._overdue = build_overdue(settings, self.core.store, self.core.performed_steps)
            self._poller = build_poller(self.core)
            self._archives = build_archive_poller(self.core)
            self._profile_watch = ProfileWatch(
                self.core.profiles,
                self.core.fhir_profiles,
                self.core.matching_rules.tables,
                *outbound_profiles(active),
                taken_up=self._note_profiles,
            )
            self._alerts = build_alerts(
                self.core, self._links, {**self.checks(), **self.warnings()}
            )
            self._retain = build_retain(settings, self.core.database, self.core.store)
            self._timekeeper = self._build_timekeeper()
            self._connect_wakers()
            self._dicom: DicomServer = build_dicom(self.core)
            self._dicom_is_up = False
            self._listeners = AsyncListeners(self.core, bound, self._build_http)
            self._taken = taken.pop_all()

    def _build_timekeeper(self) -> Timekeeper:
        return Timekeeper(
            store=self.core.store,
            clock=time.time,
            owner=self._owner,
            actions={
                SETTLE: self.core.complete.look,
                OPEN: self._overdue.look,
                POLL: self._poller.fire,
                HEARTBEAT: self._channel.heartbeat,
                POLL_ARCHIVE: self._archives.fire,
                RETENTION: self._retain.look,
                ALERTS: self._alerts.look,
            },
        )

    def _connect_wakers(self) -> None:
        """Have whoever does the work told of it: in this process, or in the first of several."""
        wakers = self.core.wakers
        if self._place is not None and not self._works_alone:
            wakers.deliveries.append(self._place.calls.deliveries_queued)
            wakers.timers.append(self._place.calls.timer_set)
            return
        wakers.deliveries += (each.wake for each in self._dispatchers)
        wakers.timers.append(self._timekeeper.wake)
        if self._place is not None:
            self._place.calls.hear(wakers.deliveries_queued, wakers.timer_set)

    def _build_http(self) -> FastAPI:
        notifying = notifiers(self.settings, self._poller)
        return build_http(self.core, self.checks(), self.warnings(), notifying)

    def _note_profiles(self) -> None:
        """Keep which profiles are in force, where that is news; one process of several does."""
        if self._works_alone:
            build_mappings(self.core).note_what_is_in_force()

    @property
    def http_address(self) -> str:
        """Base URL of the HTTP listener."""
        return http_address(self.settings.http)

    @property
    def hl7_ports(self) -> dict[str, int]:
        """The MLLP port of each listener, by name."""
        return {listener.name: listener.port for listener in self._listeners.listeners}

    @property
    def dicom_port(self) -> int:
        """The DICOM port."""
        return self._dicom.port

    def start(self) -> None:
        """Migrate, take up what an earlier run left, and listen.

        Raises BridgeError when the database or a port cannot be had; nothing is left running then.
        """
        try:
            if self._works_alone:
                schema.upgrade(self.core.database)
                self._release_claims()
            self._profile_watch.start()
            self._link_watch.start()
            if self._works_alone:
                self._poller.start()
                self._archives.start()
                self._alerts.begin()
                self._retain.start()
                self._timekeeper.start()
                self._names.start()
                for each in self._dispatchers:
                    each.start()
            self._start_dicom()
            self._listeners.start()
            if self._place is not None:
                self._place.board.put(self._place.number, State.UP)
        except BaseException:
            self.stop()
            raise
        log.info(
            "bridge.started", extra={"hl7": str(self.hl7_ports), "dicom_port": self.dicom_port}
        )

    def _start_dicom(self) -> None:
        address = self.settings.dicom
        with listening("DICOM", address.host, address.port):
            self._dicom.start()
        self._dicom_is_up = True

    def _release_claims(self) -> None:
        """Take up at once what was in hand when we were killed; SQLite has no other node."""
        owner = None if self.core.database.is_sqlite else self._owner

        def work(tx: SqlTransaction) -> None:
            tx.deliveries.release(owner)
            tx.timers.release(owner)

        self.core.store.transact(work)

    def stop(self) -> bool:
        """Take nothing new, finish what is under way, and return when all is closed.

        All end side by side: whatever hangs, there is one grace for everything. False when
        something did not end within it: a thread may still hang then.
        """
        self._dicom_is_up = False
        if self._place is not None:
            self._place.board.put(self._place.number, State.DOWN)
        late = end_side_by_side(
            {
                "listeners": self._listeners.stop,
                "dicom": self._dicom.stop,
                "profiles": self._profile_watch.stop,
                "links": self._link_watch.stop,
                "timers": self._stop_timers,
                "deliveries": self._stop_deliveries,
            },
            STOP_GRACE_SECONDS + _CUTTING_OFF_SECONDS,
        )
        for name in late:
            log.warning("bridge.stopped_without", extra={"reason": name})
        self._taken.close()
        log.info("bridge.stopped")
        return not late

    def _stop_timers(self) -> None:
        self._timekeeper.stop()
        self._names.stop()
        self._poller.stop()
        self._archives.stop()

    def _stop_deliveries(self) -> None:
        for each in self._dispatchers:
            each.request_stop()
        deadline = time.monotonic() + STOP_GRACE_SECONDS
        for each in self._dispatchers:
            each.stop(max(0.0, deadline - time.monotonic()))

    def reload_profiles(self) -> None:
        """Read the mapping profiles and code tables again, all or none."""
        self._profile_watch.reload()

    def warnings(self) -> Checks:
        """What somebody should look at although the work goes on."""
        problems = {
            f"source {each.name}": partial(self._poller.problem, each.name)
            for each in (*fhir_sources(self.settings), *archive_sources(self.settings))
        }
        return {
            "mappings": self._profile_watch.problem,
            "schema": partial(schema_warning, self.core.database),
            "performed steps": self._overdue.problem,
            **problems,
        }

    def checks(self) -> Checks:
        """Whether each listener is up, for readiness."""
        return {
            "hl7": lambda: "" if self._listeners.is_up else "the MLLP listeners are not up",
            "dicom": lambda: "" if self._dicom_is_up else "the DICOM listener is not up",
            "disks": self.core.room.problem,
            **bucket_check(self.settings),
            **({"processes": self._place.board.problem} if self._place else {}),
        }


def http_address(http: Http) -> str:
    """Base URL of an HTTP listener."""
    named = f"[{http.host}]" if ":" in http.host else http.host
    return f"http://{named}:{http.port}"


def _with_bound_port(settings: Settings, bound: socket.socket) -> Settings:
    """The settings with the port that was really taken, where they left it open (0)."""
    http = settings.http
    if http.port:
        return settings
    port = bound.getsockname()[1]
    is_derived = http.public_url == public_url(http.host, http.port)
    address = public_url(http.host, port) if is_derived else http.public_url
    return replace(settings, http=replace(http, port=port, public_url=address))
