"""Given a request for storage commitment, then what is promised is what is kept when it is told."""

from __future__ import annotations

import pytest

from bridge.domain.commitment import (
    CommitmentReport,
    CommitmentRequest,
    DuplicateTransaction,
    FailureReason,
    InstanceReference,
    NobodyToTell,
)
from bridge.domain.delivery import TransportError
from bridge.services.commit_storage import CommitmentOutbox, CommitStorage, destination_of
from bridge.services.forward_images import ForwardOutbox, ForwardRule
from bridge.services.read_images import ReadImages
from tests.unit.services.core import CT_IMAGE, SENT, Core

HELD = InstanceReference(CT_IMAGE, "1.2.1.1.1")
UNKNOWN = InstanceReference(CT_IMAGE, "1.2.1.1.2")
OTHER_CLASS = InstanceReference("1.2.840.10008.5.1.4.1.1.4", "1.2.1.1.1")


class Objects:
    """All objects are there, but `lost`."""

    def __init__(self, lost: str = "") -> None:
        self.lost = lost

    def has(self, key: str) -> bool:
        return not (self.lost and self.lost in key)


def service(core: Core) -> CommitStorage:
    return CommitStorage(store=core.store, reachable=frozenset({"CT01"}), clock=core.clock)


def request(*references: InstanceReference, uid: str = "1.9") -> CommitmentRequest:
    return CommitmentRequest(transaction_uid=uid, ae_title="CT01", references=references)


def told(core: Core, objects: Objects | None = None) -> list[CommitmentReport]:
    """What the reports to CT01 that are due say, each taken as delivered."""
    outbox = CommitmentOutbox(core.store, objects or Objects(), core.clock)
    found = []
    for delivery in outbox.claim(destination_of("CT01"), "node", core.now, 60, 10):
        report = outbox.gather(delivery)
        assert report is not None
        found.append(report)
    return found


def test_given_an_instance_is_held_then_it_is_promised(core: Core) -> None:
    core.image()
    service(core).request(request(HELD))
    (report,) = told(core)
    assert (report.committed, dict(report.failures)) == ((HELD,), {})


def test_given_what_is_not_held_as_asked_then_each_has_its_reason(core: Core) -> None:
    core.image()
    service(core).request(request(UNKNOWN, OTHER_CLASS))
    (report,) = told(core)
    assert report.committed == ()
    assert dict(report.failures) == {
        UNKNOWN: FailureReason.NO_SUCH_OBJECT_INSTANCE,
        OTHER_CLASS: FailureReason.CLASS_INSTANCE_CONFLICT,
    }


def test_given_the_object_of_an_instance_is_lost_then_nothing_is_promised_of_it(
    core: Core,
) -> None:
    core.image()
    service(core).request(request(HELD))
    (report,) = told(core, Objects(lost="1.2.1.1.1"))
    assert dict(report.failures) == {HELD: FailureReason.PROCESSING_FAILURE}


def test_given_an_instance_arrives_after_the_request_then_the_report_knows_it(core: Core) -> None:
    service(core).request(request(HELD))
    core.image()
    (report,) = told(core)
    assert report.committed == (HELD,)


def test_given_the_same_request_again_then_it_is_told_again_but_not_twice_at_once(
    core: Core,
) -> None:
    service(core).request(request(HELD))
    service(core).request(request(HELD))
    outbox = CommitmentOutbox(core.store, Objects(), core.clock)
    (delivery,) = outbox.claim(destination_of("CT01"), "node", core.now, 60, 10)
    outbox.delivered(delivery, SENT, core.now)
    service(core).request(request(HELD))
    assert len(told(core)) == 1


def test_given_the_same_uid_for_other_instances_then_it_is_refused(core: Core) -> None:
    service(core).request(request(HELD))
    with pytest.raises(DuplicateTransaction):
        service(core).request(request(UNKNOWN))
    assert len(core.told(destination_of("CT01"))) == 1


def test_given_nobody_could_be_told_then_the_request_is_refused(core: Core) -> None:
    nobody = CommitStorage(store=core.store, reachable=frozenset(), clock=core.clock)
    with pytest.raises(NobodyToTell):
        nobody.request(request(HELD))


def test_given_more_instances_than_a_statement_takes_parameters_then_all_are_judged(
    core: Core,
) -> None:
    many = [InstanceReference(CT_IMAGE, f"1.2.9.{number}") for number in range(2000)]
    core.image()
    service(core).request(request(HELD, *many))
    (report,) = told(core)
    assert (len(report.committed), len(report.failures)) == (1, 2000)


def test_given_an_archive_is_to_commit_first_then_nothing_is_told_before(core: Core) -> None:
    core.image()
    service(core).request(request(HELD))
    images = ReadImages(store=core.store, objects=core.objects)
    rules = {"pacs": ForwardRule(), "mr": ForwardRule(modalities=frozenset({"MR"}))}
    forwarded = ForwardOutbox(core.store, images, rules, core.clock)
    assert not forwarded.awaits("mr", ["1.2.1.1.1"])
    outbox = CommitmentOutbox(
        core.store, Objects(), core.clock, lambda uids: forwarded.awaits("pacs", uids)
    )
    (delivery,) = outbox.claim(destination_of("CT01"), "node", core.now, 60, 10)
    with pytest.raises(TransportError) as caught:
        outbox.gather(delivery)
    assert not caught.value.permanent
    forwarded.note("pacs", "1.2.1", ["1.2.1.1.1"])
    told = outbox.gather(delivery)
    assert told is not None
    assert told.committed == (HELD,)
