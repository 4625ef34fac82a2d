"""The dispatcher and a FHIR destination together, over real sockets."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import pytest

from bridge.delivery.dispatcher import Dispatcher
from bridge.delivery.worker import Pace
from bridge.domain.delivery import Delivery, RetryPolicy
from bridge.domain.publication import PublishedStudy
from bridge.fhir.client import Server
from bridge.fhir.composition import Manner
from bridge.fhir.destination import FhirDestination, FhirDestinationConfiguration
from bridge.fhir.endpoint import Access
from tests.adapters.fhir.scripted_server import (
    DROP,
    Asked,
    Reply,
    ScriptedServer,
    done,
    obliging,
    searchset,
    serving,
)
from tests.unit.delivery.memory_queue import DELIVERED, MemoryQueue
from tests.unit.fhir.studies import a_patient, a_series, a_study, published

WADO = Access(identifier="urn:bridge:HOSP:wado-rs", address="http://127.0.0.1:8080/dicom-web")


class StudyQueue(MemoryQueue):
    """Each subject is a study of its own: of one patient, or of as many as there are studies."""

    one_patient = True

    def gather(self, delivery: Delivery) -> PublishedStudy:
        number = delivery.subject.rpartition(":")[2]
        patient = a_patient("P1" if self.one_patient else f"P{number}")
        return published(a_study(a_series(), uid=f"1.2.3.{number}"), patient)


class CarelessServer:
    """Conditional requests without isolation: it looks, dawdles, then writes."""

    def __init__(self) -> None:
        self.held: list[tuple[str, str]] = []

    def __call__(self, asked: Asked) -> Reply:
        if asked.method == "GET":
            return searchset()
        entries = asked.resource["entry"]
        missing = [key for entry in entries if (key := self.key(entry)) not in self.held]
        time.sleep(0.01)
        self.held += missing
        return done(*["200 OK"] * len(entries))

    @staticmethod
    def key(entry: dict[str, Any]) -> tuple[str, str]:
        request = entry["request"]
        where = request.get("ifNoneExist") or request["url"].partition("?")[2]
        return entry["resource"]["resourceType"], unquote(where)

    def count(self, kind: str) -> int:
        return sum(1 for held, _ in self.held if held == kind)


@pytest.fixture
def ehr() -> Iterator[ScriptedServer]:
    with serving() as server:
        yield server


@contextmanager
def dispatching(queue: MemoryQueue, ehr: ScriptedServer) -> Iterator[FhirDestination]:
    destination = FhirDestination(
        FhirDestinationConfiguration(
            name="ehr",
            server=Server(url=ehr.url),
            retry=RetryPolicy(base=0.01, ceiling=0.05, attempts=5),
            manner=Manner(access=(WADO,)),
        )
    )
    pace = Pace(lanes=6, poll=0.05)
    dispatcher = Dispatcher(queue, [destination], time.time, "node-1", pace=pace)
    dispatcher.start()
    try:
        yield destination
    finally:
        assert dispatcher.stop(grace=60)
        destination.close()


@pytest.mark.parametrize("one_patient", [True, False])
def test_given_many_studies_at_once_when_published_then_nothing_is_created_twice(
    ehr: ScriptedServer, one_patient: bool
) -> None:
    careless, queue = CarelessServer(), StudyQueue()
    queue.one_patient = one_patient
    ehr.script = careless
    for number in range(18):
        queue.add(f"study:{number}")

    with dispatching(queue, ehr):
        queue.until(queue.all_are(DELIVERED))

    assert careless.count("Patient") == (1 if one_patient else 18)
    assert careless.count("Endpoint") == 1
    assert careless.count("ImagingStudy") == 18


def test_given_an_ehr_under_repair_when_it_is_back_then_all_is_told_and_nothing_was_burned(
    ehr: ScriptedServer,
) -> None:
    queue = StudyQueue()
    ehr.script = lambda asked: Reply(503)
    for number in range(8):
        queue.add(f"study:{number}")
    with dispatching(queue, ehr):
        queue.until(lambda: len(queue.outcomes) > 20)
        ehr.script = lambda asked: searchset() if asked.method == "GET" else done(*["200"] * 3)
        queue.until(queue.all_are(DELIVERED))
    assert {row.delivery.attempts for row in queue.rows} == {0}


def test_given_answers_that_get_lost_when_published_then_each_study_is_told_until_confirmed(
    ehr: ScriptedServer,
) -> None:
    seen: dict[str, int] = {}

    def script(asked: Asked) -> Reply:
        if asked.method == "GET":
            return obliging(asked)
        study = json.loads(asked.body)["entry"][-1]["resource"]["identifier"][0]["value"]
        seen[study] = seen.get(study, 0) + 1
        return DROP if seen[study] <= 3 else done(*["200"] * 3)

    queue = StudyQueue()
    ehr.script = script
    for number in range(6):
        queue.add(f"study:{number}")
    with dispatching(queue, ehr):
        queue.until(queue.all_are(DELIVERED))
    # Three breaks are one attempt (asked twice at once) and a half; the fourth time is the charm.
    # Once several met silence the destination is in doubt, and no attempt is burned any more.
    assert set(seen.values()) == {4}
    assert {row.delivery.attempts for row in queue.rows} == {0, 1}
