"""Given an archive that takes corrections, then images go again once they are another's."""

from __future__ import annotations

from bridge.domain.identifiers import Identifier
from bridge.services.forward_images import ForwardOutbox, ForwardRule
from bridge.services.publish_study import PublishStudy
from bridge.services.read_images import ReadImages
from tests.unit.services.core import DESTINATIONS, SENT, Core, merge, order, patient, procedure
from tests.unit.services.desk import Desk

UID = "1.2.1"


class Archives:
    """Two archives that get everything; one of them takes corrections."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.rules = {"plain": ForwardRule(), "newest": ForwardRule(corrections=True)}
        images = ReadImages(store=core.store, objects=core.objects)
        self._outbox = ForwardOutbox(core.store, images, self.rules, core.clock)

    def take(self, name: str) -> list[str]:
        """What an archive is sent now."""
        sent: list[str] = []
        while claimed := self._outbox.claim(name, "node", self._core.now, 60.0, 10):
            for each in claimed:
                if forward := self._outbox.gather(each):
                    uids = [instance.sop_instance_uid for instance in forward.instances]
                    self._outbox.note(name, UID, uids)
                    sent += uids
                self._outbox.delivered(each, SENT, self._core.now)
        return sorted(sent)


def gateway(core: Core) -> Archives:
    archives = Archives(core)
    told = DESTINATIONS["ehr"]
    core.reconcile._publish = PublishStudy({"plain": told, "newest": told})
    return archives


def test_given_a_merge_then_the_archive_that_takes_corrections_gets_the_images_again(
    core: Core,
) -> None:
    archives = gateway(core)
    core.place(order(who=patient("R")))
    core.image("1.1", patient_id="R")
    core.settle()
    assert archives.take("plain") == archives.take("newest") == ["1.1"]
    core.place(merge(patient("S"), "R"))
    assert archives.take("plain") == []
    assert archives.take("newest") == ["1.1"]


def test_given_a_late_image_then_only_that_one_goes(core: Core) -> None:
    archives = gateway(core)
    core.place(order())
    core.image("1.1")
    core.settle()
    archives.take("newest")
    core.image("1.2")
    core.settle()
    assert archives.take("newest") == ["1.2"]


def test_given_it_changes_while_images_are_sent_then_they_go_again(core: Core) -> None:
    archives = gateway(core)
    core.place(order(who=patient("R")))
    core.image("1.1", patient_id="R")
    core.settle()
    outbox = archives._outbox
    (claimed,) = outbox.claim("newest", "node", core.now, 60.0, 10)
    assert outbox.gather(claimed)
    core.place(merge(patient("S"), "R"))
    outbox.note("newest", UID, ["1.1"])
    outbox.delivered(claimed, SENT, core.now)
    assert archives.take("newest") == ["1.1"]


def test_given_a_person_links_it_to_another_order_then_the_preview_says_who_gets_images_again(
    core: Core,
) -> None:
    archives = gateway(core)
    core.place(order(), order("NW", procedure("1.2.7", "R7"), accession="A7"))
    core.image("1.1")
    core.settle()
    archives.take("plain")
    archives.take("newest")
    desk = Desk(core, archives.rules)
    preview = desk.preview.of(
        UID, lambda acts: acts.resolve.link(UID, [Identifier("A7")], "dr.an", "request form")
    )
    assert {each.destination: each.effect.value for each in preview.told} == {
        "plain": "nothing",
        "newest": "gets images",
    }
