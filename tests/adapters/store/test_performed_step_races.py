"""Messages about one performed step on parallel associations end as if one had come first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.domain.performed_step import PerformedStepFinal
from bridge.store.performed_steps import PerformedSteps
from tests.adapters.store.test_races import Race
from tests.unit.services.core import Core, order, procedure, report, scheduled

IN_PROGRESS, COMPLETED = "IN PROGRESS", "COMPLETED"


@pytest.fixture
def race(core: Core, monkeypatch: pytest.MonkeyPatch) -> Race:
    return Race(core, monkeypatch)


@pytest.mark.parametrize("point", [(PerformedSteps, "lock"), (PerformedSteps, "add")])
def test_the_same_creation_on_two_associations(
    core: Core, race: Race, point: tuple[type, str]
) -> None:
    core.place(order())

    def create() -> None:
        core.start_step("1.9.1", IN_PROGRESS, scheduled())

    race.run(create, point, create)
    assert len(core.performed.messages("1.9.1")) == 1
    assert core.statuses() == {"S1": "STARTED"}


def test_two_ends_of_one_step(core: Core, race: Race) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    refused = []

    def end(status: str) -> None:
        try:
            core.end_step("1.9.1", status)
        except PerformedStepFinal as error:
            refused.append(error)

    race.run(lambda: end(COMPLETED), (PerformedSteps, "change"), lambda: end("DISCONTINUED"))
    assert core.statuses() == {"S1": COMPLETED}
    assert len(refused) == 1
    assert len(core.performed.messages("1.9.1")) == 2


def test_two_steps_of_one_order_that_end_at_once(core: Core, race: Race) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.start_step("1.9.2", IN_PROGRESS, scheduled())
    race.run(
        lambda: core.end_step("1.9.1", "DISCONTINUED"),
        (PerformedSteps, "of_steps"),
        lambda: core.end_step("1.9.2", "DISCONTINUED"),
    )
    assert core.statuses() == {"S1": "DISCONTINUED"}


def test_an_order_that_arrives_while_a_step_for_its_accession_number_begins(
    core: Core, race: Race
) -> None:
    named = scheduled(uid="1.7")
    race.run(
        lambda: core.start_step("1.9.1", IN_PROGRESS, named),
        (PerformedSteps, "add"),
        lambda: core.place(order("NW", procedure())),
    )
    assert core.statuses() == {"S1": "STARTED"}


def test_an_image_of_a_study_that_is_not_named_while_its_step_ends(core: Core, race: Race) -> None:
    core.place(order())
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    ended = replace(report("1.9.1", COMPLETED), instances={"1.8.1.1": "1.8.1"})
    race.run(
        lambda: core.performed.update(ended, "CT01"),
        (PerformedSteps, "change"),
        lambda: core.image("1.8.1.1", "1.8", series="1.8.1", performed=["1.9.1"]),
    )
    core.settle()
    assert core.matched_accessions("1.8") == ["A1"]
