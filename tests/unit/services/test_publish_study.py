"""Destinations are told what they want to know, of the newest state, when there is something."""

from __future__ import annotations

import pytest

from bridge.domain.delivery import DeliveryState, RetryDecision, Sent, TransportError
from bridge.domain.publication import PublishedStudy, WithdrawnStudy
from bridge.services.resolve_study import ResolveStudy
from tests.unit.services.core import Core, order, patient, procedure, updated


def matched(core: Core) -> None:
    core.place(order())
    core.image()
    core.settle()


def gathered(core: Core) -> PublishedStudy | None:
    (delivery,) = core.outbox.claim("ehr", "node", core.now, 60.0, 10)
    found = core.outbox.gather(delivery)
    assert found is None or isinstance(found, PublishedStudy)
    return found


def test_given_a_match_then_each_destination_is_told_what_it_wants(core: Core) -> None:
    matched(core)
    assert core.told("ehr") == core.told("pager") == [("study.available", "1.2.1")]
    core.deliver()
    core.place(order("XO", procedure(code="CTNECK")))
    assert core.told("ehr") == [("study.changed", "1.2.1")]
    assert core.told("pager") == [("study.available", "1.2.1")]


def test_given_a_delivery_then_it_has_study_patient_and_request(core: Core) -> None:
    matched(core)
    study = gathered(core)
    assert study is not None
    assert study.study.study_instance_uid == "1.2.1"
    assert study.patient.patient_id.value == "P1"
    assert [each.procedure.rp_id for each in study.requests] == ["R1"]
    assert study.last_content_hash == ""


def test_given_a_change_before_it_is_sent_then_one_delivery_tells_the_newest(core: Core) -> None:
    matched(core)
    core.place(updated(patient(PatientName="LE^BINH")))
    core.place(updated(patient(PatientName="LY^BINH")))
    assert core.told() == [("study.available", "1.2.1")]
    study = gathered(core)
    assert study is not None
    assert study.patient.attributes["PatientName"] == "LY^BINH"


def test_given_a_change_while_it_is_sent_then_it_is_told_again(core: Core) -> None:
    matched(core)
    (delivery,) = core.outbox.claim("ehr", "node", core.now, 60.0, 10)
    core.place(order("XO", procedure(code="CTNECK")))
    core.outbox.delivered(delivery, Sent(request=b"PUT", content_hash="1"), core.now)
    assert core.told() == [("study.changed", "1.2.1")]


def test_given_a_confirmation_then_its_hash_is_known_next_time(core: Core) -> None:
    matched(core)
    (delivery,) = core.outbox.claim("ehr", "node", core.now, 60.0, 10)
    core.outbox.delivered(delivery, Sent(request=b"PUT", content_hash="abc"), core.now)
    core.place(order("XO", procedure(code="CTNECK")))
    study = gathered(core)
    assert study is not None
    assert study.last_content_hash == "abc"


def test_given_both_ways_of_a_delivery_then_they_are_in_the_journal(core: Core) -> None:
    matched(core)
    (delivery,) = core.outbox.claim("ehr", "node", core.now, 60.0, 10)
    refused = TransportError("422", permanent=False, request=b"PUT", response=b"no")
    pending = RetryDecision(DeliveryState.PENDING, 1.0)
    core.outbox.failed(delivery, refused, pending, core.now)
    core.now += 1.0
    (again,) = core.outbox.claim("ehr", "node", core.now, 60.0, 10)
    core.outbox.delivered(again, Sent(request=b"PUT", response=b"201"), core.now)
    rows = core.store.read(lambda tx: tx.journal.mentioning("1.2.1"))
    assert [(row.disposition, row.reply) for row in rows[:2]] == [
        ("sent", b"201"),
        ("failed", b"no"),
    ]
    assert again.attempts == 1


def test_given_a_receiver_that_is_away_then_nothing_is_journaled_and_no_attempt_burns(
    core: Core,
) -> None:
    matched(core)
    (delivery,) = core.outbox.claim("ehr", "node", core.now, 60.0, 10)
    before = len(core.journal())
    away = TransportError("refused", permanent=False, unreachable=True, request=b"PUT")
    core.outbox.failed(delivery, away, RetryDecision(DeliveryState.PENDING, 1.0, counts=False), 1)
    assert len(core.journal()) == before
    core.now += 1.0
    (again,) = core.outbox.claim("ehr", "node", core.now, 60.0, 10)
    assert again.attempts == 0


def test_given_a_study_that_is_matched_to_nothing_any_more_then_there_is_nothing_to_tell(
    core: Core,
) -> None:
    matched(core)
    (delivery,) = core.outbox.claim("ehr", "node", core.now, 60.0, 10)
    core.start_step("1.9.1", "IN PROGRESS")
    core.image("1.2.1.1.2", performed=["1.9.1"])
    core.end_step("1.9.1", "DISCONTINUED", reason="110514")
    core.settle()
    assert core.outbox.gather(delivery) is None


def test_given_nothing_to_send_then_a_claim_writes_nothing(core: Core) -> None:
    assert core.outbox.claim("ehr", "node", core.now, 60.0, 10) == ()
    assert core.outbox.next_due("ehr", core.now) is None


@pytest.mark.parametrize(
    "failure",
    [
        TransportError("nobody there", permanent=False, unreachable=True),
        TransportError("silence", permanent=False),
        TransportError("500", permanent=False, response=b"500"),
    ],
)
def test_given_taking_a_study_back_fails_at_first_then_it_is_not_forgotten(
    core: Core, failure: TransportError
) -> None:
    core.place(order())
    core.image()
    core.settle()
    (available,) = core.outbox.claim("ehr", "node", core.now, 60.0, 10)
    core.outbox.delivered(available, Sent(request=b"PUT", content_hash="told"), core.now)
    resolve = ResolveStudy(store=core.store, reconcile=core.reconcile, clock=core.clock)
    resolve.unlink("1.2.1", "dr.an", "another patient's")

    for _ in range(2):
        (claimed,) = core.outbox.claim("ehr", "node", core.now, 60.0, 10)
        assert isinstance(core.outbox.gather(claimed), WithdrawnStudy)
        again = RetryDecision(DeliveryState.PENDING, 1.0)
        core.outbox.failed(claimed, failure, again, core.now)
        core.now += 2.0


def test_given_a_receiver_that_never_heard_of_a_study_then_it_is_not_taken_back(
    core: Core,
) -> None:
    core.place(order())
    core.image()
    core.settle()
    (available,) = core.outbox.claim("ehr", "node", core.now, 60.0, 10)
    gone = TransportError("nobody there", permanent=False, unreachable=True)
    core.outbox.failed(available, gone, RetryDecision(DeliveryState.DEAD), core.now)
    resolve = ResolveStudy(store=core.store, reconcile=core.reconcile, clock=core.clock)
    resolve.unlink("1.2.1", "dr.an", "another patient's")

    (withdrawn,) = core.outbox.claim("ehr", "node", core.now, 60.0, 10)
    assert core.outbox.gather(withdrawn) is None
