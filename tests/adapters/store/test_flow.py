"""Given orders, images and deliveries on both databases, when charts ask, then times are told."""

from __future__ import annotations

import pytest

from bridge.domain.delivery import EventKind, Sent
from bridge.services.measure_flow import Way
from bridge.store.repositories import SqlStore
from tests.unit.services.core import Core, order, patient, procedure, step

DAY = 86_400


def test_given_an_order_that_lacks_something_then_it_is_listed_when_that_has_come(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = procedure("1.2.2", "R1", step(modality=""))
    _clock_says(monkeypatch, 1000.25)
    core.place(order())
    core.place(order("NW", hold, accession="A2"))
    assert _listed(core) == [(1000.0, 0.25)]

    core.now = 1060.0
    _clock_says(monkeypatch, 1060.5)
    core.place(order("XO", procedure("1.2.2", "R1", step(modality="CT")), accession="A2"))
    core.place(order("XO", procedure("1.2.1", "R1", step(modality="MR")), accession="A1"))
    assert _listed(core) == [(1000.0, 60.5), (1000.0, 0.25)]


def test_given_a_study_that_settles_then_it_is_timed_from_its_last_image(core: Core) -> None:
    core.place(order("NW", who=patient("P1")))
    core.image()
    core.now += 5
    core.image("1.2.1.1.2")
    core.settle()
    assert _times(core, Way.DECIDED) == [(1005.0, 30.0)]
    assert _times(core, Way.AVAILABLE) == []

    core.now += 2
    core.deliver()
    assert _times(core, Way.AVAILABLE) == [(1005.0, 32.0)]


def test_given_studies_with_and_without_order_then_the_hours_of_both_are_counted(
    core: Core,
) -> None:
    core.now = 10 * DAY + 100.0
    core.place(order())
    core.image()
    core.image("1.2.9.1.1", "1.2.9", accession="", patient_id="P9", modality="MR")
    core.settle()

    counted = core.store.read(lambda tx: tx.flow.studies(core.now - DAY, 900))
    bucket = int((10 * DAY + 100) // 900)
    assert counted == {("CT", bucket): (0, 1), ("MR", bucket): (1, 1)}
    arrived = core.store.read(lambda tx: tx.flow.arrived(core.now - DAY, 900, images=True))
    assert arrived[("images", bucket)] == 2
    assert arrived[("studies", bucket)] == 2
    assert arrived[("hl7", bucket)] == 1
    assert core.store.read(lambda tx: tx.flow.arrived(core.now + DAY, 900, images=True)) == {}


def test_given_deliveries_older_than_the_period_then_only_those_of_it_are_counted(
    core: Core, store: SqlStore
) -> None:
    for number in range(9):
        core.now = 1000.0 + number * 60
        store.transact(
            lambda tx, n=number: tx.deliveries.enqueue(  # type: ignore[misc]
                "ehr", f"study:{n}", EventKind.STUDY_AVAILABLE, str(n), core.now
            )
        )
    core.now = 1500.0
    (first, *_) = core.outbox.claim("ehr", "node", core.now, 60.0, 10)
    core.outbox.delivered(first, Sent(request=b"x", response=b"y"), core.now)

    def work(tx):  # type: ignore[no-untyped-def]
        return tx.flow.queue_now(), tx.flow.queued(1240.0, 60), tx.flow.unqueued(1240.0, 60)

    now, came, went = store.read(work)
    assert now == {"ehr": 8}
    assert came == {("ehr", bucket): 1 for bucket in range(20, 25)} | {}
    assert went == {("ehr", 25): 1}


def _listed(core: Core) -> list[tuple[float, float]]:
    return [(at, round(took, 3)) for at, took in _times(core, Way.LISTED)]


def _times(core: Core, way: Way) -> list[tuple[float, float]]:
    return list(core.store.read(lambda tx: tx.flow.times(way, 0.0, 1e9, 100)))


def _clock_says(monkeypatch: pytest.MonkeyPatch, at: float) -> None:
    monkeypatch.setattr("bridge.store.orders.time.time", lambda: at)
