"""Who asks for the finer words is told why a study changed, once; nobody else hears otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from bridge.domain.delivery import FINER_STUDY_KINDS, STUDY_KINDS, EventKind
from bridge.domain.identifiers import Identifier
from bridge.domain.matching import Outcome
from bridge.domain.publication import (
    ArrivingStudy,
    DecidedStudy,
    News,
    PublishedStudy,
    WithdrawnStudy,
)
from bridge.domain.rejection import RejectionNote
from bridge.domain.study import StudyState
from bridge.domain.subscription import Subscription
from bridge.services.outbox import Outbox
from bridge.services.resolve_study import ResolveStudy
from tests.unit.services.core import (
    SENT,
    Core,
    header,
    merge,
    order,
    patient,
    procedure,
    report,
    scheduled,
    updated,
)

UID, NOTE = "1.2.1", "1.7.1"
ALL = frozenset({*STUDY_KINDS, *FINER_STUDY_KINDS})


def note(core: Core, *rejected: str, code: str = "113001", **said: Any) -> None:
    """A rejection note in the study that it is about, as change requesters send it."""
    arriving = replace(
        header(NOTE, UID, series="1.2.1.99", modality="KO", **said),
        rejection=RejectionNote(code, frozenset((UID, each) for each in rejected)),
    )
    core.instances.receive(arriving, b"note", NOTE, "QA01")


def resolve(core: Core) -> ResolveStudy:
    return ResolveStudy(store=core.store, reconcile=core.reconcile, clock=core.clock)


def hear(core: Core, name: str = "analyst") -> list[tuple[str, News | None]]:
    """Everything that waits for a destination, as it is told; all is confirmed."""
    heard: list[tuple[str, News | None]] = []
    while claimed := core.outbox.claim(name, "node", core.now, 60.0, 10):
        for each in claimed:
            heard.append((each.kind.value, core.outbox.gather(each)))
            core.outbox.delivered(each, replace(SENT, content_hash="told"), core.now)
    return heard


def kinds(heard: Iterable[tuple[str, News | None]]) -> list[str]:
    return [kind for kind, news in heard if news is not None]


@pytest.fixture
def told(core: Core) -> Core:
    """A study of three images, matched, and told of to everybody."""
    core.place(order())
    for each in ("1.1", "1.2", "1.3"):
        core.image(each)
    core.settle()
    for name in ("analyst", "ehr"):
        hear(core, name)
    return core


def test_given_a_study_that_arrives_then_its_first_image_the_decision_and_the_study_are_told(
    core: Core,
) -> None:
    core.place(order())
    core.image("1.1")
    core.image("1.2")
    assert kinds(hear(core)) == ["study.first_image"]
    core.settle()
    heard = hear(core)
    assert kinds(heard) == ["match.decided", "study.available"]
    _, decided = heard[0]
    assert isinstance(decided, DecidedStudy)
    assert decided.decision.outcome is Outcome.MATCHED
    assert [each.order.numbers.accession for each in decided.requests] == [
        core.held_order().numbers.accession
    ]
    core.image("1.3")
    core.settle()
    assert kinds(hear(core)) == ["study.changed"]


def test_given_the_first_image_then_it_says_which_order_expects_it(core: Core) -> None:
    core.place(order())
    core.image("1.1")
    ((_, news),) = hear(core)
    assert isinstance(news, ArrivingStudy)
    assert (news.study.state, news.study.whole_series[0].count) == (StudyState.RECEIVING, 1)
    assert [each.procedure.study_instance_uid for each in news.requests] == [UID]


def test_given_what_is_told_late_then_the_newest_decision_is_told_once(core: Core) -> None:
    core.image("1.1")
    core.settle()
    core.place(order())
    assert core.outcome(UID) is Outcome.MATCHED
    heard = hear(core)
    assert kinds(heard).count("match.decided") == 1
    assert kinds(heard)[-1] == "study.available"


def test_given_nothing_new_is_decided_then_no_decision_is_told(told: Core) -> None:
    told.place(order("XO", procedure(code="CTNECK")))
    assert kinds(hear(told)) == ["study.changed"]


def test_given_candidates_then_the_decision_names_them_and_a_person_who_decides(core: Core) -> None:
    core.place(order(accession="A1"))
    core.image("1.1", "1.2.7", patient_id="", name="", accession="A1")
    core.settle()
    (decided,) = (news for kind, news in hear(core) if kind == "match.decided")
    assert isinstance(decided, DecidedStudy)
    assert decided.decision.outcome is Outcome.CANDIDATES
    assert [each.number for each in decided.decision.candidates] == ["A1"]
    resolve(core).link("1.2.7", [Identifier("A1")], "dr.an", "the technologist said so")
    heard = hear(core)
    assert kinds(heard) == ["match.decided", "study.available"]
    _, by_person = heard[0]
    assert isinstance(by_person, DecidedStudy)
    assert by_person.decision.decided_by == "operator dr.an"


@pytest.mark.parametrize(
    ("code", "kind"), [("113001", "study.rejected"), ("113039", "study.expired")]
)
def test_given_images_are_rejected_then_it_is_told_at_once_and_once(
    told: Core, code: str, kind: str
) -> None:
    note(told, "1.1", code=code)
    heard = hear(told)
    assert kinds(heard) == [kind]
    assert isinstance(heard[0][1], PublishedStudy)
    assert heard[0][1].rejected is not None
    assert heard[0][1].rejected.instances == {code: 1}
    ((rejected,),) = (series.instances for series in heard[0][1].rejected.series)
    assert rejected.sop_instance_uid == "1.1"
    assert sum(series.count for series in heard[0][1].study.whole_series) == 2
    told.settle()
    assert hear(told) == []
    assert kinds(hear(told, "ehr")) == ["study.changed"]


def test_given_all_of_a_study_is_rejected_then_it_is_told_as_taken_back(told: Core) -> None:
    note(told, "1.1", "1.2", "1.3", code="113037")
    ((kind, news),) = hear(told)
    assert kind == "study.rejected"
    assert isinstance(news, WithdrawnStudy)
    assert news.rejected is not None
    assert (news.rejected.instances, news.rejected.took_place) == ({"113037": 3}, True)
    assert [each.procedure.rp_id for each in news.requests] == ["R1"]
    ((kind, news),) = hear(told, "ehr")
    assert (kind, isinstance(news, WithdrawnStudy)) == ("study.changed", True)


def test_given_a_wrong_worklist_entry_then_nothing_took_place_for_that_order(told: Core) -> None:
    note(told, "1.1", "1.2", "1.3", code="113038")
    ((_, news),) = hear(told)
    assert isinstance(news, WithdrawnStudy)
    assert news.rejected is not None
    assert not news.rejected.took_place


def test_given_late_images_are_coming_then_a_rejection_does_not_wait_for_them(told: Core) -> None:
    told.image("1.4")
    note(told, "1.1")
    assert kinds(hear(told)) == ["study.rejected"]
    told.settle()
    assert kinds(hear(told)) == ["study.changed"]


def test_given_a_study_nobody_was_told_of_then_its_rejected_images_are_no_news(core: Core) -> None:
    core.place(order())
    core.image("1.1")
    core.image("1.2")
    note(core, "1.1")
    core.settle()
    heard = hear(core)
    assert kinds(heard) == ["study.first_image", "match.decided", "study.available"]


def test_given_a_person_rejects_a_study_then_it_says_who_and_of_which_order(told: Core) -> None:
    resolve(told).reject(UID, "dr.an", "a phantom")
    heard = hear(told)
    assert kinds(heard) == ["match.decided", "study.rejected"]
    _, news = heard[1]
    assert isinstance(news, WithdrawnStudy)
    assert news.rejected is not None
    assert (news.rejected.by, news.rejected.took_place) == ("dr.an", False)
    assert [each.procedure.rp_id for each in news.requests] == ["R1"]
    assert kinds(hear(told, "ehr")) == ["study.withdrawn"]


def test_given_a_study_is_moved_to_another_order_then_it_is_corrected(told: Core) -> None:
    told.place(order("NW", procedure("1.2.9", "R9"), accession="A9"))
    hear(told)
    resolve(told).link(UID, [Identifier("A9")], "dr.an", "the wrong entry")
    assert kinds(hear(told)) == ["match.decided", "study.corrected"]
    assert kinds(hear(told, "ehr")) == ["study.changed"]


def test_given_the_patient_is_put_right_then_the_study_is_corrected(told: Core) -> None:
    told.place(updated(patient(PatientName="TRAN^ANH")))
    assert kinds(hear(told)) == ["study.corrected"]
    told.place(merge(patient("P2"), "P1"))
    assert kinds(hear(told))[-1] == "study.corrected"
    told.place(order("XO", procedure(code="CTNECK"), who=patient("P2")))
    assert kinds(hear(told)) == ["study.changed"]


def test_given_the_patient_is_put_right_while_images_come_then_it_is_corrected_at_once(
    told: Core,
) -> None:
    told.image("1.4")
    told.place(updated(patient(PatientName="TRAN^ANH")))
    assert kinds(hear(told)) == ["study.corrected"]


def test_given_a_correction_before_anybody_heard_then_the_study_is_told_as_it_is(
    core: Core,
) -> None:
    core.place(order())
    core.image("1.1")
    core.settle()
    core.place(updated(patient(PatientName="TRAN^ANH")))
    assert kinds(hear(core)) == ["study.first_image", "match.decided", "study.available"]


def test_given_conditions_then_the_finer_words_obey_them(core: Core) -> None:
    wants = {
        "mr": Subscription(kinds=ALL, modalities=frozenset({"MR"})),
        "kis": Subscription(kinds=ALL, sources=frozenset({"KIS"})),
        "ris": Subscription(kinds=ALL, sources=frozenset({"RIS"})),
    }
    core.place(order())
    core.image("1.1")
    core.settle()
    note(core, "1.1")
    told: dict[str, list[str]] = {}
    outbox = {name: Outbox(core.store, {"analyst": each}) for name, each in wants.items()}
    while claimed := core.outbox.claim("analyst", "node", core.now, 60.0, 10):
        for each in claimed:
            for name, of in outbox.items():
                if of.gather(each) is not None:
                    told.setdefault(name, []).append(each.kind.value)
            core.outbox.delivered(each, SENT, core.now)
    assert {*told} == {"kis"}
    assert told["kis"] == ["match.decided", "study.rejected"]


def test_given_a_study_of_nobodys_then_its_rejection_is_told_to_who_asked(core: Core) -> None:
    stranger: dict[str, Any] = {"accession": "A404", "patient_id": "P9"}
    core.image("1.1", **stranger)
    core.settle()
    hear(core)
    note(core, "1.1", **stranger)
    assert kinds(hear(core)) == ["study.rejected"]


def test_given_a_wrong_entry_that_the_modality_withdraws_then_no_word_of_rejection(
    told: Core,
) -> None:
    told.start_step("1.9.1", "IN PROGRESS", scheduled())
    told.image("1.4", performed=["1.9.1"])
    told.performed.update(report("1.9.1", "DISCONTINUED", reason="110514"), "CT01")
    told.settle()
    assert EventKind.STUDY_REJECTED.value not in kinds(hear(told))
