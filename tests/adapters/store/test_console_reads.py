"""Given what is kept, when the console asks, then both databases give the same to see."""

from __future__ import annotations

import time
from datetime import UTC
from itertools import count

import pytest
from sqlalchemy import select

from bridge.domain.access import Role, SignedIn
from bridge.domain.errors import UnknownKey
from bridge.services.find_anything import FindAnything, Found
from bridge.services.follow_names import FollowNames
from bridge.services.overview import ReadOverview
from bridge.services.read_journal import MessageFilter, ReadJournal
from bridge.services.show_timeline import Happening, ShowTimeline, TimelinePolicy
from bridge.services.watch_now import FindStragglers
from bridge.store.tables import audit
from tests.unit.services.core import Core, order, patient, procedure, step, updated

ANH = SignedIn(name="anh", role=Role.VIEWER, address="10.0.0.7")
LATER = 100_000.0


def find(core: Core, text: str) -> Found:
    return FindAnything(core.store, core.clock).find(text, ANH)


def numbers(found: Found) -> list[str]:
    return [each.accession for each in found.orders]


_NUMBERS = count(1)


def place(core: Core, accession: str, who: str = "P1", name: str = "", **how: str) -> None:
    """An order of one procedure; `modality` empty has it held."""
    number = next(_NUMBERS)
    details = {"modality": how.pop("modality", "CT")}
    asked = procedure(f"1.2.{number}", f"R{number}", step(f"S{number}", **details))
    person = patient(who, PatientName=name or f"TRAN^{who}")
    core.place(order("NW", asked, accession=accession, who=person, **how))


def store_image(core: Core, uid: str, patient_id: str, accession: str) -> None:
    core.image(f"{uid}.1.1", uid, patient_id=patient_id, accession=accession)
    core.settle()


def trail(core: Core) -> list[tuple[str, str, str]]:
    with core.database.read() as connection:
        rows = connection.execute(
            select(audit.c.event, audit.c.object_kind, audit.c.detail).order_by(audit.c.pk)
        )
        return [tuple(row) for row in rows]


@pytest.mark.parametrize("is_indexed", [False, True])
def test_given_names_when_words_of_them_are_typed_then_their_patients_are_found(
    core: Core, is_indexed: bool
) -> None:
    for number, name in enumerate(("NGUYỄN^VĂN ÁNH", "TRẦN^ÁNH NGUYỆT", "NGUYỄN^THỊ LAN"), 1):
        place(core, f"A{number}", f"P{number}", name)
    if is_indexed:
        FollowNames(core.store, lambda: max(time.time(), core.now) + LATER).catch_up()

    for text, expected in (
        ("nguyen van anh", ["A1"]),
        ("Ánh Văn Nguyễn", ["A1"]),
        ("NGUYỄN", ["A3", "A1"]),
        ("anh", ["A2", "A1"]),
        ("ngu anh", ["A2", "A1"]),
        ("lan, nguyen", ["A3"]),
        ("nguyen zzz", []),
        ("%", []),
    ):
        assert numbers(find(core, text)) == expected, text
    assert trail(core)[0] == ("110112", "patient", "nguyen van anh")


def test_given_a_name_that_changed_when_the_former_is_typed_then_nobody_is_found(
    core: Core,
) -> None:
    place(core, "A1", "P1", "TRAN^BINH")
    names = FollowNames(core.store, lambda: max(time.time(), core.now) + LATER)
    names.catch_up()
    core.place(updated(patient("P1", PatientName="LE^CHI")))
    names.catch_up()

    assert find(core, "tran binh").persons == []
    assert [each.name for each in find(core, "chi le").persons] == ["LE^CHI"]


def test_given_an_order_when_any_of_its_numbers_is_typed_then_it_alone_is_found(
    core: Core,
) -> None:
    place(core, "A1", "P1", placer="O1", filler="F1")
    place(core, "A10", "P2", placer="O10", filler="F10")

    for text in ("A1", " A1 ", "O1", "F1"):
        found = find(core, text)
        assert found.only_order is not None, text
        assert found.only_order.accession == "A1"
    assert numbers(find(core, "P1")) == ["A1"]
    assert find(core, "P1").only_order is None
    uid = find(core, "A1").orders[0].study_instance_uids[0]
    assert find(core, uid).only_order is not None
    assert find(core, "").is_empty
    assert find(core, "A").is_empty


