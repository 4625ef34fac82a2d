"""Given an archive that is asked, then what is new, changed or gone there is told of, once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from bridge.domain.announced_study import AnnouncedStatus
from bridge.domain.delivery import TransportError
from bridge.domain.matching import Outcome
from bridge.domain.study import Study
from bridge.services.poll_archive import ArchivePlan, PolledArchive, Texts
from tests.unit.services.core import Core, order, procedure, scheduled

UID = "1.2.1"
TODAY = date(2026, 1, 5)


def study(
    uid: str = UID, instances: int = 2, day: str = "20260105", **texts: str
) -> dict[str, str]:
    usual = {
        "StudyInstanceUID": uid,
        "StudyDate": day,
        "PatientID": "P1",
        "PatientName": "TRAN^P1",
        "PatientBirthDate": "19700101",
        "PatientSex": "F",
        "AccessionNumber": "A1",
        "ModalitiesInStudy": "CT",
        "NumberOfStudyRelatedInstances": str(instances),
    }
    return {**usual, **texts}


@dataclass
class Pacs:
    """Holds studies of one series each."""

    held: list[dict[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    series_asked: int = 0
    error: TransportError | None = None

    def studies(self, study_date: str, modality: str) -> Iterator[Texts]:
        if self.error:
            raise self.error
        self.asked.append(study_date)
        first, is_range, last = study_date.partition("-")
        last = (last or "99999999") if is_range else first
        return (each for each in self.held if first <= each["StudyDate"] <= last)

    def study(self, study_instance_uid: str) -> Texts | None:
        return next((s for s in self.held if s["StudyInstanceUID"] == study_instance_uid), None)

    def series(self, study_instance_uid: str) -> list[Texts]:
        self.series_asked += 1
        found = self.study(study_instance_uid) or {}
        count = found.get("NumberOfStudyRelatedInstances") or found.get("count", "0")
        return [
            {
                "SeriesInstanceUID": f"{study_instance_uid}.1",
                "Modality": "CT",
                "NumberOfSeriesRelatedInstances": count,
            }
        ]

    def check(self) -> str:
        return "here"

    def close(self) -> None:
        pass


def poller(
    core: Core, pacs: Pacs, name: str = "pacs", today: date = TODAY, **plan: Any
) -> PolledArchive:
    usual = {"name": name, "peer": "PACS@127.0.0.1", "retrieve_url": "http://pacs/dicom-web"}
    return PolledArchive(
        ArchivePlan(**{**usual, **plan}),
        pacs,
        core.messages,
        store=core.store,
        clock=core.clock,
        today=lambda: today,
    )


def held(core: Core, uid: str = UID) -> Study:
    found = core.store.read(lambda tx: tx.studies.find(uid))
    assert found is not None
    return found


def poll(core: Core, pacs: Pacs, **plan: Any) -> None:
    core.now += 1
    poller(core, pacs, **plan).poll()


def test_given_a_study_of_an_order_then_it_is_available_once_it_has_settled(core: Core) -> None:
    core.place(order())
    poll(core, Pacs([study()]))
    assert core.told() == []
    core.settle()
    assert core.outcome() is Outcome.MATCHED
    found = held(core)
    assert [each.count for each in found.whole_series] == [2]
    assert found.announced is not None
    assert found.announced.retrieve_url == "http://pacs/dicom-web"
    assert core.told() == [("study.available", UID)]


def test_given_the_modality_says_it_is_done_then_nothing_is_waited_for(core: Core) -> None:
    core.place(order())
    core.start_step("1.9.1", "IN PROGRESS", scheduled())
    core.end_step("1.9.1", "COMPLETED", instances=["1.1", "1.2"])
    core.wait()
    poll(core, Pacs([study()]))
    # The step lists series 1.2.1.1, and two instances are counted there.
    core.wait()
    assert core.told() == [("study.available", UID)]


def test_given_nothing_changed_then_it_is_not_told_again_nor_asked_for_its_series(
    core: Core,
) -> None:
    core.place(order())
    pacs = Pacs([study()])
    poll(core, pacs)
    messages = len(core.journal())
    poll(core, pacs)
    assert (pacs.series_asked, len(core.journal())) == (1, messages)


def test_given_an_archive_that_counts_nothing_then_a_change_is_seen_by_its_series(
    core: Core,
) -> None:
    core.place(order())
    pacs = Pacs([study(NumberOfStudyRelatedInstances="", count="2")])
    poll(core, pacs)
    poll(core, pacs)
    pacs.held = [study(NumberOfStudyRelatedInstances="", count="3")]
    poll(core, pacs)
    assert [each.count for each in held(core).whole_series] == [3]


def test_given_more_images_then_fewer_then_more_then_each_counts(core: Core) -> None:
    core.place(order())
    for count in (2, 3, 2):
        poll(core, Pacs([study(instances=count)]))
        core.settle()
        assert [each.count for each in held(core).whole_series] == [count]


def test_given_a_study_is_removed_there_then_it_is_withdrawn_and_comes_back(core: Core) -> None:
    core.place(order())
    poll(core, Pacs([study()]))
    core.settle()
    poll(core, Pacs())
    gone = held(core)
    assert gone.announced is not None
    assert (gone.announced.status, gone.whole_series) == (AnnouncedStatus.CANCELLED, ())
    poll(core, Pacs([study()]))
    core.settle()
    assert [each.count for each in held(core).whole_series] == [2]


def test_given_another_study_date_then_it_is_not_taken_for_gone(core: Core) -> None:
    core.place(order())
    poll(core, Pacs([study()]))
    poll(core, Pacs([study(day="20251201")]))
    assert [each.count for each in held(core).whole_series] == [2]


def test_given_a_restart_then_the_questions_go_on_where_they_ended_and_a_bit_before(
    core: Core,
) -> None:
    pacs = Pacs()
    poll(core, pacs, lookback=2)
    assert pacs.asked == ["20260103", "20260104", "20260105-"]
    pacs.asked.clear()
    poll(core, pacs, lookback=2, today=date(2026, 1, 6))
    assert pacs.asked == ["20260104", "20260105", "20260106-"]
    pacs.asked.clear()
    core.now += 86_400
    poll(core, pacs, lookback=4, today=date(2026, 1, 6))
    assert pacs.asked[0] == "20260102"


def test_given_the_archive_fails_then_it_is_noted_until_it_answers(core: Core) -> None:
    pacs = Pacs(error=TransportError("HTTP status 503", permanent=False))
    with pytest.raises(TransportError):
        poll(core, pacs)
    cursor = core.store.read(lambda tx: tx.sources.cursor("pacs", "study"))
    assert (cursor.failures, cursor.problem) == (1, "HTTP status 503")
    pacs.error = None
    poll(core, pacs)
    cursor = core.store.read(lambda tx: tx.sources.cursor("pacs", "study"))
    assert (cursor.failures, cursor.problem) == (0, "")


def test_given_modalities_then_those_that_a_server_gives_beside_are_left_out(core: Core) -> None:
    poll(core, Pacs([study(), study("1.2.2", ModalitiesInStudy="MR\\SR")]), modalities=("MR",))
    found = core.store.read(lambda tx: tx.studies.find(UID))
    assert found is None
    assert held(core, "1.2.2").accession is not None


def test_given_two_ways_of_one_archive_then_it_is_one_study_and_told_of_once(core: Core) -> None:
    core.place(order("NW", procedure(UID, "R1")))
    poll(core, Pacs([study()]), name="find")
    core.settle()
    poll(core, Pacs([study()]), name="qido")
    core.settle()
    assert core.told() == [("study.available", UID)]
    announced = held(core).announced
    assert announced is not None
    (archive,) = announced.archives
    assert archive.told.keys() == {"find", "qido"}


def test_given_two_archives_then_a_study_stays_while_one_of_them_holds_it(core: Core) -> None:
    core.place(order())
    other = {"name": "deep", "retrieve_url": "http://deep/dicom-web"}
    poll(core, Pacs([study()]))
    poll(core, Pacs([study()]), **other)
    poll(core, Pacs())
    announced = held(core).announced
    assert announced is not None
    assert announced.retrieve_url == "http://deep/dicom-web"
    poll(core, Pacs(), **other)
    announced = held(core).announced
    assert announced is not None
    assert announced.status is AnnouncedStatus.CANCELLED
