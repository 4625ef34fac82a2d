"""Studies are told of before their images: registered in time, and cancelled when none come."""

from __future__ import annotations

from bridge.domain.delivery import Sent
from bridge.domain.publication import PublishedStudy
from tests.unit.services.core import Core, order, procedure, scheduled

STARTED, SCHEDULED = "study.started", "study.scheduled"


def gathered(core: Core, name: str) -> PublishedStudy | None:
    (delivery,) = core.outbox.claim(name, "node", core.now, 60.0, 1)
    found = core.outbox.gather(delivery)
    core.outbox.delivered(delivery, Sent(request=b"PUT", content_hash="told"), core.now)
    assert found is None or isinstance(found, PublishedStudy)
    return found


def test_given_a_new_order_then_only_who_wants_it_early_learns_of_its_study(core: Core) -> None:
    core.place(order())
    assert core.told("registry") == [(SCHEDULED, "1.2.1")]
    assert core.told("chart") == []
    expected = gathered(core, "registry")
    assert expected is not None
    assert expected.study.study_instance_uid == "1.2.1"
    assert expected.study.series == ()
    assert expected.requests[0].procedure.rp_id == "R1"


def test_given_an_examination_that_begins_then_its_study_is_told_of(core: Core) -> None:
    core.place(order())
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    assert core.told("chart") == [(STARTED, "1.2.1")]
    assert core.told("ehr") == []


def test_given_images_that_come_before_it_is_told_then_the_study_is_told_with_them(
    core: Core,
) -> None:
    core.place(order())
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    core.image()
    core.settle()
    assert core.told("chart") == [(STARTED, "1.2.1"), ("study.available", "1.2.1")]
    first = gathered(core, "chart")
    assert first is not None
    assert first.study.series


def test_given_an_examination_that_ends_without_images_then_it_is_told_again(core: Core) -> None:
    core.place(order())
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    gathered(core, "chart")
    core.end_step("1.9.1", "DISCONTINUED")
    assert core.told("chart") == [(STARTED, "1.2.1")]
    found = gathered(core, "chart")
    assert found is not None
    assert found.last_content_hash == "told"
    assert [each.status.value for each in found.requests[0].procedure.steps] == ["DISCONTINUED"]


def test_given_an_order_that_is_cancelled_before_it_began_then_only_who_knew_is_told(
    core: Core,
) -> None:
    core.place(order())
    gathered(core, "registry")
    core.place(order("CA"))
    assert core.told("chart") == []
    assert core.told("registry") == [(SCHEDULED, "1.2.1")]


def test_given_a_modality_that_gives_its_own_uid_then_the_expected_study_is_done_elsewhere(
    core: Core,
) -> None:
    core.place(order("NW", procedure("1.2.1")))
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    gathered(core, "chart")
    core.image("9.9.1.1", "9.9", performed=["1.9.1"])
    core.end_step("1.9.1", "COMPLETED", instances=["9.9.1.1"])
    core.settle()
    told = core.told("chart")
    assert ("study.available", "9.9") in told
    assert (STARTED, "1.2.1") in told
    news = [gathered(core, "chart") for _ in told]
    expected = [each for each in news if each and each.study.study_instance_uid == "1.2.1"]
    assert [each.is_done_elsewhere for each in expected] == [True]