def test_given_the_beginning_of_a_number_when_typed_then_whole_numbers_are_offered(
    core: Core,
) -> None:
    for number in (100, 101, 200):
        place(core, f"ACC{number}")

    assert find(core, "ACC1").beginnings == [
        ("ACC100", "accession number"),
        ("ACC101", "accession number"),
    ]


def test_given_a_study_without_order_when_sought_then_it_is_found_by_what_its_images_say(
    core: Core,
) -> None:
    store_image(core, "1.2.999", "P9", "Z9")

    for text in ("1.2.999", "Z9"):
        found = find(core, text)
        assert found.only_study is not None, text
        assert found.only_study.study_instance_uid == "1.2.999"
    assert [each.study_instance_uid for each in find(core, "P9").studies] == ["1.2.999"]


def test_given_a_journal_when_filtered_then_pages_follow_each_other(core: Core) -> None:
    journal = ReadJournal(core.store, core.clock)
    for number in range(60):
        place(core, f"A{number}")

    first = journal.page(MessageFilter())
    second = journal.page(MessageFilter(), first.before)

    assert [len(first.rows), len(second.rows)] == [50, 10]
    assert second.before is None
    pks = [each.pk for each in (*first.rows, *second.rows)]
    assert pks == sorted(pks, reverse=True)
    assert len(set(pks)) == 60
    assert len(journal.page(MessageFilter(mentions="A7")).rows) == 1
    assert journal.page(MessageFilter(disposition="refused")).rows == []
    assert journal.page(MessageFilter(direction="out")).rows == []
    assert journal.page(MessageFilter(since=time.time() + LATER)).rows == []
    assert [each.pk for each in journal.since(pks[3], 10)] == pks[:3]


def test_given_a_message_when_opened_then_what_it_names_is_listed_and_the_look_audited(
    core: Core,
) -> None:
    place(core, "A1")

    opened = ReadJournal(core.store, core.clock).open(1, ANH)

    assert ("accession number", "A1") in {(m.kind, m.value) for m in opened.mentions}
    assert trail(core) == [("110110", "message", "")]
    with pytest.raises(UnknownKey):
        ReadJournal(core.store, core.clock).open(99, ANH)


def test_given_an_order_with_its_study_when_its_timeline_is_shown_then_every_leg_is_timed(
    core: Core,
) -> None:
    place(core, "A1")
    uid = find(core, "A1").orders[0].study_instance_uids[0]
    store_image(core, uid, "P1", "A1")

    timelines = ShowTimeline(core.store, lambda: core.clock() + 1000, TimelinePolicy())
    timeline = timelines.of_order(1, ANH)

    happened = [each.what for each in timeline.events]
    for what in (Happening.MESSAGE, Happening.LISTED, Happening.IMAGES, Happening.DECISION):
        assert what in happened
    queued = [each for each in timeline.events if each.what is Happening.QUEUED]
    assert queued
    assert all(each.is_bad for each in queued)
    late = {leg.name: leg.is_late for leg in timeline.legs if leg.is_open}
    assert late
    assert all(late.values())
    assert [each.at for each in timelines.of_study(uid, ANH).events] == [
        each.at for each in timeline.events
    ]
    with pytest.raises(UnknownKey):
        timelines.of_order(99, ANH)
    with pytest.raises(UnknownKey):
        timelines.of_study("9.9", ANH)
    assert [event for event, _kind, _detail in trail(core)][-2:] == ["110109", "110111"]


def test_given_work_at_every_stage_when_stragglers_are_listed_then_each_is_at_its_stage(
    core: Core,
) -> None:
    place(core, "A1")
    place(core, "A2", "P2", modality="")
    store_image(core, "1.2.999", "P9", "Z9")
    overview = ReadOverview(store=core.store, clock=core.clock, zone=UTC)
    stragglers = FindStragglers(core.store, overview, core.clock)

    assert [each.accession for each in stragglers.orders("scheduled", ANH)] == ["A2"]
    assert [each.accession for each in stragglers.orders("acquired", ANH)] == ["A1"]
    assert [each.study_instance_uid for each in stragglers.studies("matched")] == ["1.2.999"]
    assert stragglers.studies("published") == ()
    with pytest.raises(UnknownKey):
        stragglers.orders("nowhere", ANH)
