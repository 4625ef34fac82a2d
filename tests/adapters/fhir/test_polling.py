"""Asking a server for orders: pages, includes, restarts, failures, and several nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge.domain.errors import BridgeError
from bridge.domain.identifiers import Authority
from bridge.fhir.client import FhirClient, Server
from bridge.fhir.polling import POLL, Polled, PolledSource, Poller, PollingPlan
from bridge.fhir.reading import FhirSender
from bridge.fhir.source_intake import Sourced, SourceIntake
from bridge.fhir.source_server import SourceServer
from bridge.mapping.fhir_profiles import load_fhir_profile
from bridge.mapping.source import Site
from bridge.store import schema
from bridge.store.database import Database
from bridge.store.repositories import SqlTransaction
from bridge.store.timers import Timer
from tests.adapters.fhir.scripted_server import Asked, Reply, ScriptedServer, outcome
from tests.peers.process import wait_until
from tests.unit.fhir.reading.reader import patient, request
from tests.unit.services.core import HOSP, Core

SENDER = FhirSender.of(
    load_fhir_profile("fhir-r4"),
    Site(authority=HOSP, resources=Authority("ehr")),
    is_authoritative=True,
)


def version(resource: dict[str, Any], number: int = 1, at: str = "08:00:00") -> dict[str, Any]:
    meta = {"versionId": str(number), "lastUpdated": f"2026-03-12T{at}.000Z"}
    return resource | {"meta": meta}


@dataclass
class Ehr:
    """What a scripted server holds, and how it pages."""

    server: ScriptedServer
    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, Reply] = field(default_factory=dict)
    page_size: int = 2
    next_base: str = ""
    includes: bool = True

    def put(self, *resources: dict[str, Any]) -> None:
        for each in resources:
            self.held[f"{each['resourceType']}/{each['id']}"] = each

    def __call__(self, asked: Asked) -> Reply:
        path = asked.path.removeprefix("/fhir/")
        for part, reply in self.answers.items():
            if part in path:
                return reply
        if "?" not in path:
            found = self.held.get(path)
            return Reply(body=found) if found else Reply(404, outcome("not-found"))
        if "_include" in path and not self.includes:
            return Reply(400, outcome("not-supported"))
        return Reply(body=self.search(path))

    def search(self, path: str) -> dict[str, Any]:
        kind, _, query = path.partition("?")
        found = [each for each in self.held.values() if each["resourceType"] == kind]
        start = int(query.rpartition("from=")[2]) if "from=" in query else 0
        page = found[start : start + self.page_size]
        entries: list[dict[str, Any]] = [
            {"resource": each, "search": {"mode": "match"}} for each in page
        ]
        if "_include=ServiceRequest:subject" in query or "from=" in query:
            included = self.held.get("Patient/p")
            if included and self.includes:
                entries.append({"resource": included, "search": {"mode": "include"}})
        rest = start + self.page_size < len(found)
        base = self.next_base or self.server.url
        more = {"relation": "next", "url": f"{base}/{kind}?from={start + self.page_size}"}
        return {
            "resourceType": "Bundle",
            "type": "searchset",
            "link": [{"relation": "self", "url": base}, *([more] if rest else [])],
            "entry": entries,
        }

    def questions(self, part: str = "ServiceRequest?_lastUpdated") -> list[str]:
        return [asked.path for asked in self.server.asked if part in asked.path]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(f"sqlite:///{tmp_path}/bridge.db")) as found:
        schema.upgrade(found)
        yield found


@pytest.fixture
def core(database: Database) -> Core:
    return Core(database, start="20260312080000")


@pytest.fixture
def scripted(ehr: ScriptedServer) -> Ehr:
    found = Ehr(ehr)
    found.put(patient())
    ehr.script = found
    return found


MakeSource = Callable[..., PolledSource]


@pytest.fixture
def make_source(core: Core, ehr: ScriptedServer) -> Iterator[MakeSource]:
    made: list[PolledSource] = []

    def make(kinds: tuple[str, ...] = ("ServiceRequest",), **plan: Any) -> PolledSource:
        client = FhirClient(Server(url=ehr.url, timeout=5.0))
        intake = SourceIntake(
            name="ehr",
            peer=ehr.url,
            sourced=lambda: Sourced(SENDER, "his_only"),
            messages=core.messages,
            store=core.store,
            clock=core.clock,
        )
        usual: dict[str, Any] = {"parameters": {}, "page_size": 2}
        source = PolledSource(
            PollingPlan(name="ehr", kinds=kinds, **(usual | plan)),
            SourceServer(client, ehr.url, kinds),
            intake,
            store=core.store,
            clock=core.clock,
        )
        made.append(source)
        return source

    yield make
    for each in made:
        each.close()


@pytest.fixture
def source(make_source: MakeSource) -> PolledSource:
    return make_source()


def shown(core: Core) -> int:
    return len(core.worklist())


def requests(count: int, **elements: Any) -> list[dict[str, Any]]:
    return [
        version(request(f"r{n}", f"K{n}", **elements), at=f"08:00:{n:02}") for n in range(count)
    ]


class TestPages:
    def test_given_links_then_every_page_is_read(
        self, core: Core, scripted: Ehr, source: PolledSource
    ) -> None:
        scripted.put(*requests(5))
        source.poll()
        assert shown(core) == 5
        assert len(scripted.questions("ServiceRequest?")) == 3

    def test_given_links_that_name_another_host_then_only_ours_is_asked(
        self, core: Core, scripted: Ehr, source: PolledSource
    ) -> None:
        scripted.next_base = "https://public.invalid/fhir"
        scripted.put(*requests(5))
        source.poll()
        assert shown(core) == 5

    def test_given_pages_in_a_circle_then_that_ends_with_an_error(
        self, scripted: Ehr, source: PolledSource, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bridge.fhir.source_server.MOST_PAGES", 5)
        scripted.page_size = 0
        scripted.put(*requests(1))
        with pytest.raises(BridgeError, match="no end"):
            source.poll()

    def test_given_a_server_that_knows_no_includes_then_patients_are_asked_one_by_one(
        self, core: Core, scripted: Ehr, source: PolledSource
    ) -> None:
        scripted.includes = False
        scripted.put(*requests(3))
        source.poll()
        assert shown(core) == 3
        assert scripted.questions("/Patient/p")
        asked = len(scripted.questions("_include"))
        source.poll()
        assert len(scripted.questions("_include")) == asked

    def test_given_a_page_cut_short_without_a_link_then_it_is_asked_on_from_there(
        self, core: Core, make_source: MakeSource, scripted: Ehr
    ) -> None:
        resources = requests(3)
        scripted.put(*resources)

        def cut(asked: Asked) -> Reply:
            if "ServiceRequest?" not in asked.path:
                return scripted(asked)
            since = asked.query.partition("_lastUpdated=ge")[2].partition("&")[0]
            found = [r for r in resources if r["meta"]["lastUpdated"] >= since][:2]
            return Reply(
                body={
                    "resourceType": "Bundle",
                    "type": "searchset",
                    "entry": [{"resource": each} for each in found],
                }
            )

        scripted.server.script = cut
        make_source(lookback=0.0).poll()
        assert shown(core) == 3

    def test_given_one_cut_short_in_no_order_then_nothing_is_taken_for_whole(
        self, scripted: Ehr, source: PolledSource
    ) -> None:
        body = {
            "resourceType": "Bundle",
            "type": "searchset",
            "entry": [{"resource": each} for each in reversed(requests(2))],
        }
        scripted.answers["ServiceRequest?"] = Reply(body=body)
        with pytest.raises(BridgeError, match="cuts its answers short"):
            source.poll()


class TestOnce:
    def test_given_what_was_read_then_the_next_question_goes_on_from_there(
        self, core: Core, scripted: Ehr, source: PolledSource
    ) -> None:
        scripted.put(version(request(), at="08:00:00"))
        source.poll()
        source.poll()
        first, second = scripted.questions()
        assert "2026-03-12T07%3A59%3A00.000Z" in second
        assert first != second
        assert core.journal() == [("applied", "")]

    def test_given_a_restart_then_it_goes_on_too(
        self, core: Core, scripted: Ehr, make_source: MakeSource
    ) -> None:
        scripted.put(version(request()))
        make_source().poll()
        make_source().poll()
        assert "2026-03-12T07%3A59%3A00.000Z" in scripted.questions()[-1]
        assert len(core.journal()) == 1

    def test_given_a_new_version_then_it_is_applied(
        self, core: Core, scripted: Ehr, source: PolledSource
    ) -> None:
        scripted.put(version(request(priority="routine")))
        source.poll()
        scripted.put(version(request(status="revoked"), 2, "08:00:30"))
        source.poll()
        assert shown(core) == 0

    def test_given_a_server_without_versions_then_content_tells_them_apart(
        self, core: Core, scripted: Ehr, source: PolledSource
    ) -> None:
        scripted.put(request())
        source.poll()
        source.poll()
        assert len(core.journal()) == 1
        scripted.put(request(status="revoked"))
        source.poll()
        assert shown(core) == 0

    def test_given_a_request_that_is_refused_then_it_is_journaled_once(
        self, core: Core, scripted: Ehr, source: PolledSource
    ) -> None:
        scripted.put(version(request("a", "K1", status="bogus")), version(request("b", "K2")))
        source.poll()
        source.poll()
        assert sorted(disposition for disposition, _ in core.journal()) == ["applied", "refused"]
        assert shown(core) == 1


class TestFailures:
    def test_given_a_page_that_fails_then_nothing_is_lost_or_doubled(
        self, core: Core, scripted: Ehr, source: PolledSource
    ) -> None:
        scripted.put(*requests(4))
        scripted.answers["from=2"] = Reply(503)
        with pytest.raises(BridgeError):
            source.poll()
        assert shown(core) == 2
        scripted.answers.clear()
        source.poll()
        assert (shown(core), len(core.journal())) == (4, 4)

    def test_given_a_patient_who_cannot_be_asked_for_then_the_request_waits(
        self, core: Core, scripted: Ehr, source: PolledSource
    ) -> None:
        scripted.includes = False
        scripted.put(version(request()))
        scripted.answers["Patient/p"] = Reply(503)
        with pytest.raises(BridgeError):
            source.poll()
        assert core.journal() == []
        scripted.answers.clear()
        source.poll()
        assert shown(core) == 1

    @pytest.mark.parametrize("status", [403, 404, 410])
    def test_given_a_patient_who_is_not_there_then_it_is_refused_and_others_go_on(
        self, core: Core, scripted: Ehr, source: PolledSource, status: int
    ) -> None:
        scripted.includes = False
        stranger = request("a", "K1", subject={"reference": "Patient/gone"})
        scripted.put(version(stranger), version(request("b", "K2")))
        scripted.answers["Patient/gone"] = Reply(status)
        source.poll()
        assert sorted(disposition for disposition, _ in core.journal()) == ["applied", "refused"]

    def test_given_a_server_that_fails_then_that_is_known_until_it_answers(
        self, core: Core, scripted: Ehr, source: PolledSource
    ) -> None:
        poller = Poller([source], store=core.store, clock=core.clock)
        scripted.answers["ServiceRequest?"] = Reply(503)
        for _ in range(2):
            with pytest.raises(BridgeError):
                source.poll()
        assert "2 in a row failed: HTTP 503" in poller.problem("ehr")
        scripted.answers.clear()
        source.poll()
        assert poller.problem("ehr") == ""

    def test_given_a_page_that_is_no_bundle_then_it_fails(
        self, scripted: Ehr, source: PolledSource
    ) -> None:
        scripted.answers["ServiceRequest?"] = Reply(body={"resourceType": "Patient"})
        with pytest.raises(BridgeError, match="no Bundle"):
            source.poll()

    def test_given_resources_of_bad_form_with_it_then_what_can_be_read_is(
        self, core: Core, scripted: Ehr, source: PolledSource
    ) -> None:
        scripted.put(patient(gender="X", nonsense=True), version(request()))
        source.poll()
        assert shown(core) == 1


class TestFetching:
    def test_given_a_reference_then_it_is_read(
        self, core: Core, scripted: Ehr, source: PolledSource
    ) -> None:
        scripted.put(version(request()))
        assert source.fetch([f"{scripted.server.url}/ServiceRequest/r/_history/1"]) == 1
        assert shown(core) == 1

    @pytest.mark.parametrize(
        "reference",
        ["http://elsewhere.example/ServiceRequest/r", "ServiceRequest", "../admin/x", "urn:uuid:1"],
    )
    def test_given_one_that_leads_elsewhere_then_nobody_is_asked(
        self, scripted: Ehr, source: PolledSource, reference: str
    ) -> None:
        assert source.fetch([reference]) == 0
        assert scripted.server.asked == []

    def test_given_one_that_is_gone_then_its_order_is_cancelled(
        self, core: Core, scripted: Ehr, source: PolledSource
    ) -> None:
        scripted.put(version(request("r", number="")))
        source.poll()
        assert shown(core) == 1
        del scripted.held["ServiceRequest/r"]
        source.fetch(["ServiceRequest/r"])
        assert shown(core) == 0


def claim(node: str, now: float, tx: SqlTransaction) -> tuple[Timer, ...]:
    return tx.timers.claim(node, now, 60.0, 10)


class TestTimers:
    def test_given_two_nodes_then_one_of_them_asks(
        self, core: Core, scripted: Ehr, make_source: MakeSource
    ) -> None:
        pollers = [
            Poller([make_source()], store=core.store, clock=core.clock) for _ in ("one", "other")
        ]
        scripted.put(version(request()))
        for poller in pollers:
            poller.start()
        claims = [core.store.transact(partial(claim, node, core.now)) for node in ("one", "other")]
        assert [len(each) for each in claims] == [1, 0]

        pollers[0].fire(claims[0][0], core.now)
        wait_until(lambda: shown(core) == 1, "the order")
        for poller in pollers:
            poller.stop()
        assert len(scripted.questions()) == 1
        due = core.store.read(lambda tx: tx.timers.next_due(core.now))
        assert due == core.now + 15.0

    def test_given_failures_then_the_wait_grows_to_five_minutes(
        self, core: Core, scripted: Ehr, make_source: MakeSource
    ) -> None:
        scripted.answers["ServiceRequest?"] = Reply(503)
        source, waits = make_source(), []
        for _ in range(7):
            poller = Poller([source], store=core.store, clock=core.clock)
            poller.start()
            (fired,) = core.store.transact(lambda tx: tx.timers.claim("n", core.now, 60.0, 10))
            poller.fire(fired, core.now)
            poller.wait()
            due = core.store.read(lambda tx: tx.timers.next_due(core.now))
            assert due is not None
            waits.append(due - core.now)
            core.now = due
        assert waits == [30.0, 60.0, 120.0, 240.0, 300.0, 300.0, 300.0]

    def test_given_a_source_that_is_no_longer_configured_then_its_timer_ends(
        self, core: Core
    ) -> None:
        poller: Poller[Polled] = Poller([], store=core.store, clock=core.clock)
        core.store.transact(lambda tx: tx.timers.set(POLL, "former", core.now))
        (fired,) = core.store.transact(lambda tx: tx.timers.claim("n", core.now, 60.0, 10))
        poller.fire(fired, core.now)
        poller.stop()
        assert core.store.read(lambda tx: tx.timers.next_due(core.now)) is None
