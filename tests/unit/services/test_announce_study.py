"""Studies that somebody else knows of: a UID given in advance, and images held elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bridge.domain.announced_study import AnnouncedSeries, AnnouncedStatus, StudyAnnounced
from bridge.domain.identifiers import Identifier
from bridge.domain.journal import Disposition
from bridge.domain.matching import Outcome
from bridge.domain.order import OrderNumbers
from bridge.domain.patient import PatientDetails
from bridge.services.publish_study import gather
from tests.unit.services.core import (
    CT_IMAGE,
    HOSP,
    Core,
    numbers,
    order,
    patient,
    procedure,
    scheduled,
    step,
)

UID = "1.2.77"
HEAD = AnnouncedSeries(
    series_instance_uid="1.2.77.1",
    modality="CT",
    number=1,
    instances=(("1.2.77.1.1", "1.2.840.10008.5.1.4.1.1.2"),),
    number_of_instances=3,
)


def announced(status: str = "available", **said: Any) -> StudyAnnounced:
    usual: dict[str, Any] = {
        "study_instance_uid": UID,
        "status": AnnouncedStatus(status),
        "patient": patient(),
        "orders": (numbers("A1"),),
        "series": (HEAD,) if status == "available" else (),
        "retrieve_url": "https://pacs.example/dicom-web" if status == "available" else "",
    }
    return StudyAnnounced(**{**usual, **said})


def without_uid(accession: str = "A1", **details: Any) -> Any:
    return order("NW", procedure("", "R1"), accession=accession, **details)


class TestRegistered:
    def test_given_an_order_without_a_uid_then_it_is_scheduled_with_that_of_the_study(
        self, core: Core
    ) -> None:
        core.place(without_uid(), mode="ris")
        assert core.worklist() == []

        core.place(announced("registered"), mode="ris")

        assert core.entry()["uid"] == UID

    def test_given_an_accession_number_only_then_it_finds_the_order(self, core: Core) -> None:
        core.place(without_uid(), mode="ris")
        core.place(announced("registered", orders=(), accession=Identifier("A1", HOSP)), mode="ris")
        assert core.entry()["uid"] == UID

    def test_given_the_same_again_then_nothing_changes(self, core: Core) -> None:
        core.place(without_uid(), mode="ris")
        core.place(announced("registered"), mode="ris")
        assert core.send(announced("registered"), mode="ris").disposition is Disposition.NOTED

    def test_given_an_order_that_has_another_uid_then_it_never_changes(self, core: Core) -> None:
        core.place(order("NW", procedure("1.2.1", "R1")))
        answer = core.send(announced("registered"))
        assert (answer.code, answer.location) == ("205", "ImagingStudy.identifier")
        assert core.entry()["uid"] == "1.2.1"

    def test_given_the_uid_of_another_patient_then_it_is_refused(self, core: Core) -> None:
        core.place(order("NW", procedure(UID, "R9"), who=patient("P2"), accession="A9"))
        core.place(without_uid(), mode="ris")
        answer = core.send(announced("registered"), mode="ris")
        assert (answer.code, answer.location) == ("205", "ImagingStudy.identifier")

    def test_given_an_order_of_another_patient_then_it_is_refused(self, core: Core) -> None:
        core.place(without_uid(), mode="ris")
        answer = core.send(announced("registered", patient=patient("P2")), mode="ris")
        assert (answer.code, answer.location) == ("205", "ImagingStudy.subject")

    def test_given_no_such_order_yet_then_the_uid_waits_for_it(self, core: Core) -> None:
        early = core.send(announced("registered"), mode="ris")
        assert early.disposition is Disposition.PARKED

        core.place(without_uid(), mode="ris")

        assert core.entry()["uid"] == UID

    def test_given_several_procedures_then_the_modality_tells_which(self, core: Core) -> None:
        two = (procedure("", "R1"), procedure("", "R2", step(modality="MR"), code="MRHEAD"))
        core.place(order("NW", *two), mode="ris")
        assert core.send(announced("registered"), mode="ris").code == "204"

        mr = AnnouncedSeries(series_instance_uid="1.2.77.1", modality="MR")
        core.place(announced("registered", series=(mr,)), mode="ris")

        assert [(e["rp_id"], e["uid"]) for e in core.worklist()] == [("R2", UID)]

    def test_given_images_that_came_before_then_they_are_matched(self, core: Core) -> None:
        core.image("1.2.77.1.1", UID, accession="")
        core.settle()
        core.place(without_uid(), mode="ris")
        assert core.outcome(UID) is Outcome.UNSCHEDULED
        core.place(announced("registered"), mode="ris")
        assert core.outcome(UID) is Outcome.MATCHED


class TestAvailable:
    def test_given_its_order_then_it_is_matched_and_told_of(self, core: Core) -> None:
        core.place(order())
        core.place(announced())
        assert core.outcome(UID) is Outcome.MATCHED
        assert len(core.told()) == 1

    def test_given_a_match_then_what_is_told_names_the_images_and_where_they_are(
        self, core: Core
    ) -> None:
        core.place(order())
        core.place(announced())

        published = core.store.read(lambda tx: gather(tx, f"study:{UID}", ""))

        assert published is not None
        assert published.study.announced is not None
        assert published.study.announced.retrieve_url == "https://pacs.example/dicom-web"
        (series,) = published.study.whole_series
        assert (series.modality, series.count, len(series.instances)) == ("CT", 3, 1)

    def test_given_the_order_afterwards_then_it_is_matched_then(self, core: Core) -> None:
        core.place(announced())
        assert core.outcome(UID) is Outcome.UNSCHEDULED
        core.place(order())
        assert core.outcome(UID) is Outcome.MATCHED

    def test_given_an_order_number_only_then_it_leads_to_the_order(self, core: Core) -> None:
        core.place(order(accession="", placer="K7"))
        core.place(announced(orders=(numbers(placer="K7"),)))
        assert core.outcome(UID) is Outcome.MATCHED
        assert core.reasons() == ["order number and patient agree"]

    def test_given_several_orders_then_it_serves_them_all(self, core: Core) -> None:
        core.place(order(accession="A1", placer="K1"))
        core.place(order("NW", procedure("1.2.2", "R2"), accession="A2", placer="K2"))
        core.place(announced(orders=(numbers(placer="K1"), numbers(placer="K2"))))
        assert core.matched_accessions(UID) == ["A1", "A2"]

    def test_given_another_patient_then_it_is_a_conflict(self, core: Core) -> None:
        core.place(order())
        core.place(order("NW", procedure("1.2.3", "R3"), who=patient("P2"), accession="A2"))
        core.place(announced(patient=patient("P2")))
        assert core.outcome(UID) is Outcome.CONFLICT
        assert core.told() == []

    def test_given_a_patient_nobody_knows_then_it_waits_for_a_hand(self, core: Core) -> None:
        core.place(order())
        stranger = PatientDetails(identifiers=(Identifier("X", HOSP),))
        core.place(announced(patient=stranger))
        assert core.outcome(UID) is Outcome.CANDIDATES

    def test_given_an_older_announcement_then_it_is_stale(self, core: Core) -> None:
        core.place(order())
        core.place(announced(occurred_at="20260105100000"))
        older = announced(occurred_at="20260105090000", series=())
        assert core.send(older).disposition is Disposition.STALE

    def test_given_our_own_images_of_it_then_both_are_told_of(self, core: Core) -> None:
        core.place(order("NW", procedure(UID, "R1")))
        core.image("1.2.77.1.1", UID, series="1.2.77.1")
        core.image("1.2.77.1.9", UID, series="1.2.77.1")
        core.settle()
        core.place(announced())

        study = core.store.read(lambda tx: tx.studies.find(UID))

        assert study is not None
        assert study.instance_uids == {"1.2.77.1.1", "1.2.77.1.9"}
        (series,) = study.whole_series
        assert (len(series.instances), series.count) == (2, 3)

    def test_given_images_that_arrive_later_then_they_are_indexed_and_found(
        self, core: Core
    ) -> None:
        core.place(order())
        core.place(announced())
        core.image("1.2.77.1.1", UID, series="1.2.77.1")
        core.settle()
        assert core.outcome(UID) is Outcome.MATCHED
        study = core.store.read(lambda tx: tx.studies.find(UID))
        assert study is not None
        assert study.instance_uids == {"1.2.77.1.1"}


class TestWithdrawn:
    @pytest.mark.parametrize("status", ["cancelled", "entered-in-error"])
    def test_given_an_announced_study_then_its_images_are_gone(
        self, core: Core, status: str
    ) -> None:
        core.place(order())
        core.place(announced())
        before = len(core.told())

        core.place(announced(status))

        study = core.store.read(lambda tx: tx.studies.find(UID))
        assert study is not None
        assert study.announced is not None
        assert (study.announced.status, study.whole_series) == (AnnouncedStatus(status), ())
        assert study.announced.retrieve_url == ""
        assert len(core.told()) >= before

    def test_given_a_study_nobody_announced_then_nothing_changes(self, core: Core) -> None:
        assert core.send(announced("cancelled")).disposition is Disposition.NOTED

    def test_given_images_of_our_own_then_they_stay(self, core: Core) -> None:
        core.place(order("NW", procedure(UID, "R1")))
        core.image("1.2.77.1.1", UID)
        core.settle()
        assert core.send(announced("entered-in-error")).disposition is Disposition.NOTED
        assert core.outcome(UID) is Outcome.MATCHED

    def test_given_the_uid_of_an_order_then_it_stays(self, core: Core) -> None:
        core.place(without_uid(), mode="ris")
        core.place(announced("registered"), mode="ris")
        core.send(announced("cancelled"), mode="ris")
        assert core.entry()["uid"] == UID


def test_given_what_was_announced_then_it_is_kept_whole(core: Core) -> None:
    event = announced(
        orders=(OrderNumbers(placer=Identifier("K7", HOSP)),), occurred_at="20260105100000"
    )
    core.place(event)
    study = core.store.read(lambda tx: tx.studies.find(UID))
    assert study is not None
    assert study.announced is not None
    (archive,) = study.announced.archives
    assert (archive.series, archive.retrieve_url) == (event.series, event.retrieve_url)
    assert (study.announced.orders, study.announced.occurred_at) == (
        event.orders,
        event.occurred_at,
    )
    assert study.patient_id == replace(event.patient.identifiers[0])


class TestNotified:
    """Instance Availability Notifications: instances come and go, and no patient is named."""

    def notified(self, *there: str, gone: tuple[str, ...] = (), **said: Any) -> StudyAnnounced:
        series = AnnouncedSeries(
            series_instance_uid=f"{UID}.1",
            modality="CT",
            instances=tuple((uid, CT_IMAGE) for uid in there),
            unavailable=gone,
        )
        usual: dict[str, Any] = {
            "patient": PatientDetails(identifiers=()),
            "orders": (),
            "series": (series,),
            "retrieve_url": "",
            "retrieve_ae_title": "PACS",
            "is_whole": False,
            "may_grow": True,
        }
        return announced(**{**usual, **said})

    def count(self, core: Core) -> int:
        study = core.store.read(lambda tx: tx.studies.find(UID))
        assert study is not None
        return sum(each.count for each in study.whole_series)

    def test_given_its_order_then_it_is_the_orders_once_it_has_settled(self, core: Core) -> None:
        core.place(order("NW", procedure(UID, "R1")))
        core.place(self.notified("1", "2"))
        assert core.told() == []
        core.settle()
        assert core.told() == [("study.available", UID)]

    def test_given_it_comes_before_its_order_then_it_is_the_orders_all_the_same(
        self, core: Core
    ) -> None:
        core.place(self.notified("1"))
        core.settle()
        core.place(order("NW", procedure(UID, "R1")))
        assert core.outcome(UID) is Outcome.MATCHED

    def test_given_the_performed_step_names_another_patient_then_it_is_a_conflict(
        self, core: Core
    ) -> None:
        core.place(order("NW", procedure(UID, "R1")))
        core.place(order("NW", procedure("1.2.9", "R2"), who=patient("P2"), accession="A2"))
        core.start_step("1.9.1", "IN PROGRESS", scheduled(UID), patient_id="P2")
        core.place(self.notified("1", performed_step_uids=("1.9.1",)))
        core.settle()
        assert core.outcome(UID) is Outcome.CONFLICT

    def test_given_several_then_they_add_up_and_each_that_goes_counts_once(
        self, core: Core
    ) -> None:
        core.place(self.notified("1", "2"))
        core.place(self.notified("2", "3"))
        assert self.count(core) == 3
        core.place(self.notified(gone=("1",)))
        core.send(self.notified(gone=("1",)))
        assert self.count(core) == 2
        core.place(self.notified("1"))
        assert self.count(core) == 3

    def test_given_all_are_gone_then_the_study_is(self, core: Core) -> None:
        core.place(order("NW", procedure(UID, "R1")))
        core.place(self.notified("1"))
        core.settle()
        core.place(self.notified(gone=("1",)))
        study = core.store.read(lambda tx: tx.studies.find(UID))
        assert study is not None
        assert study.announced is not None
        assert study.announced.status is AnnouncedStatus.CANCELLED
        assert study.whole_series == ()

    def test_given_a_study_nobody_told_of_is_gone_then_nothing_changes(self, core: Core) -> None:
        assert core.send(self.notified(gone=("1",))).disposition is Disposition.NOTED

    def test_given_a_count_that_somebody_told_then_a_notification_does_not_double_it(
        self, core: Core
    ) -> None:
        core.place(announced(retrieve_ae_title="PACS"))
        core.send(self.notified("1.2.77.1.1"))
        assert self.count(core) == 3
