"""When a study is worth telling about: the modality said so, or it has been quiet long enough."""

from __future__ import annotations

import pytest

from bridge.domain.matching import Outcome
from bridge.domain.publication import PublishedStudy
from bridge.services.complete_study import GRACE_SECONDS
from tests.unit.services.core import SETTLE_SECONDS, Core, order, scheduled

IN_PROGRESS, COMPLETED, DISCONTINUED = "IN PROGRESS", "COMPLETED", "DISCONTINUED"


@pytest.fixture
def core(core: Core) -> Core:
    core.place(order())
    return core


def test_given_no_mpps_then_a_study_is_complete_after_the_quiet_time(core: Core) -> None:
    core.image()
    core.wait(SETTLE_SECONDS - 1)
    assert core.outcome() is None
    core.wait(1)
    assert core.outcome() is Outcome.MATCHED
    assert core.told() == [("study.available", "1.2.1")]


def test_given_another_instance_then_the_quiet_time_begins_anew(core: Core) -> None:
    core.image("1.1")
    core.wait(SETTLE_SECONDS - 1)
    core.image("1.2")
    core.wait(SETTLE_SECONDS - 1)
    assert core.outcome() is None
    core.wait(1)
    assert core.outcome() is Outcome.MATCHED


def test_given_a_completed_mpps_and_every_instance_then_it_is_complete_at_once(core: Core) -> None:
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.image("1.1")
    core.image("1.2")
    core.end_step("1.9.1", COMPLETED, instances=["1.1", "1.2"])
    core.wait()
    assert core.outcome() is Outcome.MATCHED


@pytest.mark.parametrize("status", [COMPLETED, DISCONTINUED])
def test_given_an_mpps_that_ended_before_the_first_image_then_the_last_one_completes_it(
    core: Core, status: str
) -> None:
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.end_step("1.9.1", status, instances=["1.1", "1.2"])
    core.wait()
    core.image("1.1")
    core.wait(GRACE_SECONDS)
    assert core.outcome() is None
    core.image("1.2")
    core.wait(GRACE_SECONDS)
    assert core.outcome() is Outcome.MATCHED


def test_given_an_instance_that_never_comes_then_the_study_is_told_after_the_quiet_time(
    core: Core,
) -> None:
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.image("1.1")
    core.end_step("1.9.1", COMPLETED, instances=["1.1", "1.2"])
    core.wait()
    assert core.outcome() is None
    core.wait(SETTLE_SECONDS)
    assert core.outcome() is Outcome.MATCHED


def test_given_a_second_mpps_in_progress_then_the_study_waits_for_it(core: Core) -> None:
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.start_step("1.9.2", IN_PROGRESS, scheduled())
    core.image("1.1")
    core.end_step("1.9.1", COMPLETED, instances=["1.1"])
    core.wait()
    assert core.outcome() is None
    core.end_step("1.9.2", DISCONTINUED)
    core.wait()
    assert core.outcome() is Outcome.MATCHED


def test_given_an_mpps_that_is_never_ended_then_the_quiet_time_decides(core: Core) -> None:
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.image("1.1")
    core.settle()
    assert core.outcome() is Outcome.MATCHED


def test_given_a_late_instance_then_the_study_opens_again_and_is_told_again(core: Core) -> None:
    core.image("1.1")
    core.settle()
    core.deliver()
    core.image("1.2")
    assert core.told() == []
    core.settle()
    assert core.told() == [("study.changed", "1.2.1")]
    (delivery,) = core.outbox.claim("ehr", "node", core.now, 60.0, 10)
    published = core.outbox.gather(delivery)
    assert isinstance(published, PublishedStudy)
    assert published.study.instance_uids == {"1.1", "1.2"}


def test_given_an_instance_between_the_claim_of_a_timer_and_its_action_then_it_waits_on(
    core: Core,
) -> None:
    core.image("1.1")
    core.now += SETTLE_SECONDS
    (fired,) = core.store.transact(lambda tx: tx.timers.claim("node", core.now, 60.0, 10))
    core.image("1.2")
    core.complete.look(fired, core.now)
    assert core.outcome() is None
    core.settle()
    assert core.outcome() is Outcome.MATCHED


def test_given_two_nodes_that_fire_one_timer_then_the_study_is_told_once(core: Core) -> None:
    core.image("1.1")
    core.now += SETTLE_SECONDS
    (fired,) = core.store.transact(lambda tx: tx.timers.claim("dead", core.now, 60.0, 10))
    core.now += 60.0
    (again,) = core.store.transact(lambda tx: tx.timers.claim("alive", core.now, 60.0, 10))
    core.complete.look(again, core.now)
    core.complete.look(fired, core.now)
    assert len(core.reasons()) == 1


def test_given_a_restart_then_the_timer_is_still_there(core: Core) -> None:
    core.image("1.1")
    restarted = Core(core.database)
    restarted.now = core.now
    restarted.settle()
    assert restarted.outcome() is Outcome.MATCHED


def test_given_a_timer_of_a_study_that_never_came_then_nothing_happens(core: Core) -> None:
    core.start_step("1.9.1", IN_PROGRESS, scheduled())
    core.end_step("1.9.1", COMPLETED)
    core.settle()
    assert core.reasons() == []
    assert core.store.read(lambda tx: tx.timers.next_due(core.now)) is None


def test_given_other_studies_then_each_has_its_own_time(core: Core) -> None:
    core.image("1.1", "1.2.1")
    core.wait(SETTLE_SECONDS / 2)
    core.image("2.1", "1.2.2", accession="")
    core.wait(SETTLE_SECONDS / 2)
    assert (core.outcome("1.2.1"), core.outcome("1.2.2")) == (Outcome.MATCHED, None)
